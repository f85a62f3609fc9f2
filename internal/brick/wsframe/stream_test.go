package wsframe_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"haechi/internal/brick/wsframe"
)

// frame is one frame. Its length is written in the shortest way.
func frame(first byte, masked bool, n int) []byte {
	b := []byte{first, 0}
	switch {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if masked {
		b[1] |= 0x80
		b = append(b, 1, 2, 3, 4)
	}
	return append(b, bytes.Repeat([]byte{0xff}, n)...)
}

func join(all ...[]byte) []byte { return bytes.Join(all, nil) }

// client is a stream of a client with messages of at most 100,000 bytes.
func client() wsframe.Stream {
	return wsframe.Stream{Config: wsframe.Config{Client: true, Message: 100_000}}
}

func TestWhatIsRefused(t *testing.T) {
	start := frame(0x01, true, 5) // a message of several parts
	for _, c := range []struct {
		name  string
		b     []byte
		fault wsframe.Fault
		at    int // the byte that shows it
	}{
		{"no mask", frame(0x81, false, 5), wsframe.Mask, 1},
		{"a bit", frame(0xc1, true, 5), wsframe.Reserved, 0},
		{"another bit", frame(0x91, true, 5), wsframe.Reserved, 0},
		{"an opcode", frame(0x83, true, 5), wsframe.Reserved, 0},
		{"a control opcode", frame(0x8b, true, 5), wsframe.Reserved, 0},
		{"a long ping", frame(0x89, true, 126), wsframe.Control, 1},
		{"a ping in parts", frame(0x09, true, 5), wsframe.Control, 0},
		{"a part of nothing", frame(0x80, true, 5), wsframe.Sequence, 0},
		{"a message within another", join(start, frame(0x81, true, 5)), wsframe.Sequence, len(start)},
		{"126 for 5", []byte{0x81, 0xfe, 0, 5}, wsframe.Length, 3},
		{"127 for 5", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5}, wsframe.Length, 9},
		{"63 bits", []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, wsframe.Length, 9},
		{"a long message", frame(0x82, true, 100_001), wsframe.Oversize, 9},
		{"a long message in parts", join(frame(0x02, true, 60_000), frame(0x00, true, 30_000), frame(0x80, true, 10_001)), wsframe.Oversize, 60_008 + 30_008 + 3},
		{"parts without end", join(start, []byte{0x00, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), wsframe.Oversize, len(start) + 9},
	} {
		s := client()
		n, f := s.Take(c.b)
		if f != c.fault || n != c.at {
			t.Errorf("%s: %v at %d, want %v at %d", c.name, f, n, c.fault, c.at)
		}
		if m, again := s.Take([]byte{0x81}); m != 0 || again != c.fault || s.Between() {
			t.Errorf("%s: it goes on", c.name)
		}
	}
}

func TestWhatPasses(t *testing.T) {
	deflate := wsframe.Config{Client: true, Compressed: true}
	for _, c := range []struct {
		name  string
		cfg   wsframe.Config
		b     []byte
		units uint64
	}{
		{"messages", client().Config, join(frame(0x81, true, 0), frame(0x82, true, 125), frame(0x81, true, 126), frame(0x82, true, 65_535), frame(0x82, true, 100_000)), 5},
		{"in parts", client().Config, join(frame(0x01, true, 50_000), frame(0x00, true, 40_000), frame(0x80, true, 10_000)), 1},
		{"small parts count", client().Config, join(frame(0x01, true, 1), frame(0x00, true, 1), frame(0x80, true, 1)), 3},
		{"a ping between parts", client().Config, join(frame(0x01, true, 2000), frame(0x89, true, 125), frame(0x8a, true, 0), frame(0x80, true, 2000)), 3},
		{"the end", client().Config, frame(0x88, true, 2), 1},
		{"compressed", deflate, join(frame(0x41, true, 2000), frame(0x80, true, 2000), frame(0xc2, true, 1)), 2},
		{"unknown extension", wsframe.Config{Client: true, Any: true}, join(frame(0xf1, true, 3), frame(0x83, true, 3)), 2},
		{"a server's", wsframe.Config{}, join(frame(0x81, false, 5), frame(0x89, false, 0)), 2},
		{"long without a limit", wsframe.Config{Client: true}, frame(0x82, true, 1<<20), 1},
	} {
		s := wsframe.Stream{Config: c.cfg}
		if n, f := s.Take(c.b); n != len(c.b) || f != wsframe.None || s.Units != c.units || !s.Between() {
			t.Errorf("%s: %v at %d of %d, %d units, want %d; between %t", c.name, f, n, len(c.b), s.Units, c.units, s.Between())
		}
	}
	s := wsframe.Stream{Config: deflate}
	if _, f := s.Take(join(frame(0x41, true, 1), frame(0xc0, true, 1))); f != wsframe.Reserved {
		t.Errorf("a part that says it is compressed: %v", f)
	}
}

func TestBetween(t *testing.T) {
	s := client()
	b := frame(0x81, true, 200)
	for i, c := range b {
		s.Take([]byte{c})
		if s.Between() != (i == len(b)-1) {
			t.Fatalf("between after %d of %d bytes: %t", i+1, len(b), s.Between())
		}
	}
}

// FuzzStream holds that what is found does not depend on the pieces in which bytes come.
func FuzzStream(f *testing.F) {
	f.Add(join(frame(0x01, true, 300), frame(0x89, true, 3), frame(0x80, true, 70_000)), uint64(1), byte(1))
	f.Add(join(frame(0x81, false, 3), frame(0xc1, false, 3)), uint64(2), byte(4))
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, uint64(3), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, how byte) {
		cfg := wsframe.Config{Client: how&1 != 0, Compressed: how&2 != 0, Any: how&4 != 0, Message: uint64(how>>3) * 1000}
		whole, parts := wsframe.Stream{Config: cfg}, wsframe.Stream{Config: cfg}
		n, fault := whole.Take(b)
		if (fault == wsframe.None) != (n == len(b)) {
			t.Fatalf("%d of %d bytes and %v", n, len(b), fault)
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		at, found := 0, wsframe.None
		for at < len(b) && found == wsframe.None {
			var m int
			size := 1 + rng.IntN(min(len(b)-at, 1+int(seed%300)))
			m, found = parts.Take(b[at : at+size])
			if at += m; found == wsframe.None && m != size {
				t.Fatalf("%d of %d bytes taken without a fault", m, size)
			}
		}
		if at != n || found != fault || parts != whole {
			t.Fatalf("whole: %v at %d, %+v\nin pieces: %v at %d, %+v", fault, n, whole, found, at, parts)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	p := bytes.Repeat(frame(0x82, true, 100), 300)
	s := wsframe.Stream{Config: wsframe.Config{Client: true}}
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		s.Take(p)
	}
}
