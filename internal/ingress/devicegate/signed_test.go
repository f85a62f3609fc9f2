package devicegate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
	"haechi/internal/ingress/devicegate"
)

const sensor = "line/sensor-1"

// sensorPhone speaks signed-lines.
type sensorPhone struct {
	t      *testing.T
	id     string
	seq    uint64
	at     time.Time
	mac    *framesign.MAC
	reader *framesign.Reader
}

func newSensor(t *testing.T) *sensorPhone {
	r, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		t.Fatal(err)
	}
	return &sensorPhone{t: t, id: "sensor-1", at: start, mac: framesign.NewMAC([]byte(testKey)), reader: r}
}

func (s *sensorPhone) frame(event, body string) string {
	s.seq++
	l := framesign.Line{KeyID: "k1", Device: s.id, Direction: framesign.Up, Seq: s.seq, Millis: s.at.UnixMilli(), Event: event, Body: []byte(body)}
	out := framesign.AppendLine(nil, &l)
	f, fault := s.reader.Read(out)
	if fault == framesign.OK {
		fault = s.mac.Sign(&f.Text, out, f.At)
	}
	if fault != framesign.OK {
		s.t.Fatal(fault)
	}
	return string(out) + "\n"
}

func (s *sensorPhone) hello() string { return s.frame("hello", `{"version":"1.0"}`) }

// proof answers the challenge that was sent.
func (s *sensorPhone) proof(sent string) string {
	var c struct{ Event, Nonce, Dir string }
	last := sent[strings.LastIndexByte(strings.TrimSuffix(sent, "\n"), '\n')+1:]
	if err := json.Unmarshal([]byte(last), &c); err != nil || c.Event != "challenge" || len(c.Nonce) != 32 || c.Dir != "down" {
		s.t.Fatalf("no challenge in %q (%v)", sent, err)
	}
	return s.frame("proof", fmt.Sprintf(`{"nonce":%q}`, c.Nonce))
}

// signedWorld knows the sensor and verifies the text that binds everything.
func signedWorld(t *testing.T, cfg devicegate.Config) (*world, *driver) {
	w := newWorld()
	w.set(sensor, haechi.Approved)
	cfg.Profile = profile(t, "signed-lines")
	w.sign = func(text string) string { return macOf(text) }
	return w, drive(w.gate(t, cfg, devicegate.Deps{}), w, 1)
}

func TestSignedLines(t *testing.T) {
	w, d := signedWorld(t, devicegate.Config{})
	s := newSensor(t)
	early, hello := s.frame("reading", `{"t":1}`), s.hello()
	d.feed(early + hello)
	if d.forward.Len() > 0 {
		t.Fatal("forwarded before the proof")
	}
	proof := s.proof(d.sent.String())
	next := s.frame("reading", `{"t":2}`)
	d.feed(proof + next)
	if want := hello + next; d.m.Ending().Reason != haechi.ReasonReplay {
		// The early frame has a lower number than the hello: it comes out of order.
		t.Errorf("forwarded %q, want %q and the end, %+v", d.forward.String(), want, d.m.Ending())
	}
	d = drive(w.gate(t, devicegate.Config{Profile: profile(t, "signed-lines")}, devicegate.Deps{}), w, 2)
	s = newSensor(t)
	s.at = start.Add(time.Second)
	hello = s.hello()
	d.feed(hello)
	early = s.frame("reading", `{"t":1}`)
	proof = s.proof(d.sent.String())
	next = s.frame("reading", `{"t":2}`)
	d.feed(early + proof + next)
	if got, want := d.forward.String(), hello+early+next; got != want {
		t.Errorf("forwarded %q, want %q, %+v", got, want, d.m.Ending())
	}
}

func TestSignedLinesRefuse(t *testing.T) {
	tests := map[string]struct {
		want haechi.Reason
		in   func(s *sensorPhone) string
	}{
		"an unsigned hello": {haechi.ReasonAuthMissing, func(s *sensorPhone) string {
			return `{"v":1,"kid":"k1","device":"sensor-1","dir":"up","seq":1,"ts":1753412789123,"event":"hello"}` + "\n"
		}},
		"a hello with another signature": {haechi.ReasonHMACFailed, func(s *sensorPhone) string { return strings.Replace(s.hello(), "1.0", "1.1", 1) }},
		"the server's direction":         {haechi.ReasonIdentity, func(s *sensorPhone) string { return strings.Replace(s.hello(), `"up"`, `"down"`, 1) }},
		"a name with a slash":            {haechi.ReasonHandshake, func(s *sensorPhone) string { return strings.Replace(s.hello(), `"sensor-1"`, `"a/b"`, 1) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, d := signedWorld(t, devicegate.Config{})
			if d.feed(tt.in(newSensor(t))); d.m.Ending().Reason != tt.want || d.forward.Len() > 0 || strings.Contains(d.sent.String(), "challenge") {
				t.Errorf("%+v, sent %q", d.m.Ending(), d.sent.String())
			}
		})
	}
}

// A proof that does not return the challenge proves nothing, however well it is signed.
func TestTheChallengeIsAnswered(t *testing.T) {
	_, d := signedWorld(t, devicegate.Config{})
	s := newSensor(t)
	d.feed(s.hello())
	d.feed(s.frame("proof", `{"nonce":"00000000000000000000000000000000"}`))
	if d.m.Ending().Reason != haechi.ReasonLiveness || len(d.ops) > 3 {
		t.Errorf("%+v, %v", d.m.Ending(), d.ops)
	}
}

