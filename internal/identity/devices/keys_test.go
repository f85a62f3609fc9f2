package devices_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

func newKey(t *testing.T, r *devices.Registry, now time.Time) haechi.NewKey {
	t.Helper()
	k, err := r.NewKey(context.Background(), loa, now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ids(keys []haechi.Key) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.ID)
	}
	return strings.Join(out, " ")
}

func TestKeyIsTheTextThatIsShown(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{}, s)
	k := newKey(t, r, start)
	for text, n := range map[string]int{k.Secret: 32, k.Salt: 16} {
		if raw, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(raw) != n {
			t.Errorf("%d bytes of base64url, want %d (%v)", len(raw), n, err)
		}
	}
	in := r.Keys(loa, start)
	if len(in) != 1 || string(in[0].Secret) != k.Secret || string(in[0].Salt) != k.Salt || k.ID != "k1" || k.Device != loa {
		t.Errorf("%d keys in force, shown id %q", len(in), k.ID)
	}
	again := open(t, devices.Config{}, s).Keys(loa, start)
	if len(again) != 1 || string(again[0].Secret) != k.Secret {
		t.Error("the key does not survive a restart")
	}
	d, _ := r.Lookup(loa)
	if text := fmt.Sprintf("%+v %#v %v", d, d, in); strings.Contains(text, k.Secret) || strings.Contains(text, k.Salt) {
		t.Error("a device or key prints its secret")
	}
	if other := newKey(t, r, start); other.Secret == k.Secret || other.Salt == k.Salt {
		t.Error("two keys are alike")
	}
}

func TestRotation(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{KeyOverlap: time.Hour}, s)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	newKey(t, r, at(0))
	newKey(t, r, at(time.Minute))
	want := func(when time.Duration, want string) {
		t.Helper()
		if got := ids(r.Keys(loa, at(when))); got != want {
			t.Errorf("after %v: keys %q, want %q", when, got, want)
		}
	}
	want(time.Minute, "k2 k1")
	want(61*time.Minute-1, "k2 k1")
	want(61*time.Minute, "k2") // the overlap is half-open
	newKey(t, r, at(2*time.Minute))
	want(2*time.Minute, "k3 k2") // a third ends the oldest at once
	if got := len(s.keys[loa]); got != 2 {
		t.Errorf("%d keys stored, want 2", got)
	}
	if err := r.RetireKey(context.Background(), loa, "k2"); err != nil {
		t.Fatal(err)
	}
	want(2*time.Minute, "k3")
	wantKind(t, r.RetireKey(context.Background(), loa, "k2"), haechi.NotFound)
	if d, _ := r.Lookup(loa); len(d.Keys) != 1 || d.Keys[0].ID != "k3" {
		t.Errorf("the device lists %+v", d.Keys)
	}
}

// A second rotation within the overlap must not lengthen what the older key has left.
func TestOverlapIsNeverLengthened(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{KeyOverlap: time.Hour}, s)
	newKey(t, r, start)
	newKey(t, r, start)
	if err := r.RetireKey(context.Background(), loa, "k2"); err != nil {
		t.Fatal(err)
	}
	newKey(t, r, start.Add(30*time.Minute))
	if got := ids(r.Keys(loa, start.Add(time.Hour))); got != "k3" {
		t.Errorf("keys %q: k1 should have ended an hour after k2 came", got)
	}
}

func TestKeysAreInForceOnlyWhileApproved(t *testing.T) {
	r := open(t, devices.Config{}, newStore(loaDevice()))
	newKey(t, r, start) // made before the approval, so that one visit does both
	for _, s := range []haechi.DeviceStatus{haechi.Approved, haechi.Blocked, haechi.Revoked, haechi.DeniedDevice, haechi.Pending, haechi.Approved} {
		set(t, r, loa, s)
		if got, want := len(r.Keys(loa, start)) == 1, s == haechi.Approved; got != want {
			t.Errorf("%v: key in force %v", s, got)
		}
	}
}

func TestFailedKeyIsTakenBack(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{}, s)
	first := newKey(t, r, start)
	s.failKey = "k1" // the older key's end cannot be written
	if _, err := r.NewKey(context.Background(), loa, start); err == nil {
		t.Fatal("no error")
	}
	if in := r.Keys(loa, start); len(in) != 1 || string(in[0].Secret) != first.Secret {
		t.Errorf("keys in force: %q", ids(in))
	}
	if len(s.keys[loa]) != 1 {
		t.Errorf("stored keys: %q", ids(s.keys[loa]))
	}
	s.failKey = ""
	if k := newKey(t, r, start); k.ID != "k2" {
		t.Errorf("the retry made %q", k.ID)
	}
}

func TestKeyChangesAreTold(t *testing.T) {
	var told []string
	r := open(t, devices.Config{OnChange: func(before, after haechi.Device) {
		told = append(told, fmt.Sprint(len(before.Keys), len(after.Keys), before.Status == after.Status))
	}}, newStore(with(loaDevice(), haechi.Approved)))
	newKey(t, r, start)
	newKey(t, r, start)
	if err := r.RetireKey(context.Background(), loa, "k1"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, ", "); got != "0 1 true, 1 2 true, 2 1 true" {
		t.Errorf("told %q", got)
	}
}

func TestListShowsWhenAKeyWasUsed(t *testing.T) {
	used := start.Add(time.Hour)
	r := open(t, devices.Config{LastUse: func(device, id string) time.Time {
		if device == loa && id == "k1" {
			return used
		}
		return time.Time{}
	}}, newStore(with(loaDevice(), haechi.Approved)))
	newKey(t, r, start)
	newKey(t, r, start)
	d := r.List(haechi.DeviceFilter{})[0]
	if !d.Keys[0].LastUse.IsZero() || !d.Keys[1].LastUse.Equal(used) {
		t.Errorf("%+v", d.Keys)
	}
}
