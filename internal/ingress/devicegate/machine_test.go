package devicegate_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

func TestConversation(t *testing.T) {
	tests := map[string]func(p *phone) (hello, proof string, rest []string){
		"3.3.3": func(p *phone) (string, string, []string) {
			return p.hello33(), p.pong(), []string{p.message("방", "7JWI64WV"), p.pong(), p.message("방", "")}
		},
		"3.2.1": func(p *phone) (string, string, []string) {
			answer := func() string { return strings.Replace(p.pong(), `"pong"`, `"ping"`, 1) }
			return p.hello32(), answer(), []string{p.analyze("방"), answer()}
		},
		"CR LF and blank lines": func(p *phone) (string, string, []string) {
			return strings.Replace(p.hello33(), "\n", "\r\n", 1), p.pong(), []string{p.analyze("r")}
		},
	}
	for name, frames := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			hello, proof, rest := frames(newPhone())
			d.feed("\n \r\n" + hello)
			if d.forward.Len() != 0 || !strings.HasPrefix(d.sent.String(), `{"event":"ping","data":{"bot_name":"LOA.i","channel_id":"ping",`+
				`"room":"PING","user_hash":"system","server_timestamp":"2025-07-25 12:06:29.123","text":""}}`) {
				t.Fatalf("sent %q, forwarded %q", d.sent.String(), d.forward.String())
			}
			d.feed(proof)
			d.feed(strings.Join(rest, "\n"))
			if diff := cmp.Diff(hello+strings.Join(rest, ""), d.forward.String()); diff != "" {
				t.Error("forwarded (-want +got):", diff)
			}
			if diff := cmp.Diff([]string{"send false", "dial"}, d.ops); diff != "" {
				t.Error(diff)
			}
			if n := len(w.find(haechi.KindMessage)); n != len(rest) {
				t.Errorf("%d message events, want %d", n, len(rest))
			}
		})
	}
}

func TestEventsOfAConversation(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 9)
	d.feed(p.hello33()).feed(p.pong()).feed(p.message("방 하나", "QQ==")).feed(p.pong())
	want := []struct {
		kind   haechi.Kind
		frame  string
		room   string
		assure haechi.Assurance
	}{
		{haechi.KindHandshake, "", "", haechi.Handshaken},
		{haechi.KindAuth, "pong", "", haechi.Authenticated},
		{haechi.KindMessage, "message", "방 하나", haechi.Authenticated},
		{haechi.KindMessage, "pong", "", haechi.Authenticated},
	}
	if len(w.events) != len(want) {
		t.Fatalf("%d events, want %d", len(w.events), len(want))
	}
	for i, e := range w.events {
		if got := want[i]; e.Kind != got.kind || e.Frame != got.frame || e.Room != got.room || e.Assurance != got.assure ||
			e.Device != device || e.Outcome != haechi.Success || e.Session != 9 || e.Service != "bots" {
			t.Errorf("event %d = %+v", i, e)
		}
	}
	if diff := cmp.Diff([]string{device + " 3.3.3 true", device + " 3.3.3 true"}, w.seen); diff != "" {
		t.Error("seen:", diff)
	}
}

func TestEarlyFramesFollowTheHandshake(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	one, two, hello, three, proof, four := p.message("a", "QQ=="), p.pong(), p.hello33(), p.message("b", ""), p.pong(), p.message("c", "")
	d.feed(one + two + hello + three)
	if d.forward.Len() > 0 {
		t.Fatal("forwarded before the proof")
	}
	d.feed(proof + four)
	if diff := cmp.Diff(hello+one+two+three+four, d.forward.String()); diff != "" {
		t.Error(diff)
	}
}

func TestOwnAnswersAreNotForwarded(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	stale := p.pong() // an answer to a ping of an earlier connection
	d.feed(p.hello33()).feed(stale)
	late := p.frame("pong", map[string]any{"server_timestamp": d.stamp(t)})
	d.feed(late).feed(p.pong())
	if got := d.forward.String(); strings.Contains(got, d.stamp(t)) || strings.Count(got, "pong") != 1 {
		t.Errorf("forwarded %q", got)
	}
}

