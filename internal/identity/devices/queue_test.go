package devices_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

// honest is a phone that comes back a minute after it was refused, for ever.
type honest struct {
	key, addr string
	next      time.Time
	placed    time.Time // since when it is pending without a break
}

// siege runs a flood of inventions against twenty honest phones that register
// before, during and after it, in event time.
type siege struct {
	t      *testing.T
	r      *devices.Registry
	now    time.Time
	phones []*honest
	lost   int // places that a phone had and lost after it had come back
}

func (s *siege) phone(i int) *honest {
	h := &honest{key: fmt.Sprintf("honest/%d", i), addr: fmt.Sprintf("203.0.%d.7", i), next: s.now}
	s.phones = append(s.phones, h)
	return h
}

// turn lets every phone call that is due.
func (s *siege) turn() {
	for _, h := range s.phones {
		_, known := s.r.Lookup(h.key)
		if !known && !h.placed.IsZero() {
			if h.next.Sub(h.placed) > time.Minute+time.Second {
				s.lost++
			}
			h.placed = time.Time{}
		}
		if s.now.Before(h.next) {
			continue
		}
		h.next = s.now.Add(time.Minute)
		bot, serial, _ := haechi.SplitDeviceKey(h.key)
		if _, err := s.r.Register(device(bot, serial, h.addr), s.now); err == nil && h.placed.IsZero() {
			h.placed = s.now
		}
	}
}

func TestFloodOfRegistrations(t *testing.T) {
	one := func(int) string { return "192.0.2.1" }
	few := func(i int) string { return fmt.Sprintf("192.0.2.%d", i%20) }
	manyV4 := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255) }
	manyV6 := func(i int) string { return fmt.Sprintf("2001:db8:7:%x::1", i%65536) }
	for name, c := range map[string]struct {
		addr func(i int) string
		// distinct is how many devices the flood invents before it begins anew: those
		// come back as honest ones do.
		distinct int
	}{
		"one address":                     {one, 100_000},
		"twenty addresses":                {few, 100_000},
		"twenty addresses that come back": {few, 3000},
		"100,000 IPv4 addresses":          {manyV4, 100_000},
		"65,536 networks of one IPv6 /48": {manyV6, 100_000},
		"one IPv6 /48 that comes back":    {manyV6, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const total = 100_000
			s := &siege{t: t, r: open(t, devices.Config{}, newStore()), now: start}
			for i := range 7 {
				s.phone(i)
			}
			s.turn()
			for i := range total { // 100 inventions a second, for a thousand seconds
				if i == total/3 || i == total/2 {
					for n := range 3 {
						s.phone(10 + len(s.phones) + n)
					}
				}
				s.now = s.now.Add(10 * time.Millisecond)
				n := i % c.distinct
				_, _ = s.r.Register(device("flood", fmt.Sprint(n), c.addr(n)), s.now) // refused or not
				if i%100 == 0 {
					s.turn()
				}
			}
			for i := range 7 {
				s.phone(100 + i)
			}
			for range 130 {
				s.now = s.now.Add(time.Second)
				s.turn()
			}
			for _, h := range s.phones {
				if d, ok := s.r.Lookup(h.key); !ok || d.Status != haechi.Pending {
					t.Errorf("%s does not wait", h.key)
				}
			}
			if s.lost > 0 {
				t.Errorf("%d phones that had come back lost their place", s.lost)
			}
			for _, counter := range s.r.Stats() {
				if counter.Name == "devices.pending" && counter.Value > devices.DefaultPendingCap {
					t.Errorf("%d devices are pending", counter.Value)
				}
			}
		})
	}
}

// What the registry counts and what the store holds agree however devices come,
// return, lose their places and are approved.
func TestQueueAgreesWithTheStore(t *testing.T) {
	s, rng := newStore(), rand.New(rand.NewPCG(1, 2))
	now := start
	r := open(t, devices.Config{PendingCap: 20, PendingPerClient: 5, Now: func() time.Time { return now }}, s)
	for range 20_000 {
		now = now.Add(time.Duration(rng.IntN(3000)) * time.Millisecond)
		n := rng.IntN(200)
		d := device("bot", fmt.Sprint(n), fmt.Sprintf("192.0.%d.%d", n%7, n%23))
		switch rng.IntN(40) {
		case 0:
			if known, ok := r.Lookup(d.Key); ok && known.Status == haechi.Pending {
				if _, err := r.Delete(context.Background(), d.Key); err != nil {
					t.Fatal(err)
				}
			}
		case 1:
			if err := r.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		default:
			_, _ = r.Register(d, now) // the queue is mostly full
		}
	}
	if err := r.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	known := r.List(haechi.DeviceFilter{})
	for _, d := range known {
		if _, ok := s.stored(d.Key); !ok {
			t.Errorf("%s is not stored", d.Key)
		}
	}
	if len(known) != len(s.devices) || len(known) != 20 {
		t.Errorf("%d devices are known, %d stored, want 20", len(known), len(s.devices))
	}
	for _, c := range r.Stats() {
		if c.Name == "devices.pending" && c.Value != 20 || c.Name == "devices.pending_displaced" && c.Value == 0 {
			t.Errorf("%s is %d", c.Name, c.Value)
		}
	}
}

// A device that an operator added, or gave a key, keeps its place whatever comes.
func TestOperatorsDevicesKeepTheirPlace(t *testing.T) {
	r := open(t, devices.Config{PendingCap: 3}, newStore())
	if _, err := r.Add(t.Context(), device("added", "1", ""), start); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keyed", "alone"} {
		if _, err := r.Register(device(name, "1", "192.0.2.1"), start); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.NewKey(t.Context(), "keyed/1", start); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		for range 2 {
			_, _ = r.Register(device("new", fmt.Sprint(i), fmt.Sprintf("198.51.%d.1", i)), start.Add(time.Duration(i)*time.Minute))
			_, _ = r.Register(device("new", fmt.Sprint(i), fmt.Sprintf("198.51.%d.1", i)), start.Add(time.Duration(i)*time.Minute+5*time.Second))
		}
	}
	for name, want := range map[string]bool{"added": true, "keyed": true, "alone": false} {
		if _, ok := r.Lookup(name + "/1"); ok != want {
			t.Errorf("%s waits: %v, want %v", name, ok, want)
		}
	}
	// The third place was taken by one that came back; an operator's addition needs
	// somebody who did not, or holds more.
	_, err := r.Add(t.Context(), device("late", "1", ""), start)
	wantKind(t, err, haechi.Exhausted)
}

func TestThoseWhoNeverCameBackAgeOutSooner(t *testing.T) {
	s := newStore()
	running(t, devices.Config{PendingAlone: time.Hour, PendingFor: 10 * time.Hour}, s, func(r *devices.Registry) {
		for _, name := range []string{"alone", "back"} {
			if _, err := r.Register(device(name, "1", "192.0.2.1"), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Add(context.Background(), device("added", "1", ""), time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if d, err := r.Register(device("back", "1", "192.0.2.9"), time.Now()); err != nil || d.Addr != "192.0.2.9" {
			t.Fatalf("%+v, %v", d, err)
		}
		pass(2 * time.Hour)
		for name, want := range map[string]bool{"alone": false, "back": true, "added": true} {
			if _, known := r.Lookup(name + "/1"); known != want {
				t.Errorf("%s is known: %v, want %v", name, known, want)
			}
		}
		pass(9 * time.Hour)
		for _, name := range []string{"back", "added"} {
			if _, stored := s.stored(name + "/1"); stored {
				t.Errorf("%s was forgotten by nobody", name)
			}
		}
	})
}
