package parking_test

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi/internal/brick/parking"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// owner passes its wakes on.
type owner chan parking.Events

func (o owner) Wake(why parking.Events) { o <- why }

func (o owner) next(t *testing.T) parking.Events {
	t.Helper()
	select {
	case e := <-o:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was woken")
		return 0
	}
}

func (o owner) silent(t *testing.T) {
	t.Helper()
	select {
	case e := <-o:
		t.Fatalf("woken by %b", e)
	case <-time.After(30 * time.Millisecond):
	}
}

func newLot(t testing.TB, cfg parking.Config) *parking.Lot {
	t.Helper()
	if cfg.Tick == 0 {
		cfg.Tick = time.Millisecond
	}
	l, err := parking.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// pair is a TCP connection: one end bare, the other as usual.
func pair(t testing.TB) (fd int, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if fd, err = parking.Detach(in.(*net.TCPConn)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return fd, out.(*net.TCPConn)
}

// park takes a place, parks it, and gives everything back in the end.
func park(t *testing.T, l *parking.Lot, fd int, o owner, until time.Time) parking.Place {
	t.Helper()
	p, err := l.Take(fd, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Leave(p)
		_ = syscall.Close(fd)
	})
	if err := l.Park(p, parking.Readable, until); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDataWakesOnceForEachTimeItParks(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, peer := pair(t)
	p := park(t, l, fd, o, time.Time{})
	o.silent(t)
	buf := make([]byte, 8)
	for range 3 {
		_, _ = peer.Write([]byte("x"))
		if e := o.next(t); e != parking.Readable {
			t.Fatalf("woken by %b", e)
		}
		_, _ = peer.Write([]byte("y"))
		o.silent(t) // it is not parked
		if n, err := parking.Read(fd, buf); err != nil || n != 2 {
			t.Fatalf("read %d (%v)", n, err)
		}
		if _, err := parking.Read(fd, buf); !errors.Is(err, parking.ErrWait) {
			t.Fatalf("read: %v", err)
		}
		if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	l.Kick(p)
	o.next(t)
	_, _ = peer.Write([]byte("z"))
	if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
		t.Fatal(err)
	}
	o.next(t) // what came before it parked counts
}

func TestNoReadNoLoss(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, peer := pair(t)
	_, _ = peer.Write([]byte("early"))
	p := park(t, l, fd, o, time.Time{})
	for range 3 { // unread, it wakes every time
		o.next(t)
		if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	o.next(t)
}

func TestEndsOfThePeer(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"half closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"closed":      func(c *net.TCPConn) { _ = c.Close() },
		"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l, o := newLot(t, parking.Config{}), make(owner, 8)
			fd, peer := pair(t)
			park(t, l, fd, o, time.Time{})
			end(peer)
			if e := o.next(t); e&parking.Readable == 0 {
				t.Errorf("woken by %b", e)
			}
			if _, err := parking.Read(fd, make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, _ := pair(t)
	until := time.Now().Add(40 * time.Millisecond)
	p := park(t, l, fd, o, until)
	if e := o.next(t); e != parking.Expired || time.Now().Before(until) {
		t.Errorf("woken by %b, %v before the deadline", e, time.Until(until))
	}
	// A later one counts, an earlier one too.
	if err := l.Park(p, parking.Readable, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.Kick(p)
	o.next(t)
	if err := l.Park(p, parking.Readable, time.Now().Add(5*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if e := o.next(t); e != parking.Expired {
		t.Errorf("woken by %b", e)
	}
	// One that has passed wakes at once.
	if err := l.Park(p, parking.Readable, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if e := o.next(t); e != parking.Expired {
		t.Errorf("woken by %b", e)
	}
}

func TestKick(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, _ := pair(t)
	p := park(t, l, fd, o, time.Time{})
	l.Kick(p)
	l.Kick(p) // while it is awake
	if e := o.next(t); e != parking.Kicked {
		t.Errorf("woken by %b", e)
	}
	o.silent(t)
	if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if e := o.next(t); e != parking.Kicked {
		t.Errorf("the second kick was lost: %b", e)
	}
}

func TestPlacesAreBoundedAndNeverMistaken(t *testing.T) {
	l := newLot(t, parking.Config{Places: 1})
	first, second := make(owner, 8), make(owner, 8)
	fd, _ := pair(t)
	old, err := l.Take(fd, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Take(fd, second); !errors.Is(err, parking.ErrFull) || l.Stats().Refused != 1 {
		t.Fatalf("a second place of one: %v, %+v", err, l.Stats())
	}
	if err := l.Park(old, parking.Readable, time.Now().Add(10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	first.next(t)
	l.Leave(old)
	l.Leave(old)
	park(t, l, fd, second, time.Time{}) // the same place and descriptor
	l.Kick(old)
	l.Kick(parking.Place{})
	if err := l.Park(old, parking.Readable, time.Now()); !errors.Is(err, parking.ErrStale) {
		t.Errorf("parking in a place that was given back: %v", err)
	}
	second.silent(t)
	first.silent(t)
}

func TestWritable(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, peer := pair(t)
	p := park(t, l, fd, o, time.Time{})
	chunk := make([]byte, 1<<20)
	sent := 0
	for {
		n, err := parking.Write(fd, chunk)
		sent += n
		if errors.Is(err, parking.ErrWait) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.Kick(p)
	o.next(t)
	if err := l.Park(p, parking.Writable, time.Time{}); err != nil {
		t.Fatal(err)
	}
	o.silent(t)
	if _, err := io.CopyN(io.Discard, peer, int64(sent)); err != nil {
		t.Fatal(err)
	}
	if e := o.next(t); e != parking.Writable {
		t.Errorf("woken by %b", e)
	}
}

func TestAwait(t *testing.T) {
	l := newLot(t, parking.Config{})
	fd, peer := pair(t)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := l.Await(fd, parking.Readable, time.Now().Add(5*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	go func() { _, _ = peer.Write([]byte("x")) }()
	if err := l.Await(fd, parking.Readable, time.Time{}); err != nil {
		t.Error(err)
	}
	_, _ = parking.Read(fd, make([]byte, 8))
	go parking.Shut(fd)
	if err := l.Await(fd, parking.Readable, time.Time{}); err != nil {
		t.Error(err)
	}
	if n := l.Stats().Taken; n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

func TestShutFromElsewhereWakes(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, peer := pair(t)
	park(t, l, fd, o, time.Time{})
	parking.Shut(fd)
	if e := o.next(t); e&parking.Readable == 0 {
		t.Errorf("woken by %b", e)
	}
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the peer reads: %v", err)
	}
}

func TestCloseWakesEverybody(t *testing.T) {
	l := newLot(t, parking.Config{})
	o, idle := make(owner, 8), make(owner, 8)
	fd, _ := pair(t)
	p := park(t, l, fd, o, time.Time{})
	other, _ := pair(t)
	q, err := l.Take(other, idle)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if e := o.next(t); e != parking.Ending {
		t.Errorf("woken by %b", e)
	}
	for place, err := range map[parking.Place]error{
		p: l.Park(p, parking.Readable, time.Time{}),
		q: l.Park(q, parking.Readable, time.Time{}),
	} {
		if err == nil {
			t.Errorf("place %v was parked in a closed lot", place)
		}
		l.Leave(place)
	}
	if _, err := l.Take(fd, o); !errors.Is(err, parking.ErrClosed) {
		t.Errorf("a place in a closed lot: %v", err)
	}
	_ = syscall.Close(other)
}

// sluggish blocks in its wake.
type sluggish struct{ enter, leave chan struct{} }

func (s sluggish) Wake(parking.Events) {
	s.enter <- struct{}{}
	<-s.leave
}

func TestOneThatBlocksHoldsNobodyUp(t *testing.T) {
	l, o := newLot(t, parking.Config{Workers: 1}), make(owner, 8)
	slow := sluggish{make(chan struct{}), make(chan struct{})}
	for range 40 {
		fd, _ := pair(t)
		p, err := l.Take(fd, slow)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Leave(p); _ = syscall.Close(fd) })
		if err := l.Park(p, parking.Readable, time.Now()); err != nil {
			t.Fatal(err)
		}
		<-slow.enter
	}
	fd, peer := pair(t)
	park(t, l, fd, o, time.Time{})
	_, _ = peer.Write([]byte("x"))
	o.next(t)
	close(slow.leave)
}

// A rest leaves no goroutine, and the next wake takes a new one.
func TestRest(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	l.Rest()
	for range 3 {
		fd, peer := pair(t)
		park(t, l, fd, o, time.Time{})
		_, _ = peer.Write([]byte("x"))
		o.next(t)
		if l.Workers() == 0 {
			t.Fatal("nobody is kept for the next wake")
		}
		for deadline := time.Now().Add(10 * time.Second); l.Workers() > 0; runtime.Gosched() {
			if l.Rest(); time.Now().After(deadline) {
				t.Fatalf("%d goroutines after a rest", l.Workers())
			}
		}
	}
}

// quiet parks again each time, as long as it may.
type quiet struct {
	l    *parking.Lot
	p    parking.Place
	told chan struct{}
}

func (q *quiet) Wake(parking.Events) {
	if q.l.Park(q.p, parking.Readable, time.Now().Add(time.Hour)) == nil {
		q.told <- struct{}{}
	}
}

func TestParkingAllocatesNothing(t *testing.T) {
	if parking.PlaceBytes > 48 {
		t.Errorf("a place takes %d bytes", parking.PlaceBytes)
	}
	l := newLot(t, parking.Config{})
	fd, _ := pair(t)
	q := &quiet{l: l, told: make(chan struct{})}
	var err error
	if q.p, err = l.Take(fd, q); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := l.Park(q.p, parking.Readable, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() { l.Kick(q.p); <-q.told }); n >= 1 {
		t.Errorf("%v allocations for one wake", n)
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
