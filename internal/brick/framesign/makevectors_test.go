package framesign_test

import (
	"fmt"
	"strconv"
	"strings"
)

// The keys of the vectors are invented; docs/signature.md shows them.
const (
	secret1 = "example-secret-one-do-not-use"
	secret2 = "example-secret-two-do-not-use"
	secret3 = "example-other-device-do-not-use"
	secretB = "example-bot-secret-do-not-use"
	saltB   = "example-bot-salt-do-not-use"
	bot     = "LOA.i"
	serial  = "0123456789abcdef"
	stamp   = "1753412789123"
	nonceB  = "6f1d0c2b7a9e4835c2d1"
)

func makeVectors() *vectors {
	v := &vectors{
		About:   "Test vectors of docs/signature.md. Every key is invented. keys: device, key id, secret. A frame vector is judged with these keys and without a memory; a sequence by a verifier with an empty memory and a window of 300 s. frame_hex replaces frame where the bytes are no valid text.",
		Version: "haechi-sign/1",
		Keys: map[string]map[string]string{
			"sensor-1": {"k1": secret1, "k2": secret2}, "sensor-2": {"k1": secret3}, "센서-3": {"k1": secret1},
			`a"b\c`: {"k1": secret1}, strings.Repeat("d", 100): {"k1": secret1}, bot + "/" + serial: {"k1": secretB, "k2": secret2},
			"도매까봇/" + serial: {"k1": secretB},
		},
		Salt:  saltB,
		Texts: makeTexts(),
	}
	v.Frames = append(goodLines(), badLines()...)
	v.Frames = append(v.Frames, goodBound()...)
	v.Frames = append(v.Frames, badBound()...)
	v.Steps = makeSequences()
	return v
}

func makeTexts() (out []textVector) {
	frame := `{"sig":"` + zeros + `"}`
	base := textVector{Secret: secret1, KeyID: "k1", Device: "sensor-1", Direction: "up", Nonce: "1", Timestamp: stamp, Event: "hello", Blanked: frame}
	add := func(name string, change func(*textVector)) {
		v := base
		v.Name = name
		change(&v)
		if v.Accept {
			v.Text = refText(v.KeyID, v.Device, v.Direction, v.Nonce, v.Timestamp, v.Event, v.Blanked)
			v.Signature = refMAC(v.Secret, v.Text)
		}
		out = append(out, v)
	}
	good := func(name string, change func(*textVector)) {
		add(name, func(v *textVector) { v.Accept = true; change(v) })
	}
	good("plain", func(*textVector) {})
	good("downwards", func(v *textVector) { v.Direction = "down" })
	good("letters beyond ASCII", func(v *textVector) { v.Device, v.Event = "센서-3", "온도 🌡" })
	good("a delimiter of the older signature is nothing special", func(v *textVector) { v.Device = "a|b" })
	good("a key longer than a block", func(v *textVector) { v.Secret = strings.Repeat("long-", 20) })
	add("a line end in the device", func(v *textVector) { v.Device = "sensor-1\nup" })
	add("a line end in the event", func(v *textVector) { v.Event = "hello\nx" })
	add("an empty key id", func(v *textVector) { v.KeyID = "" })
	add("an empty event", func(v *textVector) { v.Event = "" })
	add("an empty nonce", func(v *textVector) { v.Nonce = "" })
	add("a tabulator", func(v *textVector) { v.Event = "a\tb" })
	add("DEL", func(v *textVector) { v.Event = "a\x7fb" })
	add("a control character beyond ASCII", func(v *textVector) { v.Event = "a\u0085b" })
	add("twelve digits", func(v *textVector) { v.Timestamp = "175341278912" })
	add("a sign before the timestamp", func(v *textVector) { v.Timestamp = "+753412789123" })
	add("more than 4,096 bytes", func(v *textVector) { v.Event = strings.Repeat("e", 4096) })
	return out
}

