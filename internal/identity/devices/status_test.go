package devices_test

import (
	"context"
	"errors"
	"testing"

	"haechi"
	"haechi/internal/identity/devices"
)

// Every change by an operator is allowed; a rule or the system may neither move
// a pending device nor approve anybody.
func TestStateMachine(t *testing.T) {
	all := []haechi.DeviceStatus{haechi.Pending, haechi.Approved, haechi.DeniedDevice, haechi.Revoked, haechi.Blocked}
	for _, from := range all {
		for _, to := range all {
			for _, by := range []string{"kim", "rule:device/auth-failures", "system", ""} {
				r := open(t, devices.Config{}, newStore(with(loaDevice(), from)))
				_, after, err := r.SetStatus(context.Background(), loa, to, by, "why", start)
				ok := by == "kim" || by != "" && from != haechi.Pending && to != haechi.Approved
				if ok != (err == nil) {
					t.Errorf("%v to %v by %q: %v", from, to, by, err)
				}
				want := from
				if ok {
					want = to
				}
				if now, _ := r.Lookup(loa); now.Status != want || after.Status != want {
					t.Errorf("%v to %v by %q: is %v", from, to, by, now.Status)
				}
			}
		}
	}
}

func TestStatusChangeIsDurableThenTold(t *testing.T) {
	s := newStore(loaDevice())
	var told int
	cfg := devices.Config{}
	var r *devices.Registry
	cfg.OnChange = func(before, after haechi.Device) {
		told++
		stored, _ := s.stored(loa)
		live, _ := r.Lookup(loa)
		if before.Status != haechi.Pending || after.Status != haechi.Approved || stored.Status != haechi.Approved || live.Status != haechi.Approved {
			t.Errorf("told %v to %v while the store has %v and lookups say %v", before.Status, after.Status, stored.Status, live.Status)
		}
		if after.By != "kim" || after.Reason != "test" || !after.ChangedAt.Equal(start) {
			t.Errorf("told %+v", after)
		}
	}
	r = open(t, cfg, s)
	set(t, r, loa, haechi.Approved)
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	s := newStore(loaDevice())
	r := open(t, devices.Config{OnChange: func(_, _ haechi.Device) { t.Error("told of a change that was not made") }}, s)
	s.set(func(s *store) { s.fail = errDisk })
	if _, after, err := r.SetStatus(context.Background(), loa, haechi.Approved, "kim", "", start); !errors.Is(err, errDisk) || after.Status != haechi.Pending {
		t.Errorf("%v %v", after.Status, err)
	}
	if d, _ := r.Lookup(loa); d.Status != haechi.Pending {
		t.Errorf("approved in memory though the store failed")
	}
	if _, err := r.NewKey(context.Background(), loa, start); !errors.Is(err, errDisk) {
		t.Errorf("new key: %v", err)
	}
	if _, err := r.Delete(context.Background(), loa); !errors.Is(err, errDisk) {
		t.Errorf("delete: %v", err)
	}
	if _, ok := r.Lookup(loa); !ok {
		t.Error("gone from memory though the store failed")
	}
}

func TestUnknownDevice(t *testing.T) {
	r := open(t, devices.Config{}, newStore())
	_, _, err := r.SetStatus(context.Background(), loa, haechi.Approved, "kim", "", start)
	wantKind(t, err, haechi.NotFound)
	_, err = r.NewKey(context.Background(), loa, start)
	wantKind(t, err, haechi.NotFound)
	wantKind(t, r.RetireKey(context.Background(), loa, "k1"), haechi.NotFound)
	_, err = r.Delete(context.Background(), loa)
	wantKind(t, err, haechi.NotFound)
}

func TestDeletedDeviceReturnsAsPendingWithoutKeys(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	var gone haechi.Device
	r := open(t, devices.Config{OnChange: func(before, after haechi.Device) {
		if after.Key == "" {
			gone = before
		}
	}}, s)
	if _, err := r.NewKey(context.Background(), loa, start); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Delete(context.Background(), loa); err != nil {
		t.Fatal(err)
	}
	if gone.Key != loa || len(s.keys[loa]) != 0 {
		t.Errorf("told %q, %d keys left in the store", gone.Key, len(s.keys[loa]))
	}
	if d, err := r.Register(loaDevice(), start); err != nil || d.Status != haechi.Pending {
		t.Errorf("%+v %v", d, err)
	}
	set(t, r, loa, haechi.Approved)
	if r.Keys(loa, start) != nil {
		t.Error("keys survived the device")
	}
}
