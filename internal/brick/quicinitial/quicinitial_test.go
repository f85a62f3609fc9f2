package quicinitial_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"haechi/internal/brick/quicinitial"
)

// secrets are the client's keys for the connection number 8394c8f03e515708, as the
// appendices A.1 of RFC 9001 and A.1 of RFC 9369 state them.
type secrets struct {
	version     uint32
	kind        byte
	key, iv, hp string
}

func known() []secrets {
	return []secrets{
		{quicinitial.V1, 0xc0, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
		{quicinitial.V2, 0xd0, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

const dcid = "8394c8f03e515708"

// seal makes a client's Initial packet with a packet number of four bytes.
func seal(s secrets, number uint32, frames []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{s.kind | 3}, s.version)
	b = append(b, 8)
	b = append(b, unhex(dcid)...)
	b = append(b, 2, 0xaa, 0xbb, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(frames)+16)|0x4000)
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, number)
	nonce := unhex(s.iv)
	for i := range 4 {
		nonce[8+i] ^= b[at+i]
	}
	block, _ := aes.NewCipher(unhex(s.key))
	aead, _ := cipher.NewGCM(block)
	b = aead.Seal(b, nonce, frames, b)
	hp, _ := aes.NewCipher(unhex(s.hp))
	var mask [16]byte
	hp.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	for i := range 4 {
		b[at+i] ^= mask[1+i]
	}
	return b
}

func TestOpensWhatTheStandardsKeysSealed(t *testing.T) {
	for _, s := range known() {
		frames := []byte("\x00\x01\x06\x00\x03abc" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		packet := seal(s, 7, frames)
		h, ok := quicinitial.Read(append(packet, 0x40, 1, 2))
		if !ok || !h.Initial || h.End() != len(packet) || hex.EncodeToString(h.DCID) != dcid || h.Version != s.version {
			t.Fatalf("%x: header %+v", s.version, h)
		}
		k, ok := quicinitial.ForClient(h.Version, h.DCID)
		if !ok {
			t.Fatal("no keys")
		}
		got, ok := k.Open(make([]byte, 0, 2000), packet, &h)
		if !ok || !bytes.Equal(got, frames) {
			t.Fatalf("%x: opened %x", s.version, got)
		}
		packet[len(packet)-1] ^= 1
		if _, ok := k.Open(nil, packet, &h); ok {
			t.Error("opened a changed packet")
		}
		var hs quicinitial.Handshake
		buf := make([]byte, 100)
		if !hs.Take(buf, frames) || hs.Have() != 3 || string(buf[:3]) != "abc" {
			t.Errorf("handshake %q", buf[:hs.Have()])
		}
	}
}

func TestOtherPackets(t *testing.T) {
	packet := seal(known()[0], 1, make([]byte, 1100))
	for n := range len(packet) {
		if _, ok := quicinitial.Read(packet[:n]); ok {
			t.Fatalf("%d of %d bytes are read", n, len(packet))
		}
	}
	for _, change := range []func([]byte){
		func(b []byte) { b[0] &= 0x7f }, func(b []byte) { b[1] = 0x1a }, func(b []byte) { b[5] = 21 },
	} {
		b := bytes.Clone(packet)
		change(b)
		if h, ok := quicinitial.Read(b); ok {
			t.Errorf("read %+v", h)
		}
	}
	packet[0] |= 0x20 // a Handshake packet
	if h, ok := quicinitial.Read(packet); ok && h.Initial {
		t.Errorf("read %+v as Initial", h)
	}
}

// crypto is one CRYPTO frame.
func crypto(from int, data []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{6}, uint16(from)|0x4000)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data))|0x4000)
	return append(b, data...)
}

// Pieces in any order, overlapping and repeated, give the same bytes.
func TestPiecesInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 2000)
	for i := range text {
		text[i] = byte(i * 7)
	}
	for range 200 {
		var frames [][]byte
		for at := 0; at < len(text); {
			n := min(1+r.IntN(90), len(text)-at)
			frames = append(frames, crypto(at, text[at:at+n]))
			if r.IntN(4) == 0 {
				frames = append(frames, crypto(at, text[at:min(at+n+3, len(text))]))
			}
			at += n
		}
		r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		var hs quicinitial.Handshake
		buf := make([]byte, 4096)
		for _, f := range frames {
			if !hs.Take(buf, append([]byte{2, 5, 0, 0, 1}, f...)) {
				t.Fatal("refused")
			}
		}
		if hs.Refused == 0 && (hs.Have() != len(text) || !bytes.Equal(buf[:hs.Have()], text)) {
			t.Fatalf("have %d", hs.Have())
		}
	}
}

// FuzzFrames: whatever the frames say, there are never more bytes than were brought.
func FuzzFrames(f *testing.F) {
	f.Add(append(crypto(3, []byte("def")), crypto(0, []byte("abc"))...))
	f.Add([]byte{2, 0, 0, 0, 0, 3, 1, 1, 0, 1, 1, 1, 1, 6, 0, 1, 9})
	f.Fuzz(func(t *testing.T, frames []byte) {
		var hs quicinitial.Handshake
		buf := make([]byte, 512)
		hs.Take(buf, frames)
		if have := hs.Have(); have > len(buf) || have > len(frames) {
			t.Fatalf("have %d of %d", have, len(frames))
		}
		before := hs.Have()
		hs.Take(buf, frames)
		if hs.Have() < before {
			t.Fatal("it shrank")
		}
	})
}

// FuzzPacket: no bytes panic, and what is read lies within the packet.
func FuzzPacket(f *testing.F) {
	f.Add(seal(known()[0], 1, make([]byte, 64)))
	f.Add(seal(known()[1], 1, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := quicinitial.Read(b)
		if !ok {
			return
		}
		if h.End() > len(b) || h.End() == 0 {
			t.Fatalf("end %d of %d", h.End(), len(b))
		}
		if k, ok := quicinitial.ForClient(h.Version, h.DCID); ok {
			k.Open(nil, b, &h)
		}
	})
}
