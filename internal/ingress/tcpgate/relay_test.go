package tcpgate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/tcpgate"
)

// kinds are the ways in which bytes are moved.
func kinds() map[string]setting {
	return map[string]setting{
		"spliced":        func(*tcpgate.Config, *tcpgate.Deps) {},
		"copied":         func(_ *tcpgate.Config, d *tcpgate.Deps) { d.Pipes = nil },
		"paced":          func(c *tcpgate.Config, _ *tcpgate.Deps) { c.Paced = true },
		"parked":         func(c *tcpgate.Config, _ *tcpgate.Deps) { c.Quiet = 10 * time.Millisecond },
		"own goroutines": func(c *tcpgate.Config, d *tcpgate.Deps) { d.Lot = nil },
	}
}

// TestEveryByteBothWays sends much both ways at once, then ends one half after the
// other, in each way of moving bytes.
func TestEveryByteBothWays(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			up := newServer(t, echo)
			r := newRig(t, tcpgate.Config{Upstream: up.addr()}, kind)
			c := r.dial()
			says(t, c, "hello")
			sent := make([]byte, 4<<20)
			_, _ = rand.Read(sent)
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = c.Write(sent)
				_ = c.CloseWrite()
			})
			got, err := io.ReadAll(c)
			wg.Wait()
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d of %d bytes came back, equal %t, %v", len(got), len(sent), bytes.Equal(got, sent), err)
			}
			e := r.events.want(t, haechi.KindClose)
			if n := int64(len(sent)) + 5; e.BytesIn != n || e.BytesOut != n || e.Outcome != haechi.Success || e.Reason != haechi.ReasonPeerClosed || e.Duration <= 0 || e.Session == 0 {
				t.Errorf("closed with %+v", e)
			}
		})
	}
}

// TestHalfClose: who has said everything still hears the answer, and learns who ended
// it first.
func TestHalfClose(t *testing.T) {
	answer := strings.Repeat("answer", 1000)
	up := newServer(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_, _ = io.WriteString(c, answer)
	})
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Quiet: 10 * time.Millisecond})
	c := r.dial()
	_, _ = io.WriteString(c, "question")
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != answer {
		t.Errorf("heard %d bytes, %v", len(got), err)
	}
	if e := r.events.want(t, haechi.KindClose); e.Reason != haechi.ReasonPeerClosed || e.BytesIn != 8 || e.BytesOut != int64(len(answer)) {
		t.Errorf("closed with %+v", e)
	}
	c = r.dial()
	_ = (<-up.conns).Close() // that of the first
	_ = (<-up.conns).Close()
	closed(t, c, 5*time.Second)
	_ = c.Close()
	if e := r.events.want(t, haechi.KindClose); e.Reason != haechi.ReasonUpstreamClosed || e.Outcome != haechi.Success {
		t.Errorf("closed with %+v", e)
	}
}

// TestSilentConnectionsAreParked: they have no goroutine and no pipe, and go on as if
// nothing had been.
func TestSilentConnectionsAreParked(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Quiet: 10 * time.Millisecond})
	var all []net.Conn
	for range 50 {
		c := r.dial()
		says(t, c, "hello")
		all = append(all, c)
	}
	for range 3 {
		eventually(t, "all to be parked", func() bool { return r.counter("parked") == 50 })
		if s := r.pipes.Stats(); s.Taken != 0 {
			t.Errorf("%d pipes are held", s.Taken)
		}
		for _, c := range all {
			says(t, c, "still there?")
		}
	}
	eventually(t, "all to be parked", func() bool { return r.counter("parked") == 50 })
	_ = all[0].Close()
	if e := r.events.want(t, haechi.KindClose); e.Reason != haechi.ReasonPeerClosed {
		t.Errorf("closed with %+v", e)
	}
	if n := r.sessions.cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Ref: "7K29Q-XM4TC"}); n != 49 {
		t.Errorf("%d sessions were registered", n)
	}
	for _, c := range all[1:] {
		closed(t, c, 2*time.Second)
	}
	eventually(t, "nobody to be left", func() bool { return r.gate.Live() == 0 && r.counter("parked") == 0 })
	if s := r.lot.Stats(); s.Taken != 0 {
		t.Errorf("%d places are still taken", s.Taken)
	}
}

