package naming_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/naming"
	"haechi/internal/sensor/talk/talktest"
)

// records puts a hello into records of n bytes.
func records(hello []byte, n int) (out string) {
	for msg := hello[5:]; len(msg) > 0; {
		k := min(n, len(msg))
		out += string(append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(k)), msg[:k]...))
		msg = msg[k:]
	}
	return out
}

func TestHello(t *testing.T) {
	hello := clientHello(t, "shop.example.com", false)
	for _, n := range []int{1 << 14, 100, 30} {
		events := anyCut(t, 8443, []said{in(records(hello, n)), out("\x16\x03\x03\x00\x02\x02\x00")})
		if len(events) != 1 {
			t.Fatalf("told %q", talktest.Facts(events))
		}
		e := events[0]
		if e.Kind != haechi.KindHello || e.Name != "shop.example.com" || !strings.HasPrefix(e.Fingerprint, "t13d") || len(e.Fingerprint) != 36 ||
			e.Addr.String() != "192.0.2.7" || e.Port != 40000 || e.LocalPort != 8443 || e.Sensor != "capture" {
			t.Errorf("told %+v", e)
		}
	}
}

// A capture that begins in the middle has the sides the wrong way round; who says hello is
// the client.
func TestHelloFromTheWrongSide(t *testing.T) {
	hello := clientHello(t, "shop.example.com", false)
	e := newEar(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 50000), talktest.Start())
	e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: false, Bytes: hello, Length: len(hello)})
	if len(e.Events) != 1 || e.Events[0].Addr.String() != "198.51.100.9" || e.Events[0].LocalPort != 40000 {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
	talktest.Check(t, e)
}

// initial seals frames into a client's Initial packet of version 1 for the connection
// number of RFC 9001, with the keys stated there.
func initial(number uint32, frames []byte) string {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return b
	}
	for len(frames) < 1162 {
		frames = append(frames, 0)
	}
	b := append([]byte{0xc3, 0, 0, 0, 1, 8}, unhex("8394c8f03e515708")...)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(frames)+16)|0x4000)
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, number)
	nonce := unhex("fa044b2f42a3fd3b46fb255c")
	for i := range 4 {
		nonce[8+i] ^= b[at+i]
	}
	block, _ := aes.NewCipher(unhex("1f369613dd76d5467730efcbe3b1a22d"))
	aead, _ := cipher.NewGCM(block)
	b = aead.Seal(b, nonce, frames, b)
	hp, _ := aes.NewCipher(unhex("9f50449e04a0e810283a1e9933adedd2"))
	var mask [16]byte
	hp.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	for i := range 4 {
		b[at+i] ^= mask[1+i]
	}
	return string(b)
}

func crypto(hello []byte, from, to int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{6}, uint16(from)|0x4000)
	b = binary.BigEndian.AppendUint16(b, uint16(to-from)|0x4000)
	return append(b, hello[from:to]...)
}

func TestQUIC(t *testing.T) {
	h := clientHello(t, "quic.example.com", true)
	whole := []said{in(initial(0, crypto(h, 0, len(h)))), out("\xc0answer")}
	e := newEar(talktest.Config())
	if p := e.Datagrams(443, whole); p != "quic" || len(e.Events) != 1 {
		t.Fatalf("%s, told %q", p, talktest.Facts(e.Events))
	}
	if ev := e.Events[0]; ev.Name != "quic.example.com" || ev.Fingerprint[0] != 'q' || ev.Protocol != "quic" || ev.Transport != haechi.UDP {
		t.Errorf("told %+v", ev)
	}
	// In pieces, shuffled, over packets of which one comes twice.
	third := len(h) / 3
	parts := [][]byte{
		append(crypto(h, third, 2*third), append([]byte{1, 0, 0}, crypto(h, 5, third)...)...),
		crypto(h, 2*third, len(h)), crypto(h, 2*third, len(h)), append([]byte{2, 0, 0, 0, 0}, crypto(h, 0, 5)...),
	}
	for range 2 {
		again := newEar(talktest.Config())
		var talk []said
		for i, p := range parts {
			talk = append(talk, in(initial(uint32(i), p)))
		}
		again.Datagrams(443, talk)
		talktest.Check(t, again)
		talktest.Same(t, "in pieces", again.Events, e.Events)
		slices.Reverse(parts)
	}
}

// Datagrams that are none, or never complete, end.
func TestQUICEnds(t *testing.T) {
	h := clientHello(t, "quic.example.com", true)
	e := newEar(talktest.Config())
	id := e.Open(talktest.Ends(haechi.UDP, 443), talktest.Start())
	for i := range 100 {
		d := []byte(initial(uint32(i), crypto(h, 10, len(h))))
		if _, more := e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: d, Length: len(d)}); !more {
			talktest.Check(t, e)
			if i < 10 || len(e.Events) != 0 {
				t.Errorf("ended after %d, told %q", i, talktest.Facts(e.Events))
			}
			return
		}
	}
	t.Error("it never ends")
}

func BenchmarkHello(b *testing.B) {
	l := talk.New(talk.Config{}, func(*haechi.Event) {}, naming.Accents())
	hello := clientHello(b, "shop.example.com", false)
	b.ReportAllocs()
	for b.Loop() {
		id := l.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
		l.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: hello, Length: len(hello)})
	}
}
