package listener_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/ingress/listener"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAccept(t *testing.T) {
	s := newSink()
	l := open(t, newPool(t), listener.Config{Sink: s, Announce: true})
	c := dial(t, "127.0.0.2", l.Addr().String())
	got := accept(t, l)
	local := c.LocalAddr().(*net.TCPAddr)
	if got.Actor.Addr.String() != "127.0.0.2" || got.Actor.Client.String() != "127.0.0.2/32" ||
		got.Actor.Assurance != haechi.Handshaken || got.Actor.Allowed || int(got.Port) != local.Port ||
		int(got.LocalPort) != l.Addr().(*net.TCPAddr).Port {
		t.Errorf("actor %+v, ports %d %d", got.Actor, got.Port, got.LocalPort)
	}
	e := s.next(t)
	if e.Kind != haechi.KindConnect || e.Outcome != haechi.Success || e.Service != "svc" || e.Actor != got.Actor || e.Ref != "" {
		t.Errorf("event %+v", e)
	}
	write(t, c, "hello")
	if read(t, got, 5) != "hello" || l.Live() != 1 {
		t.Error("bytes were lost, or the connection was not counted")
	}
	got.Close()
	got.Close()
	if l.Live() != 0 {
		t.Errorf("live = %d after closing twice", l.Live())
	}
}

// A reload: the newer listener gets what comes, the older one keeps what it has.
func TestHandover(t *testing.T) {
	p := newPool(t)
	old := open(t, p, listener.Config{})
	addr := old.Addr().String()
	client := dial(t, "127.0.0.1", addr)
	held := accept(t, old)

	next := open(t, p, listener.Config{Addr: addr})
	if len(p.Addrs()) != 1 {
		t.Fatalf("sockets: %v", p.Addrs())
	}
	second := dial(t, "127.0.0.1", addr)
	taken := accept(t, next)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	write(t, client, "still")
	if read(t, held, 5) != "still" {
		t.Error("the old generation's connection did not survive")
	}
	write(t, taken, "new")
	if read(t, second, 3) != "new" {
		t.Error("the new generation's connection does not talk")
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dialErr("127.0.0.1", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the last close: %v", err)
	}
}

// A connection that the old generation admitted and nobody took yet is not lost.
func TestHandoverOfUntakenConnections(t *testing.T) {
	p := newPool(t)
	old := open(t, p, listener.Config{})
	addr := old.Addr().String()
	const n = 20
	for range n {
		dial(t, "127.0.0.1", addr)
	}
	next := open(t, p, listener.Config{Addr: addr})
	old.Close()
	for range n {
		accept(t, next)
	}
}

// Going back (a reload that is rolled back) gives the address to the older one.
func TestNewestClosesFirst(t *testing.T) {
	p := newPool(t)
	old := open(t, p, listener.Config{})
	next := open(t, p, listener.Config{Addr: old.Addr().String()})
	next.Close()
	dial(t, "127.0.0.1", old.Addr().String())
	accept(t, old)
}

func TestSuspendResume(t *testing.T) {
	p := newPool(t)
	l := open(t, p, listener.Config{})
	addr := l.Addr().String()
	client := dial(t, "127.0.0.1", addr)
	held := accept(t, l)
	for range 3 {
		if err := errors.Join(l.Suspend(), l.Suspend()); err != nil {
			t.Fatal(err)
		}
		if _, err := dialErr("127.0.0.1", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("suspended: %v", err)
		}
		start := time.Now()
		if err := errors.Join(l.Resume(), l.Resume()); err != nil {
			t.Fatal(err)
		}
		c := dial(t, "127.0.0.1", addr)
		accept(t, l)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("resuming took %v", d)
		}
		c.Close()
	}
	write(t, client, "x")
	read(t, held, 1)
}