// TestCut: whatever a session does, a decision ends it at once.
func TestCut(t *testing.T) {
	silent := newServer(t, func(c net.Conn) { <-t.Context().Done() })
	flood := newServer(t, func(c net.Conn) {
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	up := newServer(t, echo)
	cert := selfSigned(t)
	slow := haechi.Verdict{Action: haechi.Throttle, Delay: time.Minute, Reason: haechi.ReasonDecision}
	for name, c := range map[string]struct {
		cfg   tcpgate.Config
		set   func(*rig)
		begin func(*testing.T, net.Conn)
	}{
		"at the hello":            {cfg: tcpgate.Config{Names: []tcpgate.Name{{Name: "a.test", Upstream: up.addr()}}}},
		"at the handshake":        {cfg: tcpgate.Config{Upstream: up.addr(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}},
		"delayed":                 {cfg: tcpgate.Config{Upstream: up.addr(), MaxPause: time.Minute}, set: func(r *rig) { r.judge.set(slow) }},
		"paced":                   {cfg: tcpgate.Config{Upstream: up.addr(), Paced: true}, set: func(r *rig) { r.pacer.set(slow) }, begin: func(t *testing.T, c net.Conn) { _, _ = c.Write(make([]byte, 5000)) }},
		"silent":                  {cfg: tcpgate.Config{Upstream: silent.addr()}},
		"parked":                  {cfg: tcpgate.Config{Upstream: up.addr(), Quiet: time.Millisecond}, begin: func(t *testing.T, c net.Conn) { says(t, c, "x") }},
		"flooded and not reading": {cfg: tcpgate.Config{Upstream: flood.addr()}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.cfg, func(cfg *tcpgate.Config, d *tcpgate.Deps) {
				if !cfg.Paced {
					d.Pacer = nil
				}
			})
			if c.set != nil {
				c.set(r)
			}
			conn := r.dial()
			if c.begin != nil {
				c.begin(t, conn)
			}
			<-time.After(60 * time.Millisecond)
			began := time.Now()
			if n := r.sessions.cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "operator", Ref: "7K29Q-XM4TC"}); n != 1 {
				t.Fatalf("%d sessions", n)
			}
			e := r.events.want(t, haechi.KindClose)
			if d := time.Since(began); d > 10*time.Second { // which no other bound comes near
				t.Errorf("took %s", d)
			}
			if e.Reason != haechi.ReasonDecision || e.Ref != "7K29Q-XM4TC" || e.Outcome != haechi.Failure || e.Verdict != haechi.Deny {
				t.Errorf("closed with %+v", e)
			}
			_, _ = io.Copy(io.Discard, conn) // what was under way
		})
	}
}

// TestIdle: silence in both directions ends it, parked or not; bytes in one keep it.
func TestIdle(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			up := newServer(t, echo)
			r := newRig(t, tcpgate.Config{Upstream: up.addr(), Idle: 300 * time.Millisecond}, kind)
			c := r.dial()
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for range 6 {
				says(t, c, "still here")
				<-tick.C
			}
			closed(t, c, 5*time.Second)
			e := r.events.want(t, haechi.KindClose)
			if e.Reason != haechi.ReasonTimeout || e.Rule != tcpgate.RuleIdle || e.Ref == "" || e.Observed < e.Threshold || e.Duration < 600*time.Millisecond {
				t.Errorf("closed with %+v", e)
			}
			if r.counter("idle_cut") != 1 {
				t.Error("not counted")
			}
		})
	}
}

// TestSlowPeer: a byte now and then is too slow where a least rate is set; who is
// quiet, or fast, is left alone.
func TestSlowPeer(t *testing.T) {
	up := newServer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tcpgate.Config{Upstream: up.addr(), MinRate: 1000, RateWindow: 200 * time.Millisecond}, kind)
			slow, fast, quiet := r.dial(), r.dial(), r.dial()
			_, _ = quiet.Write(make([]byte, 1000))
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			var err error
			for range 100 {
				<-tick.C
				_, _ = fast.Write(make([]byte, 100))
				if _, err = slow.Write([]byte{1}); err != nil {
					break
				}
			}
			if err == nil {
				t.Fatal("the slow one was not cut")
			}
			e := r.events.want(t, haechi.KindFlow)
			if e.Rule != tcpgate.RuleSlow || e.Observed >= e.Threshold || e.Threshold != 1000 || e.Window != 200*time.Millisecond || !e.Refusal() || e.Ref == "" {
				t.Errorf("refused with %+v", e)
			}
			if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref || end.Port != uint16(slow.LocalAddr().(*net.TCPAddr).Port) {
				t.Errorf("closed %+v", end)
			}
			if r.gate.Live() != 2 || r.counter("slow_cut") != 1 {
				t.Errorf("%d live, %d cut", r.gate.Live(), r.counter("slow_cut"))
			}
		})
	}
}

