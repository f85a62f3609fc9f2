package devices_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

// running runs the registry's loop in a bubble until the test ends.
func running(t *testing.T, cfg devices.Config, s *store, play func(r *devices.Registry)) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, cfg, s)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		play(r)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestNewcomersAreWrittenSoonAndTogether(t *testing.T) {
	s := newStore()
	running(t, devices.Config{}, s, func(r *devices.Registry) {
		for i := range 50 {
			if _, err := r.Register(device("bot", fmt.Sprint(i), ""), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		if _, ok := s.stored("bot/49"); !ok || s.saved() != 50 {
			t.Errorf("%d writes, want 50", s.saved())
		}
	})
}

// Sightings reach the projection at every flush and the store seldom, and at the
// stop.
func TestSightingsAreBatched(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	var touched []haechi.Device
	cfg := devices.Config{Touched: func(d haechi.Device) { touched = append(touched, d) }}
	var last time.Time
	running(t, cfg, s, func(r *devices.Registry) {
		pass(time.Second)
		touched = nil
		for range 60 {
			last = time.Now()
			r.Seen(loa, addr("198.51.100.9"), "3.4.0", last, true)
			r.Seen("nobody/1", addr("198.51.100.9"), "1", last, true)
			pass(5 * time.Second)
		}
		if n := len(touched); n < 25 || n > 31 {
			t.Errorf("told %d times in five minutes of sightings each 5 s", n)
		}
		if d := touched[len(touched)-1]; d.Addr != "198.51.100.9" || d.Version != "3.4.0" || d.LastPing.IsZero() {
			t.Errorf("told %+v", d)
		}
		if n := s.saved(); n > 2 {
			t.Errorf("%d writes of sightings in five minutes", n)
		}
		pass(10 * time.Minute)
	})
	if d, _ := s.stored(loa); !d.LastSeen.Equal(last) || !d.LastPing.Equal(last) || d.Status != haechi.Approved {
		t.Errorf("stored %+v, want last seen %v", d, last)
	}
}

func TestSightingIsNotLostToAStatusChange(t *testing.T) {
	s := newStore(loaDevice())
	r := open(t, devices.Config{}, s)
	seen := start.Add(time.Second)
	r.Seen(loa, addr("198.51.100.9"), "", seen, false)
	set(t, r, loa, haechi.Approved)
	if d, _ := r.Lookup(loa); !d.LastSeen.Equal(seen) || d.LastPing != (time.Time{}) {
		t.Errorf("%+v", d)
	}
}

func TestPendingDevicesAgeOut(t *testing.T) {
	s := newStore()
	running(t, devices.Config{PendingFor: time.Hour}, s, func(r *devices.Registry) {
		for _, name := range []string{"returns", "gone", "approved", "keyed"} {
			if _, err := r.Register(device(name, "1", "192.0.2.1"), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		set(t, r, "approved/1", haechi.Approved)
		if _, err := r.NewKey(context.Background(), "keyed/1", time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(50 * time.Minute)
		r.Seen("returns/1", addr("192.0.2.1"), "", time.Now(), false)
		pass(30 * time.Minute)
		for name, want := range map[string]bool{"returns": true, "gone": false, "approved": true, "keyed": true} {
			_, known := r.Lookup(name + "/1")
			_, stored := s.stored(name + "/1")
			if known != want || stored != want {
				t.Errorf("%s: known %v stored %v, want %v", name, known, stored, want)
			}
		}
	})
}

// The declared answer to a failing store, whether it errs or hangs: approvals
// hold for 15 minutes, then close, and open again when the store answers.
func TestFailingStoreClosesAfterGrace(t *testing.T) {
	for name, c := range map[string]struct{ fail, heal func(*store) }{
		"errors": {func(s *store) { s.fail = errDisk }, func(s *store) { s.fail = nil }},
		"hangs":  {func(s *store) { s.hang = true }, func(s *store) { s.hang = false }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(with(loaDevice(), haechi.Approved), device("p", "1", ""))
			running(t, devices.Config{}, s, func(r *devices.Registry) {
				if _, err := r.NewKey(context.Background(), loa, time.Now()); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				approved := func(when string, want bool) {
					t.Helper()
					d, known := r.Lookup(loa)
					keys := r.Keys(loa, time.Now())
					if !known || (d.Status == haechi.Approved) != want || (len(keys) == 1) != want {
						t.Errorf("%s: %v with %d keys, want approved %v", when, d.Status, len(keys), want)
					}
				}
				approved("healthy", true)
				s.set(c.fail)
				pass(15 * time.Minute)
				approved("within the grace", true)
				pass(2 * time.Minute)
				approved("after the grace", false)
				_, err := r.Register(device("new", "1", ""), time.Now())
				wantKind(t, err, haechi.Unavailable)
				if silent, closed := r.Health(time.Now()); !closed || silent < 15*time.Minute {
					t.Errorf("health: %v %v", silent, closed)
				}
				s.set(c.heal)
				pass(time.Minute)
				approved("healed", true)
				if d, _ := r.Lookup("p/1"); d.Status != haechi.Pending {
					t.Errorf("the pending device is %v", d.Status)
				}
			})
		})
	}
}

func TestOpenFailsWithTheStore(t *testing.T) {
	s := newStore()
	s.fail = errDisk
	if _, err := devices.Open(context.Background(), devices.Config{}, s); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
}

// An answer that is about what was asked is no failure of the store.
func TestAnswersAreNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(loaDevice())
		r := open(t, devices.Config{}, s)
		s.set(func(s *store) { s.fail = &haechi.Error{Kind: haechi.Conflict, Op: "save"} })
		if _, _, err := r.SetStatus(context.Background(), loa, haechi.Approved, "kim", "", time.Now()); err == nil {
			t.Fatal("no error")
		}
		pass(time.Hour)
		if _, closed := r.Health(time.Now()); closed {
			t.Error("closed because of a conflict")
		}
	})
}

func TestGraceCountsMonotonicTime(t *testing.T) {
	now := start
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{Now: func() time.Time { return now }}, s)
	if silent, closed := r.Health(now.Add(24 * time.Hour)); silent != 0 || closed {
		t.Errorf("a registry whose store never failed: %v %v", silent, closed)
	}
	s.set(func(s *store) { s.fail = errDisk })
	if _, err := r.NewKey(context.Background(), loa, now); err == nil {
		t.Fatal("no error")
	}
	now = now.Add(15 * time.Minute)
	if d, _ := r.Lookup(loa); d.Status != haechi.Approved {
		t.Error("closed at the grace, want after it")
	}
	now = now.Add(time.Second)
	if d, _ := r.Lookup(loa); d.Status == haechi.Approved {
		t.Error("open after the grace")
	}
}
