package strain_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"haechi/internal/brick/strain"
)

const (
	cheap = iota + 1
	dear
)

// server is a server of some workers in simulated time: what cannot be worked on waits.
type server struct {
	t       *testing.T
	g       *strain.Gauge
	now     time.Duration
	workers int
	free    []time.Duration // when each worker is free again
	open    []request
	states  []strain.State
	turns   int
}

type request struct {
	ticket strain.Ticket
	answer time.Duration
}

func newServer(t *testing.T, workers, most int) *server {
	return &server{t: t, g: strain.New(most, 0), workers: workers, free: make([]time.Duration, workers)}
}

// ask lets a request of the kind arrive now, that takes so much work.
func (s *server) ask(kind uint64, work time.Duration) {
	first := 0
	for i, at := range s.free {
		if at < s.free[first] {
			first = i
		}
	}
	start := max(s.now, s.free[first])
	s.free[first] = start + work
	s.open = append(s.open, request{s.g.Enter(kind, int64(s.now)), start + work})
}

// pass lets time pass in steps of 5 ms, and asks for the state at each.
func (s *server) pass(d time.Duration, each func()) {
	for end := s.now + d; s.now < end; s.now += 5 * time.Millisecond {
		left := s.open[:0]
		for _, r := range s.open {
			if r.answer > s.now {
				left = append(left, r)
				continue
			}
			s.g.Answered(r.ticket, int64(s.now), true)
			s.g.Leave(r.ticket, int64(s.now))
		}
		s.open = left
		if each != nil {
			each()
		}
		st := s.g.State(int64(s.now))
		if st.Changed {
			s.turns++
		}
		s.states = append(s.states, st)
	}
}

func (s *server) last() strain.State { return s.states[len(s.states)-1] }

func (s *server) everBusy() bool {
	for _, st := range s.states {
		if st.Busy {
			return true
		}
	}
	return false
}

// learn is a quiet minute in which both kinds are seen.
func (s *server) learn() {
	i := 0
	s.pass(20*time.Second, func() {
		if i++; i%20 == 0 {
			s.ask(cheap, 10*time.Millisecond)
		}
		if i%200 == 0 {
			s.ask(dear, 400*time.Millisecond)
		}
	})
}

// Must not fire: whoever asks for expensive things on a server that has the room.
func TestHeavyUseOfAnIdleServerIsNoStrain(t *testing.T) {
	for name, together := range map[string]int{"one after the other": 1, "ten at once": 10} {
		s := newServer(t, 16, 1024)
		s.learn()
		i := 0
		s.pass(60*time.Second, func() {
			if i++; i%20 == 0 {
				s.ask(cheap, 10*time.Millisecond)
			}
			for len(s.open) < together {
				s.ask(dear, 400*time.Millisecond)
			}
		})
		if s.everBusy() || s.last().Limit != 1024 {
			t.Errorf("%s: %+v", name, s.last())
		}
	}
}

// Must not fire: answers that jitter, and a page that never was fast.
func TestJitterIsNoStrain(t *testing.T) {
	s := newServer(t, 64, 1024)
	rng := rand.New(rand.NewPCG(1, 2))
	s.pass(120*time.Second, func() {
		for range 2 {
			s.ask(cheap, time.Duration(2+rng.ExpFloat64()*8)*time.Millisecond)
		}
		if rng.IntN(10) == 0 {
			s.ask(dear, time.Duration(800+rng.IntN(800))*time.Millisecond)
		}
	})
	if s.everBusy() {
		t.Errorf("busy at a ratio of %v", s.last().Ratio)
	}
}

// Must not fire: long polls, which wait without work.
func TestLongPollsAreNoStrain(t *testing.T) {
	s := newServer(t, 500, 1024)
	s.pass(120*time.Second, func() {
		for len(s.open) < 200 {
			s.ask(dear, 30*time.Second)
		}
	})
	if s.everBusy() {
		t.Errorf("%+v", s.last())
	}
}

// Must not fire: the machine stands still for a moment, again and again, and everything
// under way is answered late together. Nobody is to be refused for that.
func TestAStandstillIsNoStrain(t *testing.T) {
	s := newServer(t, 64, 1024)
	full := func() {
		for len(s.open) < 64 {
			s.ask(cheap, 10*time.Millisecond)
		}
	}
	s.pass(10*time.Second, full)
	for range 20 {
		s.now += 400 * time.Millisecond
		s.pass(time.Second, full)
	}
	if s.everBusy() || s.last().Limit != 1024 {
		t.Errorf("%+v", s.last())
	}
}

