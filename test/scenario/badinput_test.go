package scenario_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/bridge"
	"haechi/test/gateway"
)

// What follows is the bad input of the issue: each ends in a refusal that is
// documented, counted and explained, in bounded memory, and no other device notices.

// noise is a connection that sends what it should not.
type noise struct {
	t  *testing.T
	c  net.Conn
	in *bufio.Reader
	me bridge.Identity
	// mute says that it answers no ping any more: it is in the middle of a frame.
	mute bool
}

func (r *rig) noise(t *testing.T, i int, to string, me bridge.Identity) *noise {
	t.Helper()
	c, err := dialFrom(t.Context(), r.addr(i), to)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &noise{t: t, c: c, in: bufio.NewReader(c), me: me}
}

// send writes; to be cut meanwhile is an outcome.
func (n *noise) send(text string) bool {
	must(n.t, n.c.SetWriteDeadline(time.Now().Add(gateway.Patient(5*time.Second))))
	_, err := io.WriteString(n.c, text)
	return err == nil
}

// until reads up to the event; false means that the connection ended before.
func (n *noise) until(event string, within time.Duration) (h bridge.Heard, ok bool) {
	n.t.Helper()
	within = gateway.Patient(within)
	must(n.t, n.c.SetReadDeadline(time.Now().Add(within)))
	for {
		line, err := n.in.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				n.t.Fatalf("no %s within %s", event, within)
			}
			return h, false
		}
		if h, err = bridge.Hear(line); err == nil && h.Event == event {
			return h, true
		}
		if h.Event == "ping" && !n.mute {
			n.send(string(n.me.Pong(h.Data.Stamp, n.me.Auth(time.Now().UnixMilli()))))
		}
	}
}

// proved is a connection whose device has proved itself.
func (n *noise) proved() *noise {
	n.t.Helper()
	n.send(string(n.me.Handshake()))
	if _, ok := n.until("handshakeComplete", 10*time.Second); !ok {
		n.t.Fatal("the device is not let in")
	}
	return n
}

// drip sends one byte a second until it is cut.
func (n *noise) drip(text string) {
	n.mute = true
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range len(text) {
		if !n.send(text[i:i+1]) || i > 25 {
			return
		}
		<-tick.C
	}
}

// message is a signed message whose text has something replaced.
func (n *noise) message(old, by string) string {
	line := string(n.me.Message("!time", n.me.Auth(time.Now().UnixMilli())))
	if !strings.Contains(line, old) {
		n.t.Fatalf("%q is not in %s", old, line)
	}
	return strings.Replace(line, old, by, 1)
}

// badInput is one kind of bad input. Before says that it comes before the proof.
type badInput struct {
	name   string
	before bool
	send   func(n *noise)
	reason haechi.Reason
	code   string
}

