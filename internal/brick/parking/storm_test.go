package parking_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"haechi/internal/brick/parking"
)

// echo answers what it reads, parked in between, until its peer or somebody else
// ends it.
type echo struct {
	t     *testing.T
	l     *parking.Lot
	fd    int
	p     parking.Place
	awake atomic.Int32
	over  atomic.Bool
	left  *sync.WaitGroup
}

func (e *echo) Wake(why parking.Events) {
	if e.awake.Add(1) != 1 {
		e.t.Error("two wakes of one place at a time")
	}
	if e.over.Load() || !e.pass() {
		e.leave()
		return
	}
	e.awake.Add(-1)
	if err := e.l.Park(e.p, parking.Readable, time.Now().Add(time.Millisecond)); err != nil {
		e.t.Error(err)
	}
}

// Ride is the same by the loop; some let go of it.
func (e *echo) Ride(why parking.Events, turn *parking.Turn) {
	if rand.IntN(4) == 0 {
		turn.End()
	}
	e.Wake(why)
}

func (e *echo) pass() bool {
	var buf [64]byte
	n, err := parking.Read(e.fd, buf[:])
	if errors.Is(err, parking.ErrWait) {
		return true
	}
	if err != nil {
		return false
	}
	_, err = parking.Write(e.fd, buf[:n])
	return err == nil
}

func (e *echo) leave() {
	e.l.Leave(e.p)
	_ = syscall.Close(e.fd)
	e.left.Done()
}

// TestStorm opens and closes 5,000 connections while deadlines pass, strangers kick
// old places, and descriptors and places are given out again all the time.
func TestStorm(t *testing.T) { storm(t, false) }

// TestRidingStorm is the same where the loop runs the owners.
func TestRidingStorm(t *testing.T) { storm(t, true) }

func storm(t *testing.T, riding bool) {
	const conns, atOnce = 5000, 50
	before := descriptors(t)
	l, err := parking.New(parking.Config{Places: conns, Tick: time.Millisecond, Riding: riding})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var left, clients sync.WaitGroup
	var last atomic.Pointer[echo]
	clients.Go(func() { accept(t, l, ln, conns, &left, &last) })
	var todo atomic.Int64
	for range atOnce / 2 {
		clients.Go(func() {
			for todo.Add(1) <= conns {
				talk(t, ln.Addr().String(), &last)
			}
		})
	}
	clients.Wait()
	left.Wait()
	if s := l.Stats(); s.Taken != 0 || s.Refused != 0 || s.Wakes+s.Rides < conns || riding != (s.Ended > 0) {
		t.Errorf("in the end: %+v", s)
	}
	_ = ln.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func accept(t *testing.T, l *parking.Lot, ln net.Listener, n int, left *sync.WaitGroup, last *atomic.Pointer[echo]) {
	for range n {
		c, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		e := &echo{t: t, l: l, left: left}
		if e.fd, err = parking.Detach(c.(*net.TCPConn)); err == nil {
			e.p, err = l.Take(e.fd, e)
		}
		if err != nil {
			t.Error(err)
			return
		}
		left.Add(1)
		if old := last.Swap(e); old != nil {
			l.Kick(old.p)
		}
		if err := l.Park(e.p, parking.Readable, time.Time{}); err != nil {
			t.Error(err)
		}
	}
}

// talk is one client: it wants its own bytes back, or is ended halfway.
func talk(t *testing.T, addr string, last *atomic.Pointer[echo]) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	ended := rand.IntN(4) == 0
	for range rand.IntN(4) {
		if e := last.Load(); ended && e != nil {
			e.over.Store(true)
			e.l.Kick(e.p)
		}
		if _, err := c.Write([]byte("ping")); err != nil {
			return
		}
		var buf [4]byte
		if _, err := io.ReadFull(c, buf[:]); err != nil {
			return // somebody ended it
		}
		if string(buf[:]) != "ping" {
			t.Errorf("got %q back", buf)
		}
	}
}

func BenchmarkWake(b *testing.B) {
	l := newLot(b, parking.Config{Tick: 100 * time.Millisecond})
	fd, peer := pair(b)
	e := &echo{l: l, fd: fd, left: new(sync.WaitGroup)}
	var err error
	if e.p, err = l.Take(fd, e); err != nil {
		b.Fatal(err)
	}
	e.left.Add(1)
	if err := l.Park(e.p, parking.Readable, time.Time{}); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = peer.Write([]byte("ping"))
		_, _ = io.ReadFull(peer, buf)
	}
	_ = peer.Close()
	e.left.Wait()
}
