package talk

import (
	"slices"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// Config bounds what is kept.
type Config struct {
	// Conversations is how many are followed at a time, 65,536 if 0. One takes about
	// 400 bytes.
	Conversations int
	// Bytes is how many bytes of all conversations are kept at a time, while a message
	// is incomplete or a segment is missing; 64 MiB if 0.
	Bytes int
	// V6Bits is the prefix that makes an IPv6 client, 64 if 0.
	V6Bits int
	// Default says to which list of default credentials a pair belongs, "" for none. It
	// is asked about pairs that are seen in clear, and its answer is the Type of the
	// event: "default:" and the list. May be nil.
	Default func(user, password []byte) string
}

// Stats counts what the bounds refused, and what was missing.
type Stats struct {
	// Open is how many conversations are followed now, Bytes what is kept of them.
	Open, Bytes int
	// Full counts conversations that were not followed because there were too many,
	// Starved those let go because too many bytes would have been kept, Long those let
	// go because a message was longer than any honest one.
	Full, Starved, Long uint64
	// Gaps counts places where bytes were missing, Late segments that came too late or
	// far too early.
	Gaps, Late uint64
	// Panics counts parsers that failed; the conversation is let go.
	Panics uint64
}

// Listener is a sensor.Listener. It is used by one goroutine.
type Listener struct {
	cfg   Config
	tell  func(*haechi.Event)
	table table
	bytes pool
	stats Stats

	now   time.Time
	event haechi.Event // told of, and used again

	scratch []byte

	streams, datagrams []Accent
}

// New returns a listener that understands the given accents and tells events to a
// function. The event it is handed is used again after the call.
func New(cfg Config, tell func(*haechi.Event), accents ...[]Accent) *Listener {
	if cfg.Conversations <= 0 {
		cfg.Conversations = 1 << 16
	}
	if cfg.Bytes <= 0 {
		cfg.Bytes = 64 << 20
	}
	all := slices.Concat(accents...)
	return &Listener{cfg: cfg, tell: tell, table: table{most: min(cfg.Conversations, mostSlots)}, bytes: pool{most: cfg.Bytes},
		scratch: make([]byte, ScratchSize), streams: inOrder(all, false), datagrams: inOrder(all, true)}
}

// Stats returns what was refused so far.
func (l *Listener) Stats() Stats {
	s := l.stats
	s.Open, s.Bytes = l.table.open, l.bytes.out
	return s
}

// Open implements sensor.Listener.
func (l *Listener) Open(ends sensor.Ends, at time.Time) uint32 {
	if ends.Transport != haechi.TCP && ends.Transport != haechi.UDP {
		return 0
	}
	c, id := l.table.take()
	if c == nil {
		l.stats.Full++
		return 0
	}
	c.l, c.ends, c.start = l, ends, at
	return id
}

// Data implements sensor.Listener.
func (l *Listener) Data(id uint32, s *sensor.Segment) (protocol string, more bool) {
	c := l.table.find(id)
	if c == nil {
		return "", false
	}
	l.now = s.Time
	if !c.passes(s) {
		c.guarded(s)
	}
	protocol = c.protocol
	if c.done {
		l.forget(c)
		return protocol, false
	}
	return protocol, true
}

// Close implements sensor.Listener.
func (l *Listener) Close(id uint32, at time.Time) {
	c := l.table.find(id)
	if c == nil {
		return
	}
	l.now = at
	l.forget(c)
}

// forget ends a conversation and gives back what it held.
func (l *Listener) forget(c *Conversation) {
	if c.speaker != nil && !c.failed {
		c.ended()
	}
	for i := range c.sides {
		l.bytes.put(c.sides[i].held)
		l.bytes.put(c.sides[i].late)
	}
	l.table.give(c)
}

// guarded runs a parser. One that panics ends its conversation and nothing else.
func (c *Conversation) guarded(s *sensor.Segment) {
	defer c.survive()
	c.segment(s)
}

// ended tells the parser of the end.
func (c *Conversation) ended() {
	defer c.survive()
	c.speaker.End(c)
}

func (c *Conversation) survive() {
	if recover() != nil {
		c.l.stats.Panics++
		c.done, c.failed = true, true
	}
}
