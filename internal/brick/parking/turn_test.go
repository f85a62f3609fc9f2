package parking_test

import (
	"testing"
	"time"

	"haechi/internal/brick/parking"
)

// rider notes that it was run, and goes on when it is let.
type rider struct {
	owner
	l    *parking.Lot
	p    parking.Place
	let  chan struct{}
	ends bool
}

func (r *rider) Ride(why parking.Events, turn *parking.Turn) {
	if r.ends {
		turn.End()
		turn.End()
	}
	r.owner <- why
	<-r.let
}

// board takes a reader's place for a rider and parks it.
func board(t *testing.T, l *parking.Lot, ends bool) (*rider, func()) {
	t.Helper()
	fd, peer := pair(t)
	r := &rider{owner: make(owner, 8), l: l, let: make(chan struct{}), ends: ends}
	var err error
	if r.p, err = l.TakeReader(fd, r); err != nil {
		t.Fatal(err)
	}
	r.park(t)
	return r, func() {
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Error(err)
		}
	}
}

func (r *rider) park(t *testing.T) {
	t.Helper()
	if before, err := r.l.Settle(r.p); before != 0 || err != nil {
		t.Fatal(before, err)
	}
}

// The loop runs one owner after the other, unless one ends its turn: then the others
// do not wait for it.
func TestRidersTakeTurns(t *testing.T) {
	for _, ends := range []bool{false, true} {
		l := newLot(t, parking.Config{Riding: true})
		first, say := board(t, l, ends)
		second, speak := board(t, l, false)
		say()
		if why := first.next(t); why&parking.Readable == 0 {
			t.Errorf("woken by %b", why)
		}
		speak()
		if !ends {
			second.silent(t)
			close(first.let)
			second.next(t)
		} else {
			second.next(t)
			close(first.let)
		}
		close(second.let)
		if s := l.Stats(); s.Rides != 2 || s.Wakes != 0 || s.Ended != map[bool]uint64{true: 1}[ends] {
			t.Errorf("%+v", s)
		}
		l.Leave(first.p)
		l.Leave(second.p)
	}
}

// What happens to a place that somebody has claimed is told when it settles; a place
// that was just woken cannot be claimed.
func TestClaim(t *testing.T) {
	l := newLot(t, parking.Config{Riding: true})
	r, say := board(t, l, false)
	if !l.Claim(r.p) || l.Claim(r.p) {
		t.Fatal("it was parked, and then it was not")
	}
	looks := l.Looks()
	say()
	for until := time.Now().Add(10 * time.Second); l.Looks() == looks && time.Now().Before(until); {
		<-time.After(time.Millisecond)
	}
	r.silent(t)
	if before, err := l.Settle(r.p); err != nil || before&parking.Readable == 0 {
		t.Fatalf("%b, %v", before, err)
	}
	r.park(t)
	say()
	r.next(t)
	if l.Claim(r.p) {
		t.Error("it was just woken")
	}
	close(r.let)
	l.Leave(r.p)
	if l.Claim(r.p) {
		t.Error("it was given back")
	}
	if _, err := l.Settle(r.p); err == nil {
		t.Error("it was given back")
	}
}

// A deadline is no matter of the kernel's: its wake has a goroutine.
func TestRidersDeadline(t *testing.T) {
	l := newLot(t, parking.Config{Riding: true})
	r, _ := board(t, l, false)
	l.Due(r.p, time.Now().Add(5*time.Millisecond))
	if why := r.next(t); why != parking.Expired {
		t.Errorf("woken by %b", why)
	}
	l.Leave(r.p)
}