func badInputs() []badInput {
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "\n"
	list := `{"event":"message","data":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}\n"
	field := func(old, by string) func(n *noise) { return func(n *noise) { n.send(n.message(old, by)) } }
	hello := func(old, by string) func(n *noise) {
		return func(n *noise) { n.send(strings.Replace(string(n.me.Handshake()), old, by, 1)) }
	}
	stamp := func(as string) func(n *noise) {
		return func(n *noise) {
			auth := n.me.Auth(1_750_000_000_000)
			n.send(strings.Replace(string(n.me.Message("!time", auth)), "1750000000000", as, 1))
		}
	}
	return []badInput{
		{"half a frame for 10 s, first", true, func(n *noise) { n.send(`{"event":"handsh`) }, haechi.ReasonHandshake, "HANDSHAKE"},
		{"half a frame for 10 s", false, func(n *noise) { n.mute = n.send(`{"event":"mess`) }, haechi.ReasonTimeout, "TIMEOUT"},
		{"one byte a second, first", true, func(n *noise) { n.drip(string(n.me.Handshake())) }, haechi.ReasonHandshake, "HANDSHAKE"},
		{"one byte a second", false, func(n *noise) { n.drip(n.message("", "")) }, haechi.ReasonTimeout, "TIMEOUT"},
		{"objects 10,000 deep, first", true, func(n *noise) { n.send(deep) }, haechi.ReasonMalformed, "BAD_FRAME"},
		{"objects 10,000 deep", false, func(n *noise) { n.send(deep) }, haechi.ReasonMalformed, "BAD_FRAME"},
		{"lists 10,000 deep", false, func(n *noise) { n.send(list) }, haechi.ReasonMalformed, "BAD_FRAME"},
		{"an integer beyond 64 bits", false, field(`"log_id":null`, `"log_id":99999999999999999999999`), haechi.ReasonMalformed, "BAD_FRAME"},
		{"a number beyond a float", false, field(`"log_id":null`, `"log_id":1e999`), haechi.ReasonMalformed, "BAD_FRAME"},
		{"a timestamp beyond 64 bits", false, stamp("17500000000000000000000"), haechi.ReasonMalformed, "BAD_FRAME"},
		{"a timestamp as 1.75e12", false, stamp("1.75e12"), haechi.ReasonTimestamp, "AUTH_FAILED"},
		{"a timestamp in quotes", false, stamp(`"1750000000000"`), haechi.ReasonTimestamp, "AUTH_FAILED"},
		{"a name with |, first", true, hello(`"botName":"`, `"botName":"a|`), haechi.ReasonHandshake, "HANDSHAKE"},
		{"a signed field with |", false, field(`"macAddress":"`, `"macAddress":"|`), haechi.ReasonMalformed, "BAD_FRAME"},
		{"a name with a zero byte, first", true, hello(`"botName":"`, "\"botName\":\"\x00"), haechi.ReasonEncoding, "BAD_FRAME"},
		{"a name with an escaped zero, first", true, hello(`"botName":"`, `"botName":"\u0000`), haechi.ReasonEncoding, "BAD_FRAME"},
		{"a zero byte", false, field(`"sender":"`, "\"sender\":\"\x00"), haechi.ReasonEncoding, "BAD_FRAME"},
		{"a tail that is not base64", false, func(n *noise) {
			n.send(strings.TrimSuffix(n.message("", ""), "\n") + "<script>\n")
		}, haechi.ReasonMalformed, "BAD_FRAME"},
		{"a tail with a second object", false, func(n *noise) {
			n.send(strings.TrimSuffix(n.message("", ""), "\n") + `{"event":"message"}` + "\n")
		}, haechi.ReasonMalformed, "BAD_FRAME"},
		{"100,000 lines, first", true, func(n *noise) {
			line := n.message("", "")
			for range 1000 {
				if !n.send(strings.Repeat(line, 100)) {
					return
				}
			}
		}, haechi.ReasonEarlyOverflow, "HANDSHAKE"},
		{"100,000 lines without proof, first", true, func(n *noise) {
			for range 1000 {
				if !n.send(strings.Repeat("{\"event\":\"message\",\"data\":{}}\n", 100)) {
					return
				}
			}
		}, haechi.ReasonAuthMissing, "AUTH_FAILED"},
		{"a TLS hello on a plain port, first", true, func(n *noise) { n.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }, haechi.ReasonMalformed, "BAD_FRAME"},
	}
}

// TestBadInput sends all of it, beside a phone that goes on.
func TestBadInput(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	r.configure(settings{top: fmt.Sprintf("metrics: { listen: %q }\n", r.at(1, 9090)), bots: "timeouts: { idle: 10s }"})
	r.start()
	finish := r.bystander(t)
	before := r.memory()
	t.Run("each", func(t *testing.T) {
		for i, in := range badInputs() {
			t.Run(in.name, func(t *testing.T) {
				t.Parallel()
				r := r.with(t)
				id := scripted(r.enrol("시험봇", fmt.Sprintf("bad%02d", i), demo.V333))
				n := r.noise(t, 20+i, r.botsAddr(), id)
				if !in.before {
					n.proved()
				}
				counted := r.refusals(in.reason)
				in.send(n)
				h, ok := n.until("error", 15*time.Second)
				if !ok {
					t.Fatal("it is closed without a word")
				}
				if h.Data.Code != in.code {
					t.Errorf("told %s, want %s", h.Data.Code, in.code)
				}
				r.because(t, h.Data.Ref, in.reason)
				if now := r.refusals(in.reason); now == counted {
					t.Errorf("haechi_refusals_total of %s stays %q", in.reason, now)
				}
			})
		}
	})
	// The bound of what connections hold before their proof is 64 MiB; the race detector
	// takes several times of it.
	bound := int64(64 << 20)
	if gateway.Race() {
		bound *= 6
	}
	after := r.memory()
	t.Logf("memory of the gateway: %d KiB before, %d KiB after", before>>10, after>>10)
	if after > before+bound {
		t.Errorf("the gateway grew from %d to %d KiB", before>>10, after>>10)
	}
	finish()
}