// Must fire soon: a flood is seen well within a second.
func TestStrainIsSeenSoon(t *testing.T) {
	s := newServer(t, 8, 1024)
	s.learn()
	flood := func() {
		for len(s.open) < 200 {
			s.ask(cheap, 10*time.Millisecond)
		}
	}
	if s.pass(800*time.Millisecond, flood); !s.last().Busy {
		t.Errorf("%+v", s.last())
	}
}

// Must fire: more expensive requests than the server has workers for; it is calm again
// a while after they stop, and the limit grows back.
func TestAFloodOfExpensiveRequestsIsStrain(t *testing.T) {
	s := newServer(t, 8, 1024)
	s.learn()
	i := 0
	s.pass(15*time.Second, func() {
		if i++; i%20 == 0 {
			s.ask(cheap, 10*time.Millisecond)
		}
		for len(s.open) < 200 {
			s.ask(dear, 400*time.Millisecond)
		}
	})
	st := s.last()
	if !st.Busy || st.Limit > 200 || st.Fill < 1 {
		t.Fatalf("under the flood: %+v", st)
	}
	s.pass(120*time.Second, func() {
		if i++; i%20 == 0 {
			s.ask(cheap, 10*time.Millisecond)
		}
	})
	if st := s.last(); st.Busy || st.Limit != 1024 || st.Fill > 0.1 {
		t.Errorf("after the flood: %+v", st)
	}
	if s.turns != 2 {
		t.Errorf("%d changes of state, want one there and one back", s.turns)
	}
}

// Must fire: a server that answers nothing any more, as one whose workers are all held.
func TestAStuckServerIsStrain(t *testing.T) {
	s := newServer(t, 8, 1024)
	s.learn()
	for range 8 {
		s.ask(dear, time.Hour)
	}
	i := 0
	s.pass(5*time.Second, func() {
		if i++; i%50 == 0 {
			s.ask(cheap, 10*time.Millisecond)
		}
	})
	if !s.last().Busy {
		t.Errorf("%+v", s.last())
	}
}

// A page that becomes slower for good is strain for a time, not for ever.
func TestASlowerPageIsLearnt(t *testing.T) {
	s := newServer(t, 64, 1024)
	s.learn()
	s.pass(20*time.Minute, func() {
		for len(s.open) < 8 {
			s.ask(cheap, 150*time.Millisecond)
		}
	})
	if s.last().Busy {
		t.Errorf("%+v", s.last())
	}
}

// Who asks for something cheap in a crowd does not pay for the queue.
func TestNobodyPaysForTheQueue(t *testing.T) {
	s := newServer(t, 2, 1024)
	s.learn()
	s.pass(10*time.Second, func() {
		for len(s.open) < 100 {
			s.ask(dear, 400*time.Millisecond)
		}
	})
	if !s.last().Busy {
		t.Fatal("not busy")
	}
	ticket := s.g.Enter(cheap, int64(s.now))
	if work := s.g.Leave(ticket, int64(s.now+20*time.Second)); work > 50*time.Millisecond {
		t.Errorf("20 s in the queue are charged as %v", work)
	}
}

func TestTicketsAreGivenBackOnce(t *testing.T) {
	g := strain.New(10, 0)
	a, b := g.Enter(1, 0), g.Enter(1, 0)
	if g.Leave(a, 5) != 5 || g.Leave(a, 6) != 0 || g.Leave(0, 7) != 0 {
		t.Error("a ticket counts twice")
	}
	if st := g.State(10); st.Under != 1 {
		t.Errorf("%d under way, want 1", st.Under)
	}
	g.Answered(b, 20, true)
	g.Leave(b, 20)
	if st := g.State(30); st.Under != 0 {
		t.Errorf("%d under way", st.Under)
	}
}

func TestRequestsDoNotAllocate(t *testing.T) {
	g, now := strain.New(100, 0), int64(0)
	g.Leave(g.Enter(1, now), now)
	if n := testing.AllocsPerRun(100, func() {
		now += int64(time.Millisecond)
		ticket := g.Enter(1, now)
		g.State(now)
		g.Answered(ticket, now, true)
		g.Leave(ticket, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	g, now := strain.New(1000, 0), int64(0)
	for range 500 {
		g.Enter(2, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		now += int64(50 * time.Microsecond)
		g.State(now)
		ticket := g.Enter(1, now)
		g.Answered(ticket, now, true)
		g.Leave(ticket, now)
	}
}
