package talk

import (
	"haechi"
	"haechi/internal/sensor"
)

const (
	// lateBytes and latePieces bound what is kept of segments that came before their turn.
	lateBytes  = 8 << 10
	latePieces = 8
	// farAhead is how far ahead a segment may lie, in bytes: more than any window.
	farAhead = 1 << 24
)

// stream is one direction of a TCP conversation.
type stream struct {
	next   uint32 // sequence number of the next byte
	begun  bool   // next is known
	given  bool   // something of it was handed on
	pieces uint8
	skip   int64  // bytes that nobody wants to see
	held   []byte // lent; in order, and not used by the speaker yet
	late   []byte // lent; the bytes of the pieces, one after the other
	piece  [latePieces]latePiece
}

// latePiece is a segment that came before its turn.
type latePiece struct {
	seq          uint32
	have, length int32
}

func sideOf(s *sensor.Segment) Side {
	if s.FromClient {
		return FromClient
	}
	return FromServer
}

// passes takes a segment of TCP that is next in order and of which nobody wants to see
// anything, as [Conversation.segment] would: most are the middle of a transfer. It
// returns false for any other.
func (c *Conversation) passes(s *sensor.Segment) bool {
	from, n := sideOf(s), len(s.Bytes)
	st, other := &c.sides[from], &c.sides[from.other()]
	if st.skip < int64(n) || n == 0 || n != s.Length || s.Seq != st.next || st.pieces > 0 || st.held != nil ||
		!st.begun || !other.begun || other.pieces > 0 || s.Start != 0 {
		return false
	}
	c.heard[from] = true
	st.next += uint32(n)
	st.skip -= int64(n)
	st.given = true
	return true
}

// segment takes one segment of either transport.
func (c *Conversation) segment(s *sensor.Segment) {
	from := sideOf(s)
	c.heard[from] = true
	if c.ends.Transport == haechi.UDP {
		c.datagram(from, s.Bytes)
		return
	}
	length := max(s.Length, len(s.Bytes))
	c.anchor(from, s)
	c.order(from, s.Seq, s.Bytes, length)
}

// anchor learns where the sides begin, and what the other side has got: what it has got
// before anything was handed on is not on its way any more, but was never seen.
func (c *Conversation) anchor(from Side, s *sensor.Segment) {
	if s.Start != 0 {
		c.sides[FromClient].begin(s.Start)
	}
	st := &c.sides[from.other()]
	switch {
	case s.Ack == 0:
	case !st.begun:
		st.begin(s.Ack)
	case !st.given && st.pieces > 0:
		if first := st.first(st.piece[0].seq); int32(s.Ack-first) > 0 {
			c.passGap(from.other(), first)
		}
	}
}

func (st *stream) begin(next uint32) {
	if !st.begun {
		st.begun, st.next = true, next
	}
}

// order hands on what is next, keeps what came too early and drops what was there before.
func (c *Conversation) order(from Side, seq uint32, b []byte, length int) {
	st := &c.sides[from]
	st.begin(seq)
	if ahead := int32(seq - st.next); !st.given && (ahead < 0 || ahead > lateBytes) {
		st.next = seq // where it begins is not known after all
	}
	for !c.done {
		ahead := int(int32(seq - st.next))
		if ahead > farAhead || ahead < -farAhead {
			c.l.stats.Late++
			return
		}
		if ahead <= -length {
			return // it was here before
		}
		if ahead <= 0 {
			c.piece(from, b[min(-ahead, len(b)):], length+ahead)
			c.drain(from)
			return
		}
		if c.keep(st, seq, b, length) {
			return
		}
		c.passGap(from, seq)
	}
}

// piece hands on the next length bytes, of which only b may be there.
func (c *Conversation) piece(from Side, b []byte, length int) {
	st := &c.sides[from]
	st.next += uint32(length)
	st.given = true
	if len(b) > 0 {
		c.give(from, b)
	}
	if missing := length - len(b); missing > 0 && !c.done {
		c.lose(from, int64(missing))
	}
}

// keep keeps a segment that came before its turn. It returns false when there is no room.
func (c *Conversation) keep(st *stream, seq uint32, b []byte, length int) bool {
	if int(st.pieces) == latePieces || len(st.late)+len(b) > lateBytes {
		return false
	}
	for _, p := range st.piece[:st.pieces] {
		if p.seq == seq && int(p.length) >= length {
			return true
		}
	}
	late, ok := c.l.bytes.add(st.late, b)
	if !ok {
		return false
	}
	st.late = late
	st.piece[st.pieces] = latePiece{seq, int32(len(b)), int32(length)}
	st.pieces++
	return true
}