// TestSlowPeerInShadow is told of once, and left alone.
func TestSlowPeerInShadow(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), MinRate: 1000, RateWindow: 50 * time.Millisecond, Shadow: true})
	c := r.dial()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		<-tick.C
		says(t, c, "x")
	}
	if e := r.events.want(t, haechi.KindFlow); !e.Shadow || e.Refusal() || e.Rule != tcpgate.RuleSlow || e.Ref == "" {
		t.Errorf("told %+v", e)
	}
	_ = c.Close()
	for e := range r.events {
		if e.Kind == haechi.KindFlow {
			t.Errorf("told again: %+v", e)
		}
		if e.Kind == haechi.KindClose {
			break
		}
	}
}

// TestReview: lists that have changed count for live connections too, parked or not;
// who is allowed by now is not asked about.
func TestReview(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Quiet: 10 * time.Millisecond})
	c := r.dial()
	says(t, c, "x")
	deny := &judge{v: haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAccess, Rule: "access/deny", Ref: "7K29Q-XM4TC"}}
	pass := &judge{}
	for range 2 {
		r.gate.Review(pass, func(netip.Addr) bool { return false })
		r.gate.Review(deny, func(netip.Addr) bool { return true })
		says(t, c, "still here")
		eventually(t, "it to be parked", func() bool { return r.counter("parked") == 1 })
	}
	if n := len(deny.questions()); n != 0 {
		t.Errorf("asked %d times about an allowed client", n)
	}
	r.gate.Review(deny, func(netip.Addr) bool { return false })
	closed(t, c, 2*time.Second)
	if e := r.events.want(t, haechi.KindFlow); e.Reason != haechi.ReasonAccess || !e.Refusal() || e.Ref != "7K29Q-XM4TC" {
		t.Errorf("refused with %+v", e)
	}
}

// TestUnread: a client that takes nothing loses its connection, and the server behind
// does not wait for it for ever.
func TestUnread(t *testing.T) {
	up := newServer(t, func(c net.Conn) {
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tcpgate.Config{Upstream: up.addr(), WriteTimeout: 200 * time.Millisecond}, kind)
			c := r.dial()
			e := r.events.want(t, haechi.KindFlow)
			if e.Reason != haechi.ReasonBackpressure || e.Rule != tcpgate.RuleUnread || !e.Refusal() {
				t.Errorf("refused with %+v", e)
			}
			if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref || r.counter("unread_cut") != 1 {
				t.Errorf("closed with %+v", end)
			}
			_, _ = io.Copy(io.Discard, c)
		})
	}
}

// TestPace: bytes are charged in both directions, wait as long as the verdict says,
// and end the connection where it refuses. In shadow nothing changes.
func TestPace(t *testing.T) {
	up := newServer(t, echo)
	start := func(t *testing.T, v haechi.Verdict) (*rig, net.Conn) {
		r := newRig(t, tcpgate.Config{Upstream: up.addr(), Paced: true, Piece: 4096})
		r.pacer.set(v)
		return r, r.dial()
	}
	text := strings.Repeat("x", 10_000)
	t.Run("waits", func(t *testing.T) {
		r, c := start(t, haechi.Verdict{Action: haechi.Throttle, Delay: 30 * time.Millisecond})
		began := time.Now()
		says(t, c, text)
		if d := time.Since(began); d < 90*time.Millisecond { // three pieces at least
			t.Errorf("took %s", d)
		}
		r.pacer.mu.Lock()
		defer r.pacer.mu.Unlock()
		if r.pacer.in != 9*1024 || r.pacer.out != 9*1024 {
			t.Errorf("charged %d and %d bytes", r.pacer.in, r.pacer.out)
		}
	})
	deny := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "limit/bytes-in", Observed: 2, Threshold: 1, Window: time.Second}
	t.Run("refuses", func(t *testing.T) {
		r, c := start(t, deny)
		_, _ = io.WriteString(c, text)
		e := r.events.want(t, haechi.KindFlow)
		if e.Reason != haechi.ReasonRateLimit || e.Rule != deny.Rule || e.Ref == "" || e.Observed != 2 || e.Window != time.Second || !e.Refusal() {
			t.Errorf("refused with %+v", e)
		}
		if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref || r.counter("rate_refused") != 1 {
			t.Errorf("closed with %+v", end)
		}
	})
	t.Run("shadow", func(t *testing.T) {
		shadow := deny
		shadow.Shadow = true
		r, c := start(t, shadow)
		says(t, c, text)
		says(t, c, text)
		if e := r.events.want(t, haechi.KindFlow); !e.Shadow || e.Refusal() || e.Outcome != haechi.Success {
			t.Errorf("told %+v", e)
		}
		_ = c.Close()
		if e := r.events.want(t, haechi.KindClose); e.Reason != haechi.ReasonPeerClosed || e.Shadow {
			t.Errorf("closed with %+v", e)
		}
	})
}

