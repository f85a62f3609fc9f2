package devicegate

import (
	"bytes"
	"encoding/binary"
	"math"

	"haechi"
)

// boundary follows where the frames of one direction end, without keeping them: the
// upstream's are not read, but how long they are, and where a frame of the gate's own
// may stand between two of them.
type boundary struct {
	size uint32 // bytes of the frame under way; 4 GiB stands for more
	at   uint32 // where in it: bytes that are to come, before them its length as far as that came; or the place in a JSON text
}

// pass moves over p. It returns the length of the longest frame that p touches, in
// bytes as sent, and where behind its last end p stands; 0: no frame ends in it.
func (b *boundary) pass(f *haechi.Framing, p []byte) (longest int64, end int) {
	switch f.Kind {
	case haechi.LengthPrefix:
		return b.prefixed(f, p)
	case haechi.JSONStream:
		return b.streamed(p)
	}
	longest = int64(b.size)
	for at := 0; at < len(p); {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			b.grow(len(p) - at)
			return max(longest, int64(b.size)), end
		}
		longest = max(longest, int64(b.size)+int64(i)+1)
		at += i + 1
		b.size, end = 0, at
	}
	return longest, end
}

// within reports whether a frame is under way.
func (b *boundary) within() bool { return b.size > 0 }

func (b *boundary) grow(n int) { b.size = uint32(min(int64(b.size)+int64(n), math.MaxUint32)) }

func (b *boundary) prefixed(f *haechi.Framing, p []byte) (longest int64, end int) {
	longest = int64(b.size)
	for at := 0; at < len(p); {
		if b.size < uint32(f.PrefixBytes) {
			b.at |= uint32(p[at]) << (8 * b.size)
			at++
			if b.size++; b.size < uint32(f.PrefixBytes) {
				continue
			}
			var head [4]byte
			binary.LittleEndian.PutUint32(head[:], b.at)
			b.at = uint32(lengthOf(f, head[:f.PrefixBytes]))
			longest = max(longest, int64(b.size)+int64(b.at))
		}
		n := min(int(b.at), len(p)-at)
		at, b.at = at+n, b.at-uint32(n)
		if b.grow(n); b.at == 0 {
			b.size, end = 0, at
		}
	}
	return max(longest, int64(b.size)), end
}

func (b *boundary) streamed(p []byte) (longest int64, end int) {
	longest = int64(b.size)
	n := nestAt(b.at)
	for i, c := range p {
		if b.size == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			continue
		}
		b.grow(1)
		longest = max(longest, int64(b.size))
		if n.pass(c) {
			b.size, n, end = 0, nest{}, i+1
		}
	}
	b.at = n.word()
	return longest, end
}
