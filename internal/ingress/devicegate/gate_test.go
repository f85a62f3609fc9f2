package devicegate_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGateConverses(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	for _, room := range []string{"a", "b"} {
		msg := c.message(room, strings.Repeat("QUJD", 50000))
		if got := c.say(msg).hear("echo"); got != "echo "+msg {
			t.Errorf("room %s: changed on the way", room)
		}
	}
	many := ""
	for range 100 {
		many += c.message("r", "QQ==")
	}
	c.say(many)
	for range 100 {
		c.hear("echo")
	}
	_ = c.Close()
}

func TestRefusalsSendNothingUpstream(t *testing.T) {
	frames := refusals(newPhone())
	r := newRig(t, devicegate.Config{})
	good := r.dial().prove()
	captured := good.message("r", "QQ==")
	good.say(captured).hear("echo")
	seen := r.up.bytes.Load()
	for name, tt := range frames {
		t.Run("before the proof: "+name, func(t *testing.T) {
			c := r.dial()
			c.t = t
			c.say(tt.frame)
			if !strings.Contains(tt.frame, `"Event"`) && !strings.HasPrefix(tt.frame, `{"data"`) && !strings.HasPrefix(tt.frame, `{"event":"handshake"`) {
				c.hear(`"reference":"`)
			}
		})
	}
	for name, say := range map[string]func(c *client) string{
		"bare handshake":               func(c *client) string { return "" },
		"replay on another connection": func(c *client) string { return swap(captured, "QQ==", "Qg==") },
		"forged proof":                 func(c *client) string { return c.pong(with("signature", strings.Repeat("0", 64))) },
		"proof of another bot":         func(c *client) string { return (&phone{bot: "other", id: serial, at: time.Now()}).pong() },
		"message instead of a proof":   func(c *client) string { return c.message("r", "") },
	} {
		t.Run(name, func(t *testing.T) {
			c := r.dial()
			c.t = t
			c.say(c.hello33()).hear(`"event":"ping"`)
			c.say(say(c))
		})
	}
	t.Run("pending device", func(t *testing.T) {
		c := r.dial()
		c.t, c.id = t, "fedcba9876543210"
		c.say(c.hello33() + c.pong()).hear("UNAUTHORIZED")
	})
	if got := r.up.bytes.Load(); got != seen || r.up.conns.Load() != 1 {
		t.Errorf("the upstream received %d bytes more, on %d connections", got-seen, r.up.conns.Load())
	}
	good.say(good.message("r", "Qg==")).hear("echo")
}

func TestNewcomerWinsOnlyAfterItsProof(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	old := r.dial().prove()
	fresh := r.dial()
	fresh.say(fresh.hello33()).hear(`"event":"ping"`)
	old.say(old.message("r", "QQ==")).hear("echo")
	fresh.say(fresh.pong()).hear("handshakeComplete")
	old.closed()
	fresh.say(fresh.message("r", "QQ==")).hear("echo")
	closes := r.w.await(haechi.KindClose, 1)
	if e := closes[0]; e.Reason != haechi.ReasonSuperseded || e.Ref == "" || e.Provoked {
		t.Errorf("close %+v", e)
	}
}

func TestCutClosesAtOnce(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	begun := time.Now()
	r.live.Range(func(_, cut any) bool {
		cut.(func(haechi.Verdict))(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonStatusChanged, Ref: "7K29Q-XM4TC"})
		return true
	})
	c.closed()
	if d := time.Since(begun); d > 10*time.Second { // which no other bound comes near
		t.Errorf("took %v", d)
	}
	again := r.dial().prove() // it comes back, and that is not held against it
	if h := r.w.find(haechi.KindHandshake); !h[len(h)-1].Provoked || h[0].Provoked {
		t.Errorf("handshakes provoked: %t, then %t", h[0].Provoked, h[len(h)-1].Provoked)
	}
	_ = again.Close()
}

func TestUpstreamEnds(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	r.up.hangUp()
	c.closed()
	r.w.await(haechi.KindClose, 1)
	_ = r.up.Close()
	d := r.dial()
	d.say(d.hello33()).hear(`"event":"ping"`)
	d.say(d.pong()).hear("UNAVAILABLE")
	d.closed()
	closes := r.w.await(haechi.KindClose, 2)
	if a, b := closes[0], closes[1]; a.Reason != haechi.ReasonUpstreamClosed || b.Reason != haechi.ReasonUpstreamDown || !a.Provoked || !b.Provoked {
		t.Errorf("closes: %s %t, %s %t", a.Reason, a.Provoked, b.Reason, b.Provoked)
	}
}

func TestLongUpstreamLines(t *testing.T) {
	r := newRig(t, devicegate.Config{LineOut: 4 << 20})
	size := 3 << 20
	r.up.reply = func(l string) string {
		if strings.Contains(l, `"message"`) {
			return strings.Repeat("A", size) + "\n"
		}
		return "handshakeComplete\n"
	}
	c := r.dial().prove()
	if l := c.say(c.message("r", "")).hear("AAAA"); len(l) != size+1 {
		t.Errorf("%d bytes", len(l))
	}
	size = 5 << 20
	c.say(c.message("r", ""))
	if l, err := c.r.ReadString('\n'); err == nil {
		t.Errorf("a line of %d bytes passed", len(l))
	}
}

func TestHeldConnectionsAreCapped(t *testing.T) {
	r := newRig(t, devicegate.Config{MaxHeld: 1})
	r.w.set(device, haechi.Blocked)
	one := r.dial()
	one.say(one.hello33()).hear("UNAUTHORIZED")
	for r.gate.Stats()[1].Value == 0 {
		runtime.Gosched() // the place is taken right after the frame was sent
	}
	two := r.dial()
	two.say(two.hello33()).hear("UNAUTHORIZED")
	two.closed()
	if c := r.gate.Stats()[2]; c.Value != 1 {
		t.Errorf("%s = %d", c.Name, c.Value)
	}
}