// TestTLSAndPlainMixedUp sends plain text to a port for TLS, and garbage that begins
// as TLS does. Nobody there can be told; the events say it.
func TestTLSAndPlainMixedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	secure := r.at(1, 1494)
	r.configure(settings{bots: "timeouts: { idle: 10s }", services: fmt.Sprintf(
		"  secure:\n    kind: device\n    listen: [%q]\n    upstream: %s\n    tls: { dev_ca: true }\n", secure, r.at(hostUpstream, portBotUpstream))})
	r.start()
	finish := r.bystander(t)
	id := scripted(r.enrol("시험봇", "mixed", demo.V333))
	for _, x := range []struct {
		send, rule, counter string
		reason              haechi.Reason
	}{
		{string(id.Handshake()), "tls/required", "device/secure/plain_refused", haechi.ReasonMalformed},
		{"\x16\x03\x01\x00\x05hello", "tls/handshake", "device/secure/tls_failed", haechi.ReasonHandshake},
	} {
		n := r.noise(t, 20, secure, id)
		n.send(x.send)
		if h, told := n.until("error", 15*time.Second); told {
			t.Errorf("%s: told %+v", x.rule, h)
		}
		if c := r.counter(x.counter); c != 1 {
			t.Errorf("%s is %d", x.counter, c)
		}
		var found haechi.Event
		eventually(t, "the event of "+x.rule, 5*time.Second, func() bool {
			for _, e := range asked[[]haechi.Event](r, "events", "--failures", "--limit", "100") {
				if e.Rule == x.rule {
					found = e
				}
			}
			return found.Ref != ""
		})
		var why haechi.Explanation
		eventually(t, "it to be explained", 5*time.Second, func() bool {
			return len(askedOr(r, &why, "why", string(found.Ref)).Refusals) > 0
		})
		if e := why.Refusals[0]; e.Reason != x.reason || e.Rule != x.rule {
			t.Errorf("why says %+v", e)
		}
	}
	finish()
}

// bystander is a good phone that says something ten times a second. Finish wants
// every word to be answered, and the phone never to have reconnected.
func (r *rig) bystander(t *testing.T) (finish func()) {
	p := r.script("good", 10)
	r.plays(p)
	r.opens(p, 1)
	stop, said := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(300 * time.Millisecond) // its limit is 300 a minute
		defer tick.Stop()
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				said <- n
				return
			case <-tick.C:
				p.Say(fmt.Sprint("!echo ", n))
			}
		}
	}()
	return func() {
		t.Helper()
		close(stop)
		n := <-said
		words := make([]string, n)
		for i := range words {
			words[i] = strconv.Itoa(i)
		}
		r.hears(p, words...)
		if c := p.Counts(); c.Connects != 1 || c.Errors != 0 || c.Replies != n {
			t.Errorf("the good phone noticed: %+v, of %d words", c, n)
		}
	}
}

// because wants `haechi why REF` to name the reason.
func (r *rig) because(t *testing.T, ref string, reason haechi.Reason) {
	t.Helper()
	var x haechi.Explanation
	eventually(t, "the refusal to be recorded", 5*time.Second, func() bool {
		return len(askedOr(r, &x, "why", ref).Refusals) > 0
	})
	if e := x.Refusals[0]; e.Reason != reason || string(e.Ref) != ref || e.Rule != "gate/"+string(reason) {
		t.Errorf("why %s says %+v, want %s", ref, e, reason)
	}
}

// refusals is the gateway's counter of refusals for the reason.
func (r *rig) refusals(reason haechi.Reason) string {
	r.t.Helper()
	res, err := http.Get("http://" + r.at(1, 9090) + "/metrics")
	must(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r.t, err)
	_, rest, _ := strings.Cut(string(b), fmt.Sprintf("haechi_refusals_total{reason=%q} ", reason))
	n, _, _ := strings.Cut(rest, "\n")
	return n
}

// memory is what the gateway has in memory, in bytes.
func (r *rig) memory() int64 {
	r.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", r.proc.PID()))
	must(r.t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	must(r.t, err)
	return pages * int64(os.Getpagesize())
}
