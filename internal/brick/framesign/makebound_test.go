package framesign_test

import (
	"fmt"
	"strings"
)

// bound is a messengerbot frame with both signatures.
type bound struct {
	secret, kid, bot, serial, nonce, ts, event, rest, tail string
	auth                                                   string // instead of the usual members of auth, with zeros
}

func (b bound) fill() bound {
	for _, d := range []struct {
		p *string
		v string
	}{{&b.secret, secretB}, {&b.kid, "k1"}, {&b.bot, bot}, {&b.serial, serial}, {&b.nonce, nonceB}, {&b.ts, stamp}, {&b.event, "message"},
		{&b.rest, `"room":"개발","sender":"미나","message_positions":[0,12],`}} {
		if *d.p == "" {
			*d.p = d.v
		}
	}
	if b.auth == "" {
		b.auth = fmt.Sprintf(`"clientType":"MessengerBotR","botName":%s,"deviceUUID":%s,"deviceID":%s,"macAddress":"02:00:00:00:00:00","ipAddress":"192.168.0.15","timestamp":%s,"version":"3.3.3","signature":%s,"keyId":%s,"nonce":%s,"bind":"%s"`,
			quote(b.bot), quote(b.serial), quote(b.serial), b.ts, quote(b.legacy()), quote(b.kid), quote(b.nonce), zeros)
	}
	return b
}

// legacy is the older signature, which stays beside the new one.
func (b bound) legacy() string {
	return refMAC(b.secret, strings.Join([]string{"MessengerBotR", b.bot, b.serial, "02:00:00:00:00:00", "192.168.0.15", b.ts, saltB}, "|"))
}

func (b bound) blanked() string {
	b = b.fill()
	return fmt.Sprintf(`{"event":%s,"data":{%s"auth":{%s}}}%s`, quote(b.event), b.rest, b.auth, b.tail)
}

func (b bound) sign() string {
	f := b.fill()
	return refSign(f.secret, f.kid, f.bot+"/"+f.serial, "up", f.nonce, f.ts, f.event, b.blanked())
}

const greeting = "7JWI64WV7ZWY7IS47JqU" // a greeting in Korean

func goodBound() (out []frameVector) {
	add := func(name string, b bound) {
		f := b.fill()
		v := frameVector{Name: name, Profile: "messengerbot", Direction: "up", Accept: true,
			Text: refText(f.kid, f.bot+"/"+f.serial, "up", f.nonce, f.ts, f.event, b.blanked())}
		out = append(out, v.with(b.sign()))
	}
	add("a message with its text behind the object", bound{tail: greeting})
	add("a message without text", bound{})
	add("an answer to a ping", bound{event: "pong", rest: `"bot_name":"LOA.i","server_timestamp":"2025-07-25 12:06:29.123",`})
	add("a message of version 3.2", bound{event: "analyze", rest: `"room":"개발","text":"안녕하세요","botName":"LOA.i",`})
	add("a Korean bot", bound{bot: "도매까봇", tail: greeting})
	add("the second key", bound{kid: "k2", secret: secret2})
	add("the longest nonce", bound{nonce: strings.Repeat("A-_9", 16)})
	add("the shortest nonce", bound{nonce: strings.Repeat("A-_9", 4)})
	return out
}