func TestUnprovedMemoryIsBounded(t *testing.T) {
	r := newRig(t, devicegate.Config{Unproved: 64 << 10})
	c := r.dial()
	c.say(`{"event":"` + strings.Repeat("x", 100<<10)).hear("UNAVAILABLE")
	c.closed()
}

// A frame that asks the server for data is told of twice: as a message, and as a query
// for kb_query_logs.
func TestQueriesAreTold(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	c.say(c.message("방", "QQ==") + c.pong() + c.analyze("방")).hear("echo")
	for _, e := range r.w.await(haechi.KindQuery, 2) {
		if e.Device != device || e.Assurance != haechi.Authenticated || e.Frame != "message" && e.Frame != "analyze" {
			t.Errorf("%+v", e)
		}
	}
	if n := len(r.w.await(haechi.KindMessage, 3)); n != 3 {
		t.Errorf("%d messages", n)
	}
	if n := len(r.w.find(haechi.KindQuery)); n != 2 {
		t.Errorf("%d queries", n)
	}
}

// However fast a device asks, and however soon it leaves, every query is counted; they
// are not an event each.
func TestQueriesOfABurstAreCounted(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	var burst strings.Builder
	for i := range 40 {
		burst.WriteString(c.message("방", "QQ"+strings.Repeat("Q", i)+"=="))
	}
	c.say(burst.String())
	r.w.await(haechi.KindMessage, 40)
	_ = c.Close()
	r.w.await(haechi.KindClose, 1)
	told := r.w.find(haechi.KindQuery)
	var n uint64
	for _, e := range told {
		n += e.N()
	}
	if n != 40 || len(told) > 20 {
		t.Errorf("%d queries in %d events", n, len(told))
	}
}

// A device that does not read holds up its own upstream and nobody else, and its own
// frames go on. Once it reads, it gets everything.
func TestDeviceThatDoesNotReadHoldsUpOnlyItself(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	answer := strings.Repeat("A", 1<<20) + "\n"
	r.up.reply = func(l string) string {
		if strings.Contains(l, `"room":"flood"`) {
			return strings.Repeat(answer, 32)
		}
		return "handshakeComplete echo\n"
	}
	slow := r.dial().prove()
	slow.say(slow.message("flood", ""))
	for r.blocked.Stats().Taken == 0 {
		runtime.Gosched() // until the socket takes no more
	}
	seen := r.up.bytes.Load()
	slow.say(slow.message("still", "QQ=="))
	other := r.dial()
	other.id = "other"
	r.w.set(bot+"/other", haechi.Approved)
	other.prove().say(other.message("r", "")).hear("echo")
	for r.up.bytes.Load() == seen {
		runtime.Gosched()
	}
	for range 32 {
		slow.hear("AAAA")
	}
	slow.hear("echo")
}

// Half a frame, then nothing: the rest is taken whenever it comes, one byte at a time.
func TestFrameByteByByte(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	msg := c.message("r", "QQ==")
	for i := range len(msg) {
		c.say(msg[i : i+1])
		if i%16 == 0 {
			runtime.Gosched()
		}
	}
	if got := c.hear("echo"); got != "echo "+msg {
		t.Errorf("heard %q", got)
	}
}

// An upstream that stops within a line: the device gets what there is, and the refusal
// that follows is not put into the middle of it.
func TestUpstreamStopsWithinALine(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	r.up.reply = func(l string) string {
		if strings.Contains(l, `"message"`) {
			return "half a li"
		}
		return "handshakeComplete\n"
	}
	c := r.dial().prove()
	c.say(c.message("r", ""))
	got := make([]byte, len("half a li"))
	if _, err := io.ReadFull(c.r, got); err != nil || string(got) != "half a li" {
		t.Fatalf("heard %q (%v)", got, err)
	}
	c.say("no frame\n")
	if l, err := c.r.ReadString('\n'); err == nil || l != "" {
		t.Errorf("heard %q (%v) behind half a line", l, err)
	}
}

// TestManyComeAndGo opens and closes connections in every state while cuts, deadlines
// and data race. The rig checks that no place and no session is left.
func TestManyComeAndGo(t *testing.T) {
	r := newRig(t, devicegate.Config{HandshakeTimeout: 30 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for j := range 25 {
				c, err := net.Dial("tcp", r.l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				p := &phone{bot: bot, id: serial, at: time.Now().Add(time.Duration(i*25+j) * 100 * time.Millisecond)}
				switch (i + j) % 5 {
				case 0:
					_, _ = c.Write([]byte(p.hello33() + p.pong() + p.message("r", "QQ==")))
				case 1:
					_, _ = c.Write([]byte(p.hello33()))
				case 2:
					_, _ = c.Write([]byte(p.hello33()[:20]))
				case 3:
					_, _ = c.Write([]byte(p.hello33() + p.pong()))
					r.live.Range(func(_, cut any) bool {
						cut.(func(haechi.Verdict))(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision})
						return false
					})
				}
				if (i+j)%3 == 0 {
					_ = c.SetReadDeadline(time.Now().Add(time.Minute))
					_, _ = c.Read(make([]byte, 256))
				}
				_ = c.Close()
			}
		})
	}
	wg.Wait()
	if n := len(r.w.await(haechi.KindClose, 1000)); n != 1000 {
		t.Errorf("%d connections were closed", n)
	}
}
