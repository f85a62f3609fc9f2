package quicinitial

// MostPieces bounds the pieces of a handshake that are kept while others are missing.
const MostPieces = 64

type piece struct{ from, to int }

// Handshake joins the CRYPTO frames of a client's Initial packets in a buffer of the
// caller's. The zero value is ready.
type Handshake struct {
	pieces [MostPieces]piece // sorted, apart from each other
	n      int
	// Refused counts frames for which there was no room.
	Refused int
}

// Have is how many bytes there are from the beginning without a gap.
func (s *Handshake) Have() int {
	if s.n > 0 && s.pieces[0].from == 0 {
		return s.pieces[0].to
	}
	return 0
}

const (
	framePadding = 0
	framePing    = 1
	frameAck     = 2
	frameAckECN  = 3
	frameCrypto  = 6
)

// Take puts what CRYPTO frames hold into buf. It returns false at a frame that has no place
// in an Initial packet, or is cut; what came before it was taken.
func (s *Handshake) Take(buf, frames []byte) bool {
	for at := 0; at < len(frames); {
		kind := frames[at]
		at++
		ok := true
		switch kind {
		case framePadding, framePing:
		case frameAck, frameAckECN:
			at, ok = skipAck(frames, at, kind == frameAckECN)
		case frameCrypto:
			at, ok = s.crypto(buf, frames, at)
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

func skipAck(b []byte, at int, ecn bool) (next int, ok bool) {
	if _, at, ok = varint(b, at); !ok { // largest
		return at, false
	}
	if _, at, ok = varint(b, at); !ok { // delay
		return at, false
	}
	ranges, at, ok := varint(b, at)
	if !ok || ranges > uint64(len(b)) {
		return at, false
	}
	numbers := 1 + 2*int(ranges)
	if ecn {
		numbers += 3
	}
	for range numbers {
		if _, at, ok = varint(b, at); !ok {
			return at, false
		}
	}
	return at, true
}

func (s *Handshake) crypto(buf, b []byte, at int) (next int, ok bool) {
	offset, at, ok := varint(b, at)
	if !ok {
		return at, false
	}
	n, at, ok := varint(b, at)
	if !ok || n > uint64(len(b)-at) {
		return at, false
	}
	data := b[at : at+int(n)]
	if offset > uint64(len(buf)) || int(offset)+len(data) > len(buf) {
		s.Refused++
		return at + len(data), true
	}
	if len(data) > 0 && s.add(piece{int(offset), int(offset) + len(data)}) {
		copy(buf[offset:], data)
	}
	return at + len(data), true
}

// add notes a piece and joins it with those that it touches. It returns false when there
// are too many gaps.
func (s *Handshake) add(p piece) bool {
	i := 0
	for i < s.n && s.pieces[i].to < p.from {
		i++
	}
	j := i
	for j < s.n && s.pieces[j].from <= p.to {
		p.from, p.to = min(p.from, s.pieces[j].from), max(p.to, s.pieces[j].to)
		j++
	}
	if i == j && s.n == MostPieces {
		s.Refused++
		return false
	}
	if i == j {
		copy(s.pieces[i+1:s.n+1], s.pieces[i:s.n])
		s.n++
	} else {
		copy(s.pieces[i+1:], s.pieces[j:s.n])
		s.n -= j - i - 1
	}
	s.pieces[i] = p
	return true
}