// TestVerdicts: a client that is refused never opens the upstream; one that is to be
// slowed down waits; one on the allow list is not asked about.
func TestVerdicts(t *testing.T) {
	up := newServer(t, echo)
	t.Run("deny", func(t *testing.T) {
		r := newRig(t, tcpgate.Config{Upstream: up.addr()})
		r.judge.set(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "operator", Ref: "7K29Q-XM4TC"})
		closed(t, r.dial(), 5*time.Second)
		e := r.events.want(t, haechi.KindConnect)
		if e.Outcome != haechi.Failure || e.Ref != "7K29Q-XM4TC" || !e.Refusal() || r.counter("verdict_refused") != 1 {
			t.Errorf("told %+v", e)
		}
		if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref {
			t.Errorf("closed with %+v", end)
		}
		if n := len(up.conns); n != 0 {
			t.Errorf("the upstream got %d connections", n)
		}
		if q := r.judge.questions(); len(q) != 1 || q[0].Kind != haechi.KindConnect || q[0].Service != "git" || q[0].Size != -1 {
			t.Errorf("asked %+v", q)
		}
	})
	t.Run("throttle", func(t *testing.T) {
		r := newRig(t, tcpgate.Config{Upstream: up.addr(), MaxPause: 100 * time.Millisecond})
		r.judge.set(haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: time.Hour, Ref: "7K29Q-XM4TC"})
		began := time.Now()
		says(t, r.dial(), "hello")
		if d := time.Since(began); d < 100*time.Millisecond || d > 3*time.Second {
			t.Errorf("took %s", d)
		}
		if e := r.events.want(t, haechi.KindConnect); e.Outcome != haechi.Success || e.Verdict != haechi.Throttle || e.Refusal() {
			t.Errorf("told %+v", e)
		}
	})
	t.Run("shadow", func(t *testing.T) {
		r := newRig(t, tcpgate.Config{Upstream: up.addr()})
		r.judge.set(haechi.Verdict{Action: haechi.Deny, Shadow: true, Reason: haechi.ReasonAccess, Rule: "access"})
		says(t, r.dial(), "hello")
		if e := r.events.want(t, haechi.KindConnect); !e.Shadow || e.Outcome != haechi.Success {
			t.Errorf("told %+v", e)
		}
	})
}

// TestUpstreamDown: nobody is blamed, and the check is told.
func TestUpstreamDown(t *testing.T) {
	l := listen(t)
	_ = l.Close()
	r := newRig(t, tcpgate.Config{Upstream: l.Addr().String()})
	closed(t, r.dial(), 5*time.Second)
	e := r.events.want(t, haechi.KindClose)
	if e.Reason != haechi.ReasonUpstreamDown || !e.Provoked || e.Refusal() || r.counter("upstream_failed") != 1 || <-r.suspects != l.Addr().String() {
		t.Errorf("closed with %+v", e)
	}
}

// TestTheEndOfTheGateway ends everybody, the parked ones too.
func TestTheEndOfTheGateway(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Quiet: 10 * time.Millisecond})
	parked := r.dial()
	says(t, parked, "x")
	eventually(t, "it to be parked", func() bool { return r.counter("parked") == 1 })
	busy := r.dial()
	says(t, busy, "x")
	r.gate.Shutdown()
	closed(t, parked, 2*time.Second)
	closed(t, busy, 2*time.Second)
	closed(t, r.dial(), 2*time.Second)
	for range 3 {
		if e := r.events.want(t, haechi.KindClose); e.Reason != haechi.ReasonShutdown || !e.Provoked {
			t.Errorf("closed with %+v", e)
		}
	}
}

// TestDescriptors: after a thousand connections of all kinds there is none more than
// before.
func TestDescriptors(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Quiet: 5 * time.Millisecond}, func(_ *tcpgate.Config, d *tcpgate.Deps) {
		dial, n := d.Dial, new(atomic.Int64)
		d.Dial = func(ctx context.Context, a string) (net.Conn, error) {
			if n.Add(1)%10 == 0 {
				return nil, errors.New("no")
			}
			return dial(ctx, a)
		}
	})
	before := descriptors(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				c, err := net.Dial("tcp", r.front.Addr().String())
				if err != nil {
					continue
				}
				_ = c.SetDeadline(time.Now().Add(time.Second))
				_, _ = io.WriteString(c, "x")
				_, _ = io.ReadFull(c, make([]byte, 1))
				if i%4 == 0 {
					<-time.After(10 * time.Millisecond)
				}
				_ = c.Close()
			}
		})
	}
	wg.Wait()
	for len(up.conns) > 0 {
		<-up.conns
	}
	eventually(t, "all to end", func() bool { return r.gate.Live() == 0 })
	r.pipes.Close()
	eventually(t, "the descriptors to be given back", func() bool { return descriptors(t) <= before })
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}
