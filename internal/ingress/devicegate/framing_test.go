package devicegate_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

// framed is the messengerbot profile in another framing, for what is about framing
// alone.
func framed(t testing.TB, f haechi.Framing) *haechi.Profile {
	p := profile(t, "messengerbot")
	p.Framing = f
	return p
}

// wrap puts an object into a framing.
func wrap(f haechi.Framing, object string) string {
	object = strings.TrimSuffix(object, "\n")
	switch {
	case f.Kind == haechi.JSONStream:
		return object
	case f.Kind != haechi.LengthPrefix:
		return object + "\n"
	}
	var order binary.AppendByteOrder = binary.BigEndian
	if f.LittleEndian {
		order = binary.LittleEndian
	}
	if f.PrefixBytes == 2 {
		return string(order.AppendUint16(nil, uint16(len(object)))) + object
	}
	return string(order.AppendUint32(nil, uint32(len(object)))) + object
}

func framings() map[string]haechi.Framing {
	return map[string]haechi.Framing{
		"lines":            {Kind: haechi.Lines},
		"two bytes, big":   {Kind: haechi.LengthPrefix, PrefixBytes: 2},
		"two, little":      {Kind: haechi.LengthPrefix, PrefixBytes: 2, LittleEndian: true},
		"four bytes, big":  {Kind: haechi.LengthPrefix, PrefixBytes: 4},
		"four, little":     {Kind: haechi.LengthPrefix, PrefixBytes: 4, LittleEndian: true},
		"a stream of JSON": {Kind: haechi.JSONStream},
	}
}

// A conversation is the same in every framing and in every size of pieces, and what is
// forwarded are the original bytes.
func TestFramings(t *testing.T) {
	for name, f := range framings() {
		for _, size := range []int{1, 3, 7, 1 << 20} {
			w, p := newWorld(), newPhone()
			d := drive(w.gate(t, devicegate.Config{Profile: framed(t, f)}, devicegate.Deps{}), w, 1)
			hello, one := wrap(f, p.hello33()), wrap(f, p.message(`a "room} {`, ""))
			for _, part := range pieces(hello+wrap(f, p.pong())+one, size) {
				d.feed(part)
			}
			if diff := cmp.Diff(hello+one, d.forward.String()); diff != "" {
				t.Errorf("%s in pieces of %d: %s %+v", name, size, diff, d.m.Ending())
			}
			var ping struct{ Event string }
			sent := d.sent.String()
			if err := json.Unmarshal([]byte(strings.TrimSuffix(sent[len(wrap(f, ""))-len(strings.TrimLeft(wrap(f, ""), "\x00")):], "\n")), &ping); f.Kind != haechi.LengthPrefix && (err != nil || ping.Event != "ping") {
				t.Errorf("%s: sent %q (%v)", name, sent, err)
			}
			if f.Kind == haechi.LengthPrefix && sent != wrap(f, sent[f.PrefixBytes:]) {
				t.Errorf("%s: sent %q", name, sent)
			}
		}
	}
}

func pieces(in string, size int) (out []string) {
	for in != "" {
		n := min(size, len(in))
		out, in = append(out, in[:n]), in[n:]
	}
	return out
}

func TestFramingsRefuse(t *testing.T) {
	four, stream := haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4}, haechi.Framing{Kind: haechi.JSONStream}
	long := `{"event":"` + strings.Repeat("x", 4096) + `"}`
	for name, tt := range map[string]struct {
		f    haechi.Framing
		in   string
		want haechi.Reason
	}{
		"a length that is too much":   {four, "\xff\xff\xff\xff", haechi.ReasonOversize},
		"the whole of a longer one":   {four, wrap(four, long), haechi.ReasonOversize},
		"no JSON":                     {four, wrap(four, "no JSON"), haechi.ReasonMalformed},
		"a space behind the object":   {four, wrap(four, newPhone().hello33()+" "), haechi.ReasonHandshake},
		"a stream of something else":  {stream, "[1]", haechi.ReasonMalformed},
		"a stream that goes too deep": {stream, `{"a":` + strings.Repeat("[", 80), haechi.ReasonMalformed},
		"a stream that does not end":  {stream, long, haechi.ReasonOversize},
		"brackets that do not match":  {stream, `{"a":[}}`, haechi.ReasonMalformed},
		"garbage between two objects": {stream, newPhone().hello33() + "x", haechi.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			d := drive(w.gate(t, devicegate.Config{Profile: framed(t, tt.f), LineIn: 1024}, devicegate.Deps{}), w, 1)
			for _, part := range pieces(tt.in, 100) {
				d.feed(part)
			}
			if got := d.m.Ending().Reason; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if d.m.Buffered() > 2048 {
				t.Errorf("%d bytes are kept", d.m.Buffered())
			}
		})
	}
}