func TestASequenceRises(t *testing.T) {
	_, d := signedWorld(t, devicegate.Config{})
	s := newSensor(t)
	d.feed(s.hello())
	d.feed(s.proof(d.sent.String()))
	one := s.frame("reading", `{"t":1}`)
	s.seq += 5
	two := s.frame("reading", `{"t":2}`)
	d.feed(one + two + one) // gaps are fine, the very same frame is dropped
	if d.m.Ending().Reason != "" {
		t.Fatalf("%+v", d.m.Ending())
	}
	s.seq = 3
	d.feed(s.frame("reading", `{"t":3}`))
	if e := d.m.Ending(); e.Reason != haechi.ReasonReplay || e.Observed != 4 || e.Threshold != 10 {
		t.Errorf("%+v", e)
	}
}

func TestASignedFrameDoesNotAllocate(t *testing.T) {
	g, err := devicegate.New(devicegate.Config{Service: "s", Profile: profile(t, "signed-lines")}, devicegate.Deps{Registry: idle{}, Prover: idle{}, Sink: idle{}})
	if err != nil {
		t.Fatal(err)
	}
	s, w := newSensor(t), g.NewWork()
	m := g.Machine(actor("192.0.2.7"), 1, start)
	_, a := m.Step(w, []byte(s.hello()), start)
	in := []byte(s.proof(string(a.Bytes)))
	for a.Op != devicegate.OpNone {
		var n int
		if n, a = m.Step(w, in, start); a.Op == devicegate.OpDial {
			m.Dialed(nil, start)
		}
		in = in[n:]
	}
	frames := make([][]byte, 200)
	for i := range frames {
		frames[i] = []byte(s.frame("reading", `{"temperature":21.5}`))
	}
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		if _, a := m.Step(w, frames[i], start); a.Op != devicegate.OpForward {
			t.Fatal(m.Ending())
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// bind adds the second signature to a messengerbot frame.
func bind(t *testing.T, frame string) string {
	t.Helper()
	const blank = `"keyId":"k1","nonce":"%016d","bind":"` + "0000000000000000000000000000000000000000000000000000000000000000" + `",`
	nonces++
	out := []byte(strings.Replace(strings.TrimSuffix(frame, "\n"), `"auth":{`, `"auth":{`+fmt.Sprintf(blank, nonces), 1))
	r, err := framesign.NewReader(framesign.Binding())
	if err != nil {
		t.Fatal(err)
	}
	f, fault := r.Read(out)
	if fault == framesign.OK {
		fault = framesign.NewMAC([]byte(testKey)).Sign(&f.Text, out, f.At)
	}
	if fault != framesign.OK {
		t.Fatalf("%v: %s", fault, out)
	}
	return string(out) + "\n"
}

var nonces int

func TestBinding(t *testing.T) {
	for _, tt := range []struct {
		name    string
		binding haechi.Binding
		frames  func(p *phone) []string
		want    haechi.Reason
	}{
		{"off looks at neither", haechi.BindOff, func(p *phone) []string { return []string{p.pong(), p.message("r", "QQ==")} }, ""},
		{"accept takes frames without", haechi.BindAccept, func(p *phone) []string { return []string{p.pong(), p.message("r", "QQ==")} }, ""},
		{"accept takes frames with", haechi.BindAccept, func(p *phone) []string { return []string{bind(t, p.pong()), bind(t, p.message("r", "QQ=="))} }, ""},
		{"accept takes none back", haechi.BindAccept, func(p *phone) []string { return []string{bind(t, p.pong()), p.message("r", "QQ==")} }, haechi.ReasonAuthMissing},
		{"accept refuses a wrong one", haechi.BindAccept, func(p *phone) []string {
			return []string{p.pong(), strings.Replace(bind(t, p.message("room one", "QQ==")), "room one", "room two", 1)}
		}, haechi.ReasonHMACFailed},
		{"require takes frames with", haechi.BindRequire, func(p *phone) []string { return []string{bind(t, p.pong()), bind(t, p.message("r", "QQ=="))} }, ""},
		{"require wants it of the proof", haechi.BindRequire, func(p *phone) []string { return []string{p.pong()} }, haechi.ReasonAuthMissing},
		{"the tail is bound", haechi.BindRequire, func(p *phone) []string {
			return []string{bind(t, p.pong()), strings.Replace(bind(t, p.message("r", "QQ==")), "QQ==", "Qg==", 1)}
		}, haechi.ReasonHMACFailed},
		{"the older signature counts too", haechi.BindRequire, func(p *phone) []string {
			return []string{bind(t, p.pong(with("signature", strings.Repeat("0", 64))))}
		}, haechi.ReasonHMACFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			w.sign = macOf
			d := drive(w.gate(t, devicegate.Config{Binding: tt.binding}, devicegate.Deps{}), w, 1)
			d.feed(p.hello33())
			for _, f := range tt.frames(p) {
				d.feed(f)
			}
			if d.m.Ending().Reason != tt.want {
				t.Errorf("%+v", d.m.Ending())
			}
		})
	}
}