// spec is a signed-lines frame: decoded values to sign, and each member as it is
// written, where that is not the plain way.
type spec struct {
	secret, kid, device, dir, seq, ts, event, body string
	frame                                          string // with zeros; empty: in the usual order
}

func (s spec) fill() spec {
	for _, d := range []struct {
		p *string
		v string
	}{{&s.secret, secret1}, {&s.kid, "k1"}, {&s.device, "sensor-1"}, {&s.dir, "up"}, {&s.seq, "7"}, {&s.ts, stamp}, {&s.event, "reading"}, {&s.body, `{"temperature":21.5}`}} {
		if *d.p == "" {
			*d.p = d.v
		}
	}
	if s.frame == "" {
		s.frame = fmt.Sprintf(`{"v":1,"kid":%s,"device":%s,"dir":%q,"seq":%s,"ts":%s,"event":%s,"body":%s,"sig":"%s"}`,
			quote(s.kid), quote(s.device), s.dir, s.seq, s.ts, quote(s.event), s.body, zeros)
	}
	return s
}

// quote writes a JSON text with the least escapes.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (s spec) sign() string {
	s = s.fill()
	return refSign(s.secret, s.kid, s.device, s.dir, s.seq, s.ts, s.event, s.frame)
}

func goodLines() (out []frameVector) {
	add := func(name string, s spec) {
		f := s.fill()
		v := frameVector{Name: name, Profile: "signed-lines", Direction: f.dir, Accept: true,
			Text: refText(f.kid, f.device, f.dir, f.seq, f.ts, f.event, f.frame)}
		out = append(out, v.with(s.sign()))
	}
	z := zeros
	add("hello", spec{seq: "1", event: "hello", body: `{"version":"1.0"}`})
	add("proof", spec{seq: "2", event: "proof", body: `{"nonce":"00112233445566778899aabbccddeeff"}`})
	add("reading", spec{})
	add("second key", spec{kid: "k2", secret: secret2})
	add("letters beyond ASCII", spec{device: "센서-3", event: "온도 🌡", body: `{"방":"거실","값":[1,2.50,-3e2,null,true]}`})
	add("quotes and backslashes in a value", spec{device: `a"b\c`, event: `say "hi"\`})
	add("escapes sign as what they mean", spec{frame: `{"v":1,"kid":"\u006b1","device":"sensor\u002d1","dir":"\u0075p","seq":7,"ts":1753412789123,"event":"r\u0065ading","body":{},"sig":"` + z + `"}`})
	add("escaped member names", spec{frame: `{"\u0076":1,"kid":"k1","device":"sensor-1","dir":"up","s\u0065q":7,"ts":1753412789123,"event":"reading","sig":"` + z + `"}`})
	add("another order, more members, white space", spec{frame: `{ "sig" : "` + z + `" , "trace":"x", "event":"reading","ts":1753412789123, "seq":7,	"dir":"up","device":"sensor-1","kid":"k1","v":1 }`})
	add("without a body", spec{frame: `{"v":1,"kid":"k1","device":"sensor-1","dir":"up","seq":7,"ts":1753412789123,"event":"reading","sig":"` + z + `"}`})
	add("a body that is a text", spec{body: `"21.5"`})
	add("a member of the body is called sig", spec{body: `{"sig":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","v":2}`})
	add("a text that looks like a signature", spec{body: `{"text":"\",\"sig\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`})
	add("the largest sequence number", spec{seq: "9007199254740991"})
	add("a name of 100 characters", spec{device: strings.Repeat("d", 100)})
	add("from the server", spec{dir: "down", event: "command", body: `{"led":"on"}`})
	return out
}

func badLines() (out []frameVector) {
	bad := func(name, check, frame string) {
		out = append(out, frameVector{Name: name, Profile: "signed-lines", Direction: "up", Check: check}.with(frame))
	}
	good := spec{}.sign()
	sig := good[len(good)-66 : len(good)-2]
	swap := func(name, check, old, by string) {
		if !strings.Contains(good, old) {
			panic(old)
		}
		bad(name, check, strings.Replace(good, old, by, 1))
	}
	// Something was changed after signing.
	swap("one byte of the body changed", "signature", "21.5", "21.6")
	swap("white space added", "signature", `"body":`, `"body": `)
	swap("a member added", "signature", `"body":`, `"admin":true,"body":`)
	swap("the body removed", "signature", `"body":{"temperature":21.5},`, "")
	swap("two members in another order", "signature", `"v":1,"kid":"k1",`, `"kid":"k1","v":1,`)
	swap("another event", "signature", `"reading"`, `"command"`)
	swap("another sequence number", "signature", `"seq":7`, `"seq":8`)
	swap("another time", "signature", "1753412789123", "1753412789124")
	swap("another device with the same key id", "signature", "sensor-1", "sensor-2")
	swap("another spelling of the same text", "signature", `"reading"`, `"r\u0065ading"`)
	swap("one digit of the signature changed", "signature", sig, flip(sig))
	// Signed by or for somebody else.
	bad("the key of another device", "signature", spec{secret: secret3}.sign())
	bad("the device's other key under this key id", "signature", spec{secret: secret2}.sign())
	bad("an unknown key id", "key", spec{kid: "k9"}.sign())
	bad("an unknown device", "key", spec{device: "sensor-9"}.sign())
	bad("a frame of the server sent back", "direction", spec{dir: "down"}.sign())
	bad("the server's frame with its direction changed", "signature", strings.Replace(spec{dir: "down"}.sign(), `"down"`, `"up"`, 1))
	s := spec{}.fill()
	text := refText(s.kid, s.device, s.dir, s.seq, s.ts, s.event, s.frame)
	place := func(sig string) string { return strings.Replace(s.frame, zeros, sig, 1) }
	bad("another version of the text", "signature", place(refMAC(secret1, strings.Replace(text, "sign/1", "sign/2", 1))))
	bad("a line end behind the text", "signature", place(refMAC(secret1, text+"\n")))
	bad("CR LF in the text", "signature", place(refMAC(secret1, strings.ReplaceAll(text, "\n", "\r\n"))))
	bad("the signature of the frame with an empty signature", "signature",
		place(refMAC(secret1, refText(s.kid, s.device, s.dir, s.seq, s.ts, s.event, strings.Replace(s.frame, zeros, "", 1)))))
	bad("a signature of zeros", "signature", s.frame)
	// The form of the signature.
	swap("upper-case hex", "form", sig, strings.ToUpper(sig))
	swap("63 characters", "form", sig, sig[:63])
	swap("65 characters", "form", sig, sig+"0")
	swap("an empty signature", "form", `"sig":"`+sig, `"sig":"`)
	swap("an escaped digit in the signature", "form", sig, fmt.Sprintf(`\u00%02x`, sig[0])+sig[1:])
	swap("64 characters, some of them an escape", "form", sig, `\u0030`+sig[6:])
	swap("a space in the signature", "form", sig, sig[:63]+" ")
	swap("no signature", "form", `,"sig":"`+sig+`"`, "")
	swap("a signature that is null", "form", `"`+sig+`"`, "null")
	swap("a signature in the body only", "form", `{"temperature":21.5},"sig":"`+sig+`"`, `{"sig":"`+sig+`"}`)
	// Two readers, two meanings.
	swap("sig twice", "frame", `"sig":"`, `"sig":"`+zeros+`","sig":"`)
	swap("sig twice, once escaped", "frame", `"sig":"`, `"s\u0069g":"`+zeros+`","sig":"`)
	swap("sig twice, but for case", "frame", `"sig":"`, `"Sig":"`+zeros+`","sig":"`)
	swap("seq twice", "frame", `"seq":7`, `"seq":7,"seq":8`)
	swap("a name twice in the body", "frame", `{"temperature"`, `{"temperature":1,"temperature"`)
	swap("a known name but for case", "frame", `"event":`, `"Event":`)
	bad("something behind the object", "frame", good+"AAAA")
	bad("a space behind the object", "frame", good+" ")
	bad("two objects", "frame", good+good)
	bad("an array", "frame", "["+good+"]")
	bad("nothing", "frame", "")
	bad("cut short", "frame", good[:len(good)-1])
	bad("cut in the middle", "frame", good[:len(good)/2])
	bad("a carriage return within", "frame", strings.Replace(good, `,"body"`, ",\r\"body\"", 1))
	bad("nested deeper than 32", "frame", spec{body: strings.Repeat("[", 40) + strings.Repeat("]", 40)}.sign())
	bad("invalid UTF-8", "frame", spec{body: "\"\xff\""}.sign())
	bad("NUL in the body", "frame", spec{body: `"\u0000"`}.sign())
	bad("a lone surrogate", "frame", spec{body: `"\ud800"`}.sign())
	return append(out, badValues()...)
}

// badValues are signed by the book, but for values that may not be signed.
func badValues() (out []frameVector) {
	bad := func(name, check string, s spec) {
		out = append(out, frameVector{Name: name, Profile: "signed-lines", Direction: "up", Check: check}.with(s.sign()))
	}
	in := func(old, by string, s spec) spec {
		f := s.fill()
		if !strings.Contains(f.frame, old) {
			panic(old)
		}
		s.frame = strings.Replace(f.frame, old, by, 1)
		return s
	}
	bad("version 2", "version", in(`"v":1`, `"v":2`, spec{}))
	bad("a version that is a text", "version", in(`"v":1`, `"v":"1"`, spec{}))
	bad("version 1.0", "version", in(`"v":1`, `"v":1.0`, spec{}))
	bad("no version", "version", in(`"v":1,`, ``, spec{}))
	bad("a line end in the device", "field", spec{device: "sensor-1\nup", frame: in("sensor-1", `sensor-1\nup`, spec{}).frame})
	bad("a line end in the event", "field", spec{event: "a\nb", frame: in("reading", `a\nb`, spec{}).frame})
	bad("a line end in the key id", "field", spec{kid: "k1\nx", frame: in(`"k1"`, `"k1\u000ax"`, spec{}).frame})
	bad("DEL in the event", "field", spec{event: "a\x7fb"})
	bad("a control character beyond ASCII in the event", "field", spec{event: "a\u0085b"})
	bad("a slash in the device", "field", spec{device: "a/b"})
	bad("a name of 101 characters", "field", spec{device: strings.Repeat("d", 101)})
	bad("an empty device", "field", in(`"sensor-1"`, `""`, spec{}))
	bad("no event", "field", in(`"event":"reading",`, ``, spec{}))
	bad("an empty event", "field", in(`"reading"`, `""`, spec{}))
	bad("an event that is a number", "field", in(`"event":"1"`, `"event":1`, spec{event: "1"}))
	bad("no key id", "field", in(`"kid":"k1",`, ``, spec{}))
	bad("no direction", "field", in(`"dir":"up",`, ``, spec{}))
	bad("a direction in capitals", "field", spec{dir: "UP"})
	bad("a signed text of more than 4,096 bytes", "field", spec{event: strings.Repeat("e", 4096)})
	for _, seq := range []string{"0", "-1", "1.0", "1e3", "9007199254740992", "18446744073709551617"} {
		bad("the sequence number "+seq, "nonce", spec{seq: seq})
	}
	bad("a sequence number that is a text", "nonce", in(`"seq":7`, `"seq":"7"`, spec{}))
	bad("no sequence number", "nonce", in(`"seq":7,`, ``, spec{}))
	for _, ts := range []string{"175341278912", "17534127891230", "1.753412789123e12", "1753412789.123", "-753412789123"} {
		bad("the time "+ts, "time", spec{ts: ts})
	}
	bad("a time that is a text", "time", in(stamp, strconv.Quote(stamp), spec{}))
	return out
}

func flip(sig string) string {
	if sig[10] == '0' {
		return sig[:10] + "1" + sig[11:]
	}
	return sig[:10] + "0" + sig[11:]
}
