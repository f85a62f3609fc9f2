package devices_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

func TestPin(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	running(t, devices.Config{Audit: s.note}, s, func(r *devices.Registry) {
		pin := func(id string, want bool) {
			t.Helper()
			if got := r.Pin(loa, id, time.Now()); got != want {
				t.Errorf("%q may go on: %v, want %v", id, got, want)
			}
		}
		pin("", true) // says nothing, binds nothing
		pin("unknown", true)
		pin(strings.Repeat("x", 129), false)
		pin("aaaa", true)
		pin("aaaa", true)
		for range 1000 {
			pin("bbbb", false)
		}
		pin("AAAA", false)
		pin("unknown", false)
		pin("", false)
		pass(time.Second)
		if d, _ := s.stored(loa); d.UUID != "aaaa" {
			t.Errorf("stored %q", d.UUID)
		}
		if d, _ := open(t, devices.Config{}, s).Lookup(loa); d.UUID != "aaaa" {
			t.Error("the pin does not survive a restart")
		}
		var got []string
		for _, e := range s.notes {
			got = append(got, e.Action+" "+e.By+" "+e.Subject+" "+e.Before+" "+e.After[:min(4, len(e.After))])
		}
		want := "device.pin.refused system " + loa + "  xxxx, device.pin system " + loa + "  aaaa"
		if strings.Join(got, ", ") != want { // a refused one once an hour
			t.Errorf("audited %q, want %q", got, want)
		}
		pass(time.Hour)
		pin("bbbb", false)
		pass(time.Second)
		if last := s.notes[len(s.notes)-1]; len(s.notes) != 3 || last.Before != "aaaa" || last.After != "bbbb" {
			t.Errorf("audited %+v", s.notes)
		}
		if r.Pin("nobody/1", "aaaa", time.Now()) {
			t.Error("an unknown device may go on")
		}
	})
}

func TestSetPin(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	var told []string
	r := open(t, devices.Config{OnChange: func(before, after haechi.Device) { told = append(told, before.UUID+">"+after.UUID) }}, s)
	r.Pin(loa, "aaaa", start)
	before, after, err := r.SetPin(context.Background(), loa, "bbbb", start)
	if err != nil || before.UUID != "aaaa" || after.UUID != "bbbb" || r.Pin(loa, "aaaa", start) || !r.Pin(loa, "bbbb", start) {
		t.Errorf("%q to %q, %v", before.UUID, after.UUID, err)
	}
	if _, _, err := r.SetPin(context.Background(), loa, "", start); err != nil || !r.Pin(loa, "cccc", start) {
		t.Errorf("not pinned anew: %v", err)
	}
	for _, bad := range []string{"unknown", "a\x00", strings.Repeat("x", 129)} {
		_, _, err := r.SetPin(context.Background(), loa, bad, start)
		wantKind(t, err, haechi.Invalid)
	}
	s.set(func(s *store) { s.fail = errDisk })
	if _, _, err := r.SetPin(context.Background(), loa, "dddd", start); err == nil || !r.Pin(loa, "cccc", start) {
		t.Error("a failed write is acknowledged")
	}
	if len(told) != 2 || told[0] != "aaaa>bbbb" || told[1] != "bbbb>" {
		t.Errorf("told %q", told)
	}
}

// What the verifier measured is shown at the next flush, written with the next
// sightings, and there after a restart.
func TestClockAndLastUseAreKept(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	var mu sync.Mutex
	var clock haechi.ClockSkew
	var used time.Time
	cfg := devices.Config{
		Clock: func(string) (haechi.ClockSkew, bool) {
			mu.Lock()
			defer mu.Unlock()
			c := clock
			clock = haechi.ClockSkew{}
			return c, !c.At.IsZero()
		},
		LastUse: func(_, id string) time.Time {
			mu.Lock()
			defer mu.Unlock()
			return map[string]time.Time{"k1": used}[id]
		},
	}
	running(t, cfg, s, func(r *devices.Registry) {
		if _, err := r.NewKey(context.Background(), loa, time.Now()); err != nil {
			t.Fatal(err)
		}
		measure := func(last, low, high time.Duration) {
			mu.Lock()
			used = time.Now()
			clock = haechi.ClockSkew{Last: last * time.Millisecond, Min: low * time.Millisecond, Max: high * time.Millisecond, At: used}
			mu.Unlock()
			pass(11 * time.Second)
		}
		want := func(when string, last, low, high time.Duration) {
			t.Helper()
			d, _ := r.Lookup(loa)
			if d.Skew.Last != last*time.Millisecond || d.Skew.Min != low*time.Millisecond || d.Skew.Max != high*time.Millisecond {
				t.Errorf("%s: %+v, want %d %d %d ms", when, d.Skew, last, low, high)
			}
		}
		measure(2, -30, 5)
		want("at once", 2, -30, 5)
		pass(12 * time.Hour)
		measure(1, 0, 40)
		want("half a day later", 1, -30, 40)
		pass(16 * time.Hour)
		measure(3, 3, 3)
		want("a day later", 3, 0, 40)
		pass(10 * time.Minute)
		if d, _ := r.Lookup(loa); d.Keys[0].LastUse != used {
			t.Errorf("last used %v, want %v", d.Keys[0].LastUse, used)
		}
		again, _ := open(t, devices.Config{}, s).Lookup(loa)
		if !again.Skew.At.Equal(used) || again.Skew.Min != 0 || again.Skew.Max != 40*time.Millisecond || !again.Keys[0].LastUse.Equal(used) {
			t.Errorf("after a restart: %+v", again)
		}
	})
}