// meter speaks the length-prefixed profile.
func meterFrame(event, body string, n int) string {
	const secret = "example-key-do-not-use"
	nonce := fmt.Sprintf("nonce-%016d", n)
	sum := sha256.Sum256([]byte(body))
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%s\nseoul\nmeter-7\n1753412789\n%s\n%s", event, nonce, hex.EncodeToString(sum[:]))
	f := haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4}
	return wrap(f, fmt.Sprintf(`{"event":%q,"site":"seoul","device":"meter-7","time":1753412789,"nonce":%q,"body":%s,"signature":%q}`,
		event, nonce, body, base64.StdEncoding.EncodeToString(m.Sum(nil))))
}

func TestLengthPrefixed(t *testing.T) {
	w := newWorld()
	w.set("seoul/meter-7", haechi.Approved)
	var claims []haechi.Claim
	w.prove = func(c *haechi.Claim) haechi.Reason {
		copied := *c
		for i := range c.Parts[:c.N] {
			copied.Parts[i] = bytes.Clone(c.Parts[i])
		}
		claims = append(claims, copied)
		return ""
	}
	d := drive(w.gate(t, devicegate.Config{Profile: profile(t, "length-prefixed")}, devicegate.Deps{}), w, 1)
	f := haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4}
	hello := wrap(f, `{"event":"hello","site":"seoul","device":"meter-7","version":"1"}`)
	d.feed(hello)
	var c struct{ Event, Challenge string }
	if err := json.Unmarshal([]byte(d.sent.String()[4:]), &c); err != nil || len(c.Challenge) != 32 {
		t.Fatalf("sent %q: %v", d.sent.String(), err)
	}
	reading := meterFrame("reading", `{"kWh":12.5}`, 2)
	d.feed(meterFrame("proof", `{"challenge":"`+c.Challenge+`"}`, 1) + reading)
	if diff := cmp.Diff(hello+reading, d.forward.String()); diff != "" {
		t.Fatal(diff, d.m.Ending())
	}
	sum := sha256.Sum256([]byte(`{"kWh":12.5}`))
	want := []string{"reading", "seoul", "meter-7", "1753412789", "nonce-0000000000000002", hex.EncodeToString(sum[:])}
	var got []string
	for _, p := range claims[1].Parts[:claims[1].N] {
		got = append(got, string(p))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if bad := wrap(f, `{"event":"hello","site":"SEOUL","device":"meter-7"}`); drive(d.g, w, 2).feed(bad).m.Ending().Reason != haechi.ReasonHandshake {
		t.Error("a site in capitals is taken")
	}
}

// hello331 is the handshake of the one client that signs it.
func (p *phone) hello331(edit ...func(map[string]any)) string {
	return line(map[string]any{"type": "handshake", "auth": p.auth(edit...), "info": map[string]any{"clientType": "MessengerBotR", "botName": p.bot,
		"version": "3.3.1", "deviceID": p.id, "deviceIP": "192.168.0.15", "deviceInfo": "phone"}})
}

func TestAuthInHandshake(t *testing.T) {
	heartbeat, status := `{"type":"heartbeat","timestamp":1753412789123}`+"\n", `{"type":"status","version":"3.3.1"}`+"\n"
	for name, tt := range map[string]struct {
		exempt []string
		in     func(p *phone) (in, forwarded string)
		want   haechi.Reason
	}{
		"the handshake is the proof": {nil, func(p *phone) (string, string) { h := p.hello331(); return h, h }, ""},
		"a wrong signature": {nil, func(p *phone) (string, string) {
			return p.hello331(with("signature", strings.Repeat("0", 64))), ""
		}, haechi.ReasonHMACFailed},
		"another device's signature": {nil, func(p *phone) (string, string) { return p.hello331(with("deviceID", "other")), "" }, haechi.ReasonIdentity},
		"no signature": {nil, func(p *phone) (string, string) {
			return line(map[string]any{"type": "handshake", "info": map[string]any{"botName": p.bot, "version": "3.3.1", "deviceID": p.id}}), ""
		}, haechi.ReasonAuthMissing},
		"an unsigned frame afterwards": {nil, func(p *phone) (string, string) { h := p.hello331(); return h + heartbeat, h }, haechi.ReasonAuthMissing},
		"an exempt one":                {[]string{"heartbeat"}, func(p *phone) (string, string) { h := p.hello331(); return h + heartbeat, h + heartbeat }, ""},
		"one that is not exempt":       {[]string{"heartbeat"}, func(p *phone) (string, string) { h := p.hello331(); return h + status, h }, haechi.ReasonAuthMissing},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			d := drive(w.gate(t, devicegate.Config{Profile: profile(t, "auth-in-handshake"), Exempt: tt.exempt}, devicegate.Deps{}), w, 1)
			in, want := tt.in(p)
			d.feed(in)
			if d.forward.String() != want || d.m.Ending().Reason != tt.want {
				t.Errorf("forwarded %q, ending %+v", d.forward.String(), d.m.Ending())
			}
			if tt.want != "" && !strings.Contains(d.sent.String(), `{"status":"refused","reason":"`) {
				t.Errorf("told %q", d.sent.String())
			}
		})
	}
}