func TestDuplicatesAreDroppedAndProveNothing(t *testing.T) {
	w, p := newWorld(), newPhone()
	g := w.gate(t, devicegate.Config{}, devicegate.Deps{})
	proof, msg := p.pong(), p.message("r", "QQ==")
	drive(g, w, 1).feed(p.hello33() + proof + msg + msg)
	d := drive(g, w, 2)
	d.feed(p.hello33() + proof) // captured and sent again on another connection
	if d.forward.Len() > 0 || len(d.ops) != 1 {
		t.Fatalf("a resent proof opened the upstream: %v", d.ops)
	}
	d.feed(p.pong() + msg + p.message("r", "Qg=="))
	if strings.Contains(d.forward.String(), "QQ==") || !strings.Contains(d.forward.String(), "Qg==") {
		t.Errorf("forwarded %q", d.forward.String())
	}
	if c := g.Stats()[5]; c.Value != 3 {
		t.Errorf("%s = %d, want 3", c.Name, c.Value)
	}
}

func TestTimeouts(t *testing.T) {
	p := newPhone()
	tests := []struct {
		name, in string
		before   time.Duration
		after    time.Duration
		reason   haechi.Reason
	}{
		{"no handshake", "", 9999 * time.Millisecond, 10 * time.Second, haechi.ReasonHandshake},
		{"half a handshake", p.hello33()[:40], 9999 * time.Millisecond, 10 * time.Second, haechi.ReasonHandshake},
		{"early frames only", p.message("r", ""), 4999 * time.Millisecond, 5 * time.Second, haechi.ReasonHandshake},
		{"no proof", p.hello33(), 9999 * time.Millisecond, 10 * time.Second, haechi.ReasonLiveness},
		{"messages are no proof", p.hello33() + p.message("r", ""), 9999 * time.Millisecond, 10 * time.Second, haechi.ReasonLiveness},
		{"silence", p.hello33() + p.pong(), 599 * time.Second, 600 * time.Second, haechi.ReasonTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			d.feed(tt.in).at(tt.before)
			if d.done {
				t.Fatal("ended too early")
			}
			d.at(tt.after)
			if !d.done || d.m.Ending().Reason != tt.reason {
				t.Errorf("done %t, reason %q, want %q", d.done, d.m.Ending().Reason, tt.reason)
			}
		})
	}
}

// A client whose queue was too long to send its handshake sends it beside the next one.
func TestHandshakeAgain(t *testing.T) {
	p := newPhone()
	other := newPhone()
	other.bot = "loa.I"
	for name, tt := range map[string]struct {
		in     string
		reason haechi.Reason
	}{
		"the same twice":     {p.hello33() + p.hello33() + p.pong() + p.message("r", "QQ=="), ""},
		"in both shapes":     {p.hello32() + p.message("r", "QQ==") + p.hello33() + p.pong(), ""},
		"another's":          {p.hello33() + other.hello33() + p.pong(), haechi.ReasonHandshake},
		"with a tail":        {p.hello33() + strings.Replace(p.hello33(), "\n", "QQ==\n", 1) + p.pong(), haechi.ReasonHandshake},
		"without end":        {strings.Repeat(p.hello33(), 11) + p.pong(), haechi.ReasonHandshake},
		"to a device let in": {p.hello33() + p.pong() + p.hello33(), haechi.ReasonAuthMissing},
		"twice and no proof": {p.hello33() + p.hello33(), ""},
	} {
		w := newWorld()
		d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
		d.feed(tt.in)
		if got := d.m.Ending().Reason; got != tt.reason {
			t.Errorf("%s: reason %q, want %q", name, got, tt.reason)
		}
		if n := strings.Count(d.forward.String(), "deviceInfo"); n > 1 {
			t.Errorf("%s: %d handshakes were forwarded", name, n)
		}
	}
}

func TestUpstreamDownIsProvoked(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.dialErr = errors.New("connection refused")
	d.feed(p.hello33() + p.pong() + p.message("r", ""))
	if e := d.m.Ending(); e.Reason != haechi.ReasonUpstreamDown || !e.Provoked || !d.done || d.forward.Len() > 0 {
		t.Errorf("ending %+v, ops %v", e, d.ops)
	}
}

