package devicegate_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"context"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
)

// idle is the cheapest house: what remains is the gate itself.
type idle struct{}

func (idle) Lookup(string) (haechi.Device, bool) {
	return haechi.Device{Status: haechi.Approved}, true
}
func (idle) Register(d haechi.Device, _ time.Time) (haechi.Device, error) { return d, nil }
func (idle) Seen(string, netip.Addr, string, time.Time, bool)             {}
func (idle) Pin(string, string, time.Time) bool                           { return true }
func (idle) Prove(*haechi.Claim, time.Time) haechi.Proof                  { return haechi.Proof{} }
func (idle) Emit(*haechi.Event)                                           {}
func (idle) Inspect(*haechi.Request, time.Time) haechi.Verdict            { return haechi.Verdict{} }

func idleGate(t testing.TB, dial func(context.Context) (net.Conn, error)) *devicegate.Gate {
	g, err := devicegate.New(devicegate.Config{Service: "bots", Profile: profile(t, "messengerbot")}, devicegate.Deps{Registry: idle{}, Prover: idle{},
		Sink: idle{}, Inspector: idle{}, Dial: dial, Idle: newLot(t), Blocked: newLot(t)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func machineWith(t testing.TB) (*devicegate.Gate, *devicegate.Machine, *devicegate.Work, *phone) {
	g := idleGate(t, nil)
	p := newPhone()
	m, w := g.Machine(actor("192.0.2.7"), 1, start), g.NewWork()
	for in := []byte(p.hello33() + p.pong()); ; {
		n, a := m.Step(w, in, start)
		in = in[n:]
		if a.Op == devicegate.OpDial {
			m.Dialed(nil, start)
		}
		if a.Op == devicegate.OpNone {
			return g, m, w, p
		}
	}
}

// BenchmarkStep is one message frame through the machine, without the MAC.
func BenchmarkStep(b *testing.B) {
	_, m, w, p := machineWith(b)
	frame := []byte(p.message("테스트방", "aGVsbG8gd29ybGQh"))
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if n, a := m.Step(w, frame, start); n != len(frame) || a.Op != devicegate.OpForward {
			b.Fatal(a.Op)
		}
	}
}

func TestAFrameDoesNotAllocate(t *testing.T) {
	_, m, w, p := machineWith(t)
	for _, frame := range []string{p.message("방", "QQ=="), p.pong(), swap(p.message("b", ""), `"room":"b"`, `"room":"\ubc29"`)} {
		in := []byte(frame)
		m.Step(w, in, start)
		if n := testing.AllocsPerRun(100, func() { m.Step(w, in, start) }); n != 0 {
			t.Errorf("%v allocations for %.60s", n, frame)
		}
	}
}

// drain is an upstream that reads and says nothing.
func drain(t testing.TB) (net.Listener, func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			})
		}
	})
	return l, func() { _ = l.Close(); wg.Wait() }
}

// BenchmarkGate sends frames through sockets, 16 at a time as a busy client would.
func BenchmarkGate(b *testing.B) {
	up, stop := drain(b)
	g := idleGate(b, func(context.Context) (net.Conn, error) { return net.Dial("tcp", up.Addr().String()) })
	in, inStop := serve(b, g)
	c, err := net.Dial("tcp", in)
	if err != nil {
		b.Fatal(err)
	}
	p := newPhone()
	fmt.Fprint(c, p.hello33()+p.pong())
	frame := []byte(strings.Repeat(p.message("테스트방", "aGVsbG8gd29ybGQh"), 16))
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := c.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/frame")
	_ = c.Close()
	inStop()
	stop()
}

// serve runs a gate on a listener.
func serve(t testing.TB, g *devicegate.Gate) (addr string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.Serve(ingress.NewConn(c, actor("127.0.0.1"), 1, 2, func() {})) })
		}
	})
	return l.Addr().String(), func() { g.Shutdown(); _ = l.Close(); wg.Wait(); g.Wait() }
}

// BenchmarkIdle reports the memory of the gate for one proved, silent device: its
// heap and stacks, with the three net.Conn that the test's own ends need.
func BenchmarkIdle(b *testing.B) {
	const conns = 500
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	g := idleGate(b, func(context.Context) (net.Conn, error) { return net.Dial("tcp", up.Addr().String()) })
	in, stop := serve(b, g)
	memory := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse + m.StackInuse)
	}
	var ends []net.Conn
	for b.Loop() {
		before := memory()
		for i := range conns {
			c, err := net.Dial("tcp", in)
			if err != nil {
				b.Fatal(err)
			}
			p := &phone{bot: bot, id: fmt.Sprintf("%016x", len(ends)+i), at: start}
			fmt.Fprint(c, p.hello33()+p.pong())
			u, err := up.Accept()
			if err != nil {
				b.Fatal(err)
			}
			ends = append(ends, c, u)
		}
		b.ReportMetric((memory()-before)/conns, "B/conn")
	}
	for _, c := range ends {
		_ = c.Close()
	}
	stop()
	_ = up.Close()
}