// drain hands on the kept segments whose turn it is.
func (c *Conversation) drain(from Side) {
	st := &c.sides[from]
	for i := 0; i < int(st.pieces) && !c.done; {
		p, at := st.piece[i], st.offset(i)
		ahead := int(int32(p.seq - st.next))
		if ahead > 0 {
			i++
			continue
		}
		b := st.late[at : at+int(p.have)]
		if -ahead < int(p.length) {
			c.piece(from, b[min(-ahead, len(b)):], int(p.length)+ahead)
		}
		st.late = append(st.late[:at], st.late[at+int(p.have):]...)
		copy(st.piece[i:], st.piece[i+1:st.pieces])
		st.pieces--
		i = 0
	}
	if st.pieces == 0 && st.late != nil {
		c.l.bytes.put(st.late)
		st.late = nil
	}
}

func (st *stream) offset(i int) (at int) {
	for _, p := range st.piece[:i] {
		at += int(p.have)
	}
	return at
}

// passGap gives up waiting for what is missing before the first kept segment, or before
// seq if that comes earlier. Where nothing was handed on, nobody misses anything.
func (c *Conversation) passGap(from Side, seq uint32) {
	st := &c.sides[from]
	first := st.first(seq)
	missing := int32(first - st.next)
	st.next = first
	if missing > 0 && st.given {
		c.lose(from, int64(missing))
	}
	if !c.done {
		c.drain(from)
	}
}

// first is where the first of the kept segments begins, or seq if that is earlier.
func (st *stream) first(seq uint32) uint32 {
	for _, p := range st.piece[:st.pieces] {
		if int32(p.seq-seq) < 0 {
			seq = p.seq
		}
	}
	return seq
}

// give hands bytes that are next in order to whoever understands them.
func (c *Conversation) give(from Side, b []byte) {
	st := &c.sides[from]
	if st.skip > 0 {
		n := min(st.skip, int64(len(b)))
		st.skip -= n
		b = b[n:]
	}
	if len(b) == 0 {
		return
	}
	joined := st.held != nil
	if joined {
		if len(st.held)+len(b) > mostHeld {
			c.l.stats.Long++
			c.done = true
			return
		}
		held, ok := c.l.bytes.add(st.held, b)
		if !ok {
			c.starve()
			return
		}
		st.held, b = held, held
	}
	rest := c.use(from, b)
	if c.done {
		return
	}
	if joined {
		c.keepHeld(st, rest)
		return
	}
	if len(rest) > 0 && st.held == nil {
		held, ok := c.l.bytes.add(nil, rest)
		if !ok {
			c.starve()
			return
		}
		st.held = held
	}
}

// keepHeld leaves the rest of what was held.
func (c *Conversation) keepHeld(st *stream, rest []byte) {
	if len(rest) == 0 {
		c.l.bytes.put(st.held)
		st.held = nil
		return
	}
	st.held = st.held[:copy(st.held, rest)]
}

func (c *Conversation) starve() {
	c.l.stats.Starved++
	c.done = true
}

// use lets the speaker take what it can, and returns the rest.
func (c *Conversation) use(from Side, b []byte) []byte {
	st := &c.sides[from]
	for !c.done && len(b) > 0 {
		if c.speaker == nil {
			c.recognise(from, b)
			if c.speaker == nil {
				return b
			}
			c.catchUp(from.other())
			continue
		}
		was := c.speaker
		used := c.speaker.Hear(c, c.flip(from), b)
		b = b[min(used, len(b)):]
		if n := min(st.skip, int64(len(b))); n > 0 {
			st.skip -= n
			b = b[n:]
			continue
		}
		if c.speaker == nil && !c.done {
			c.again(from.other())
		}
		if used == 0 && c.speaker == was {
			return b
		}
	}
	return b
}

// again lets others recognise what a side said before a speaker gave the rest away.
func (c *Conversation) again(from Side) {
	if held := c.sides[from].held; len(held) > 0 {
		c.recognise(from, held)
		c.catchUp(from)
	}
}

// catchUp lets a speaker that was just found hear what the other side said before.
func (c *Conversation) catchUp(from Side) {
	st := &c.sides[from]
	if st.held == nil || c.done || c.speaker == nil {
		return
	}
	rest := c.use(from, st.held)
	if !c.done {
		c.keepHeld(st, rest)
	}
}

// lose tells that bytes are missing.
func (c *Conversation) lose(from Side, n int64) {
	st := &c.sides[from]
	if st.skip > 0 {
		passed := min(st.skip, n)
		st.skip -= passed
		n -= passed
	}
	if n == 0 {
		return
	}
	c.l.stats.Gaps++
	c.l.bytes.put(st.held)
	st.held = nil
	if c.speaker == nil || !c.speaker.Miss(c, c.flip(from)) {
		c.done = true
	}
}