func TestHeldDeviceIsClosedWhenItsStatusChanges(t *testing.T) {
	w, p := newWorld(), newPhone()
	w.set(device, haechi.Pending)
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33()).at(30 * time.Second)
	if d.done {
		t.Fatalf("not held: %v", d.ops)
	}
	w.set(device, haechi.Approved)
	d.at(31 * time.Second)
	if !d.done || !d.m.Ending().Provoked {
		t.Errorf("ops %v, ending %+v", d.ops, d.m.Ending())
	}
}

func TestHoldEnds(t *testing.T) {
	w, p := newWorld(), newPhone()
	w.set(device, haechi.Blocked)
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33()).at(59 * time.Second).feed("whatever it sends\n")
	if d.done {
		t.Fatal("closed early")
	}
	if d.at(60 * time.Second); !d.done {
		t.Error("still held")
	}
}

func TestBlockedWhileTalking(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong() + p.message("r", "QQ=="))
	w.set(device, haechi.Blocked)
	d.feed(p.message("r", "Qg=="))
	if e := d.m.Ending(); strings.Contains(d.forward.String(), "Qg==") || e.Reason != haechi.ReasonStatusChanged {
		t.Errorf("ending %+v, forwarded %q", e, d.forward.String())
	}
}

func TestBlockedBetweenProofAndUpstream(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.dialing = func() { w.set(device, haechi.Blocked) }
	d.feed(p.hello33() + p.pong() + p.message("r", ""))
	if d.forward.Len() > 0 || d.m.Ending().Reason != haechi.ReasonStatusChanged {
		t.Errorf("ending %+v, forwarded %q", d.m.Ending(), d.forward.String())
	}
}

// The test vectors of the protocol page: what the gate gathers from a frame signs
// to them.
func TestVectorsOfTheProtocolPage(t *testing.T) {
	for name, want := range map[string]string{
		"LOA.i": "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829",
		"도매까봇":  "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879",
	} {
		w := newWorld()
		p := &phone{bot: name, id: serial, at: start.Add(-time.Millisecond)}
		w.set(haechi.DeviceKey(p.bot, p.id), haechi.Approved)
		d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
		proof := p.pong()
		if !strings.Contains(proof, want) {
			t.Fatalf("%s: the phone signs otherwise: %s", name, proof)
		}
		if d.feed(p.hello33() + proof); !d.m.Proved() {
			t.Errorf("%s: %+v", name, d.m.Ending())
		}
	}
}

// Only the frame that answers the gate's ping is a liveness check; what follows
// may have waited in the phone's queue since before a restart.
func TestOnlyTheProofIsLive(t *testing.T) {
	w := newWorld()
	p := newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.message("r", "QQ==") + p.hello33() + p.pong() + p.message("r", "QQ=="))
	if got := fmt.Sprint(w.live); got != "[true false false]" {
		t.Errorf("liveness checks among the claims: %v", got)
	}
}

// Readers of Java and of Node end a line at a bare carriage return as well: what
// stands between two of them would be a frame of its own that nobody has verified.
func TestCarriageReturnWithinAFrame(t *testing.T) {
	w := newWorld()
	p := newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(strings.Replace(p.hello33(), "\n", "\r\n", 1) + p.pong())
	d.forward.Reset()
	smuggled := strings.Replace(p.message("r", ""), `"data":{`, `"data":{"x":`+"\r"+`{"event":"message","data":{"bot_name":"other"}}`+"\r,", 1)
	d.feed(smuggled)
	if d.forward.Len() > 0 || d.m.Ending().Reason != haechi.ReasonMalformed {
		t.Errorf("forwarded %q, ending %+v", d.forward.String(), d.m.Ending())
	}
}

// The log is no place where strangers may write as often as they like.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	w := newWorld()
	w.full = true
	var log strings.Builder
	deps := devicegate.Deps{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	p := newPhone()
	p.bot = "invented"
	d := drive(w.gate(t, devicegate.Config{}, deps), w, 1)
	d.feed(p.hello33())
	if d.m.Ending().Reason != haechi.ReasonPendingFull || log.Len() > 0 {
		t.Errorf("ending %+v, logged %q", d.m.Ending(), log.String())
	}
}