func TestSuspendedStart(t *testing.T) {
	p := newPool(t)
	first := open(t, p, listener.Config{})
	addr := first.Addr().String()
	first.Close()
	l := open(t, p, listener.Config{Addr: addr, Suspended: true})
	if l.Addr().String() != addr || len(p.Addrs()) != 0 {
		t.Errorf("addr %v, open %v", l.Addr(), p.Addrs())
	}
	if err := l.Resume(); err != nil {
		t.Fatal(err)
	}
	dial(t, "127.0.0.1", addr)
	accept(t, l)
}

// A reload: a device service begins suspended, but nobody is turned away meanwhile.
func TestSuspendedStartKeepsAnOpenSocket(t *testing.T) {
	p := newPool(t)
	old := open(t, p, listener.Config{})
	addr := old.Addr().String()
	next := open(t, p, listener.Config{Addr: addr, Suspended: true})
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	dial(t, "127.0.0.1", addr)
	accept(t, next)
	if err := next.Suspend(); err != nil {
		t.Fatal(err)
	}
	last := open(t, p, listener.Config{Addr: addr, Suspended: true})
	if err := next.Close(); err != nil || len(p.Addrs()) != 0 {
		t.Errorf("a suspended one was opened by its successor: %v, %v", p.Addrs(), err)
	}
	if err := last.Resume(); err != nil || len(p.Addrs()) != 1 {
		t.Errorf("sockets %v, %v", p.Addrs(), err)
	}
}

func TestSuspendByAnOldGenerationDoesNothing(t *testing.T) {
	p := newPool(t)
	old := open(t, p, listener.Config{})
	next := open(t, p, listener.Config{Addr: old.Addr().String()})
	if err := old.Suspend(); err != nil {
		t.Fatal(err)
	}
	dial(t, "127.0.0.1", next.Addr().String())
	accept(t, next)
}

func TestErrors(t *testing.T) {
	p := newPool(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		cfg  listener.Config
		want haechi.ErrorKind
	}{
		{listener.Config{Addr: taken.Addr().String(), Service: "s"}, haechi.Conflict},
		{listener.Config{Addr: "192.0.2.1:1", Service: "s"}, haechi.Unavailable},
		{listener.Config{Addr: "127.0.0.1:0"}, haechi.Invalid},
		{listener.Config{Service: "s"}, haechi.Invalid},
	} {
		if _, err := p.Listen(tt.cfg); haechi.KindOf(err) != tt.want || err == nil {
			t.Errorf("%s: %v", tt.cfg.Addr, err)
		}
	}
	if len(p.Addrs()) != 0 {
		t.Errorf("failed listens left %v", p.Addrs())
	}
}

// failing is a socket that has no file descriptors for a while.
type failing struct {
	fails int
	times []time.Time
	done  chan struct{}
}

func (f *failing) Accept() (net.Conn, error) {
	if f.fails > 0 {
		f.fails--
		f.times = append(f.times, time.Now())
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	<-f.done
	return nil, net.ErrClosed
}
func (f *failing) Close() error { close(f.done); return nil }
func (f *failing) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:1"))
}

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{fails: 12, done: make(chan struct{})}
		p := listener.NewPool(func(string) (net.Listener, error) { return f, nil })
		open(t, p, listener.Config{Addr: "127.0.0.1:1"})
		<-time.After(time.Minute) // of the bubble
		if got := p.AcceptErrors(); got != 12 {
			t.Errorf("%d errors counted", got)
		}
		for i, at := range f.times[1:] {
			gap := at.Sub(f.times[i])
			want := min(5*time.Millisecond<<i, time.Second)
			if gap != want {
				t.Errorf("pause %d was %v, want %v", i, gap, want)
			}
		}
		p.Close()
	})
}

func TestBackOffEndsWithTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{fails: 1 << 30, done: make(chan struct{})}
		p := listener.NewPool(func(string) (net.Listener, error) { return f, nil })
		open(t, p, listener.Config{Addr: "127.0.0.1:1"})
		synctest.Wait()
		p.Close() // returns, or the test deadlocks
	})
}