// A captured handshake proves nothing on another connection.
func TestACapturedHandshake(t *testing.T) {
	w, p := newWorld(), newPhone()
	g := w.gate(t, devicegate.Config{Profile: profile(t, "auth-in-handshake")}, devicegate.Deps{})
	hello := p.hello331()
	drive(g, w, 1).feed(hello)
	if d := drive(g, w, 2).feed(hello); d.forward.Len() > 0 || d.m.Proved() || len(d.ops) > 0 {
		t.Errorf("%v, forwarded %q", d.ops, d.forward.String())
	}
}

// What follows a refusal is the profile's.
func TestAfterARefusal(t *testing.T) {
	for after, want := range map[haechi.After]string{haechi.AfterReason: "send true,close", haechi.AfterClose: "send true,close",
		haechi.AfterHold: "send true,hold 1m0s", haechi.AfterSilence: "send true,close"} {
		w, p := newWorld(), profile(t, "messengerbot")
		p.Refusal.After = after
		d := drive(w.gate(t, devicegate.Config{Profile: p}, devicegate.Deps{}), w, 1).feed("no JSON\n")
		if got := strings.Join(d.ops, ","); got != want || (d.sent.Len() == 0) != (after == haechi.AfterSilence) {
			t.Errorf("%d: %s, sent %q", after, got, d.sent.String())
		}
	}
}

// A frame that asks for data says so; the rest does not.
func TestQueries(t *testing.T) {
	w, p := newWorld(), newPhone()
	prof := profile(t, "messengerbot")
	prof.Queries = []haechi.Query{{Event: "message", Where: []haechi.Equal{{Path: "data.room", Text: "ask"}}}}
	d := drive(w.gate(t, devicegate.Config{Profile: prof}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong() + p.message("ask", "") + p.message("r", "") + p.pong())
	if got := fmt.Sprint(d.queries); got != "[true false false]" {
		t.Error(got)
	}
}

// FuzzFramings: however a stream is cut into pieces, the same frames come of it, in
// every framing, and what is kept of it stays bounded.
func FuzzFramings(f *testing.F) {
	for _, seed := range []string{"hpm", "mhpm", "hp m", "hpx", "h"} {
		f.Add([]byte(seed), uint8(3), []byte(`{"event":"message"}`), uint8(3))
		f.Add([]byte(seed), uint8(5), []byte("\x00\x00\x00\x05{\"a\":"), uint8(1))
	}
	list := []haechi.Framing{{Kind: haechi.Lines}, {Kind: haechi.LengthPrefix, PrefixBytes: 2}, {Kind: haechi.LengthPrefix, PrefixBytes: 2, LittleEndian: true},
		{Kind: haechi.LengthPrefix, PrefixBytes: 4}, {Kind: haechi.LengthPrefix, PrefixBytes: 4, LittleEndian: true}, {Kind: haechi.JSONStream}}
	f.Fuzz(func(t *testing.T, script []byte, cut uint8, junk []byte, kind uint8) {
		if len(script) > 40 || len(junk) > 2048 {
			t.Skip()
		}
		fr := list[int(kind)%len(list)]
		p := newPhone()
		var in strings.Builder
		for _, c := range script {
			switch c {
			case 'h':
				in.WriteString(wrap(fr, p.hello33()))
			case 'p':
				in.WriteString(wrap(fr, p.pong()))
			case 'm':
				in.WriteString(wrap(fr, p.analyze("r")))
			case 'x':
				in.WriteString(wrap(fr, string(junk)))
			default:
				in.WriteByte(c)
			}
		}
		in.Write(junk)
		run := func(size int) string {
			w := newWorld()
			d := drive(w.gate(t, devicegate.Config{Profile: framed(t, fr), LineIn: 1500, EarlyLines: 4, EarlyBytes: 4096}, devicegate.Deps{}), w, 1)
			for _, part := range pieces(in.String(), size) {
				d.feed(part)
				if d.m.Buffered() > 4*1500+3*4096 {
					t.Fatalf("%d bytes are kept", d.m.Buffered())
				}
			}
			return fmt.Sprint(d.ops, d.forward.String(), d.sent.String(), d.m.Ending())
		}
		if a, b := run(1<<20), run(int(cut)+1); a != b {
			t.Errorf("in pieces of %d:\n%s\nwhole:\n%s", int(cut)+1, b, a)
		}
	})
}
