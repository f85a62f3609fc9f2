package devicegate

import (
	"bytes"
	"encoding/binary"

	"haechi"
)

// boundary follows where the frames of one direction end, without keeping them: the
// upstream's are not read, but how long they are, and where a frame of the gate's own
// may stand between two of them.
type boundary struct {
	size int64  // bytes of the frame under way
	left uint32 // bytes of it that are to come; first its length, as far as that came
	nest nest
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
	longest = b.size
	for at := 0; at < len(p); {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			b.size += int64(len(p) - at)
			return max(longest, b.size), end
		}
		longest = max(longest, b.size+int64(i)+1)
		at += i + 1
		b.size, end = 0, at
	}
	return longest, end
}

// within reports whether a frame is under way.
func (b *boundary) within() bool { return b.size > 0 }

func (b *boundary) prefixed(f *haechi.Framing, p []byte) (longest int64, end int) {
	longest = b.size
	for at := 0; at < len(p); {
		if b.size < int64(f.PrefixBytes) {
			b.left |= uint32(p[at]) << (8 * b.size)
			at++
			if b.size++; b.size < int64(f.PrefixBytes) {
				continue
			}
			var head [4]byte
			binary.LittleEndian.PutUint32(head[:], b.left)
			b.left = uint32(lengthOf(f, head[:f.PrefixBytes]))
			longest = max(longest, b.size+int64(b.left))
		}
		n := min(int(b.left), len(p)-at)
		at, b.left, b.size = at+n, b.left-uint32(n), b.size+int64(n)
		if b.left == 0 {
			b.size, end = 0, at
		}
	}
	return max(longest, b.size), end
}

func (b *boundary) streamed(p []byte) (longest int64, end int) {
	longest = b.size
	for i, c := range p {
		if b.size == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			continue
		}
		b.size++
		longest = max(longest, b.size)
		if b.nest.pass(c) {
			b.size, b.nest, end = 0, nest{}, i+1
		}
	}
	return longest, end
}