func badBound() (out []frameVector) {
	bad := func(name, check, frame string) {
		out = append(out, frameVector{Name: name, Profile: "messengerbot", Direction: "up", Check: check}.with(frame))
	}
	good := bound{tail: greeting}.sign()
	swap := func(name, check, old, by string) {
		if !strings.Contains(good, old) {
			panic(old)
		}
		bad(name, check, strings.Replace(good, old, by, 1))
	}
	at := strings.Index(good, `"bind":"`) + len(`"bind":"`)
	sig := good[at : at+64]
	// What the older signature lets pass.
	swap("another text behind the object", "signature", greeting, "7JWI64WV")
	swap("the text cut off", "signature", greeting, "")
	swap("another room", "signature", "개발", "운영")
	bad("another event", "signature", strings.Replace(bound{}.sign(), `"message"`, `"control"`, 1))
	swap("another device id in auth", "key", `"deviceID":"`+serial, `"deviceID":"fedcba9876543210`)
	swap("another version", "signature", "3.3.3", "3.3.4")
	swap("another older signature", "signature", bound{}.fill().legacy(), strings.Repeat("ab", 32))
	swap("another nonce", "signature", nonceB, "6f1d0c2b7a9e4835c2d2")
	other := bound{nonce: "another-nonce-of-its-own"}.sign()
	from := strings.Index(other, `"bind":"`) + len(`"bind":"`)
	swap("the signature of another frame of the same millisecond", "signature", sig, other[from:from+64])
	bad("a message turned into an answer to a ping", "frame", strings.Replace(good, `"message"`, `"pong"`, 1))
	// Signed by or for somebody else.
	swap("an unknown key id", "key", `"keyId":"k1"`, `"keyId":"k9"`)
	swap("the device's other key id", "signature", `"keyId":"k1"`, `"keyId":"k2"`)
	swap("the key of a device whose name reads alike", "field", `"deviceID":"`+serial, `"deviceID":"i/`+serial)
	// Form.
	swap("upper-case hex", "form", sig, strings.ToUpper(sig))
	swap("63 characters", "form", sig, sig[:63])
	swap("an escaped digit in the signature", "form", sig, fmt.Sprintf(`\u00%02x`, sig[0])+sig[1:])
	swap("no new signature", "form", `,"bind":"`+sig+`"`, "")
	swap("bind twice", "frame", `"bind":"`, `"bind":"`+zeros+`","bind":"`)
	swap("bind twice, but for case", "frame", `"bind":"`, `"BIND":"`+zeros+`","bind":"`)
	swap("a key id that is no text", "field", `"keyId":"k1"`, `"keyId":1`)
	bad("a line end in the key id", "field", bound{kid: "k1\nx", auth: strings.Replace(bound{}.fill().auth, `"k1"`, `"k1\nx"`, 1)}.sign())
	bad("a nonce of 15 characters", "nonce", bound{nonce: "123456789012345"}.sign())
	bad("a nonce of 65 characters", "nonce", bound{nonce: strings.Repeat("n", 65)}.sign())
	bad("a nonce with a plus sign", "nonce", bound{nonce: "abcdefghijklmnop+"}.sign())
	bad("a nonce with a line end", "nonce", bound{nonce: "abcdefghijklmnop\nx", auth: strings.Replace(bound{}.fill().auth, nonceB, `abcdefghijklmnop\nx`, 1)}.sign())
	swap("no nonce", "nonce", `"nonce":"`+nonceB+`",`, "")
	bad("a time that is no whole number", "time", bound{ts: "1.753412789123e12"}.sign())
	// Behind the object.
	bad("something that is no base64 behind the object", "frame", bound{tail: "}{"}.sign())
	bad("a text behind an answer to a ping", "frame", bound{event: "pong", tail: greeting}.sign())
	return out
}

func makeSequences() []sequence {
	const now = 1753412789123
	at := func(seq int, event string, ms int64) string {
		return spec{seq: fmt.Sprint(seq), event: event, ts: fmt.Sprint(ms)}.sign()
	}
	hello, second, gap := at(1, "hello", now), at(2, "reading", now), at(9, "reading", now)
	forged := strings.Replace(gap, "21.5", "99.9", 1)
	late := func(ms int64) string { return at(1, "hello", ms) }
	return []sequence{
		{"a sequence may have gaps, and a millisecond more than one frame", "signed-lines", []step{{1, now, hello, "accept"}, {1, now, second, "accept"}, {1, now, gap, "accept"}}},
		{"an older frame does not come after a newer one", "signed-lines", []step{{1, now, hello, "accept"}, {1, now, gap, "accept"}, {1, now, second, "replay"}}},
		{"two frames do not share a number", "signed-lines", []step{{1, now, hello, "accept"}, {1, now, second, "accept"}, {1, now + 1, at(2, "other", now+1), "replay"}}},
		{"the very same frame again is dropped, not punished", "signed-lines", []step{{1, now, hello, "accept"}, {1, now, second, "accept"}, {1, now, second, "duplicate"}, {1, now, gap, "accept"}}},
		{"a resend on the next connection", "signed-lines", []step{{1, now, hello, "accept"}, {1, now, gap, "accept"}, {2, now + 1, at(1, "hello", now+1), "accept"}, {2, now + 2, gap, "duplicate"}, {2, now + 3, at(10, "reading", now+3), "accept"}}},
		{"a resend that did not arrive the first time", "signed-lines", []step{{1, now, hello, "accept"}, {2, now + 1, at(1, "hello", now+1), "accept"}, {2, now + 2, gap, "accept"}}},
		{"a forged frame does not use up the number", "signed-lines", []step{{1, now, hello, "accept"}, {2, now, hello, "duplicate"}, {1, now, gap, "accept"}, {2, now, forged, "signature"}}},
		{"a forged frame before the honest one", "signed-lines", []step{{2, now, forged, "signature"}, {1, now, hello, "accept"}, {1, now, gap, "accept"}}},
		{"a clock 300 s behind", "signed-lines", []step{{1, now, late(now - 300_000), "accept"}}},
		{"a clock 300.001 s behind", "signed-lines", []step{{1, now, late(now - 300_001), "time"}}},
		{"a clock 300 s ahead", "signed-lines", []step{{1, now, late(now + 300_000), "accept"}}},
		{"a clock 300.001 s ahead", "signed-lines", []step{{1, now, late(now + 300_001), "time"}}},
	}
}
