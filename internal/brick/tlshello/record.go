package tlshello

import "encoding/binary"

// Outcome is how far a reading came.
type Outcome uint8

// The outcomes.
const (
	More  Outcome = iota // the hello goes on behind the bytes given
	Whole                // it is there
	Other                // it is no ClientHello
)

const (
	recordHandshake = 22
	recordHeader    = 5
	recordMost      = 1<<14 + 256
	recordsMost     = 64 // a hello in more pieces than that is not one that a client sends
)

// FromRecords finds a ClientHello at the beginning of a TLS stream. Where one record holds
// all of it, msg lies in b; else it is put together in scratch, which must hold Most bytes.
func FromRecords(b, scratch []byte) (msg []byte, out Outcome) {
	have := 0
	for i := range recordsMost {
		body, size, out := record(b)
		if out != Whole && !(out == More && size > 0) {
			return nil, out
		}
		if i == 0 {
			if n, ok := Size(body); !ok {
				return nil, Other
			} else if n > 0 && n <= len(body) {
				return body[:n], Whole
			}
		}
		if have+len(body) > len(scratch) {
			return nil, Other
		}
		have += copy(scratch[have:], body)
		switch n, ok := Size(scratch[:have]); {
		case !ok:
			return nil, Other
		case n > 0 && n <= have:
			return scratch[:n], Whole
		case out == More:
			return nil, More
		}
		b = b[size:]
	}
	return nil, Other
}

// record cuts the first record off: its body, as far as it is there, and its size on the
// wire. With More and a size above 0 the header was read and the body is incomplete.
func record(b []byte) (body []byte, size int, out Outcome) {
	if len(b) > 0 && b[0] != recordHandshake || len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 {
		return nil, 0, Other
	}
	if len(b) < recordHeader {
		return nil, 0, More
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	if n == 0 || n > recordMost {
		return nil, 0, Other
	}
	size = recordHeader + n
	if len(b) < size {
		return b[recordHeader:], size, More
	}
	return b[recordHeader:size], size, Whole
}
