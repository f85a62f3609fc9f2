package rhythm

import (
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/sensor"
)

// Config are the bounds.
type Config struct {
	// Pause is the silence of both sides after which a turn begins.
	Pause time.Duration
	// Patience is after how many segments without a pause a conversation is given up.
	Patience int
	// Conversations is how many are heard at once.
	Conversations int
	// Prefix6 is the length of a client's IPv6 prefix.
	Prefix6 int
}

// Defaults are the bounds as shipped. A second is longer than a slow link makes a speaker
// wait within one utterance, and shorter than any program waits that polls.
func Defaults() Config {
	return Config{Pause: time.Second, Patience: 4096, Conversations: 1 << 16, Prefix6: 64}
}

// direct marks the numbers of conversations that only the other listener hears.
const direct = 1 << 31

// Listener implements sensor.Listener. It is used by one goroutine.
type Listener struct {
	cfg     Config
	next    sensor.Listener // nil if there is none
	emit    func(*haechi.Event)
	slots   []slot
	free    []uint32
	refused uint64
	event   haechi.Event // reused
}

// slot is one conversation.
type slot struct {
	last      int64  // Unix nanoseconds of the newest data of either side; 0: none yet
	inner     uint32 // number at the next listener, 0 if it does not want to hear it
	expect    uint32 // sequence number after the newest byte of the client
	out       uint32 // bytes that the server said in this turn
	unbroken  uint32 // segments since the last pause
	innerMore bool
	hears     bool
	spoke     bool // the client has, so expect is known
	answered  bool // the server has
	protocol  string
	// What each segment needs lies above, in one line of a processor's cache: with what
	// follows a slot is two of them.
	ends sensor.Ends
	_    [8]byte
}

// New returns a listener that passes on to next, which may be nil, and tells emit, which
// must not keep the event.
func New(cfg Config, next sensor.Listener, emit func(*haechi.Event)) *Listener {
	return &Listener{cfg: cfg, next: next, emit: emit}
}

// Refused counts the conversations that found no room.
func (l *Listener) Refused() uint64 { return l.refused }

// Open implements sensor.Listener.
func (l *Listener) Open(ends sensor.Ends, at time.Time) uint32 {
	inner := uint32(0)
	if l.next != nil {
		inner = l.next.Open(ends, at)
	}
	if ends.Transport == haechi.TCP && inner < direct {
		if id := l.place(); id != 0 {
			l.slots[id-1] = slot{ends: ends, inner: inner, innerMore: inner != 0, hears: true}
			return id
		}
	}
	if inner == 0 || inner >= direct {
		return 0
	}
	return inner | direct
}

func (l *Listener) place() uint32 {
	if n := len(l.free); n > 0 {
		id := l.free[n-1]
		l.free = l.free[:n-1]
		return id
	}
	if len(l.slots) >= l.cfg.Conversations {
		l.refused++
		return 0
	}
	l.slots = append(l.slots, slot{})
	return uint32(len(l.slots))
}

// Data implements sensor.Listener.
func (l *Listener) Data(id uint32, s *sensor.Segment) (string, bool) {
	if id&direct != 0 {
		return l.next.Data(id&^direct, s)
	}
	if id == 0 || int(id) > len(l.slots) {
		return "", false
	}
	c := &l.slots[id-1]
	if c.innerMore {
		name, more := l.next.Data(c.inner, s)
		c.innerMore = more
		if name != "" {
			c.protocol = name
		}
	}
	if c.hears {
		l.hear(c, s)
	}
	return c.protocol, c.innerMore || c.hears
}

// hear takes one segment.
func (l *Listener) hear(c *slot, s *sensor.Segment) {
	if s.Length <= 0 || s.FromClient && !c.advance(s) {
		return
	}
	at := s.Time.UnixNano()
	pause := c.last != 0 && at-c.last >= int64(l.cfg.Pause)
	switch {
	case pause && s.FromClient:
		l.tell(c, s)
		c.out, c.unbroken = 0, 0
	case pause:
		c.unbroken = 0
	default:
		if c.unbroken++; int(c.unbroken) >= l.cfg.Patience {
			c.hears = false
		}
	}
	c.last = max(c.last, at)
	if !s.FromClient {
		c.out, c.answered = sum(c.out, s.Length), true
	}
}

// advance reports whether the segment holds a byte that the client has not sent before.
func (c *slot) advance(s *sensor.Segment) bool {
	end := s.Seq + uint32(s.Length)
	if c.spoke && int32(end-c.expect) <= 0 {
		return false
	}
	c.expect, c.spoke = end, true
	return true
}

func sum(a uint32, n int) uint32 { return uint32(min(uint64(a)+uint64(n), 1<<32-1)) }

func (l *Listener) tell(c *slot, s *sensor.Segment) {
	from := c.ends.Client.Addr()
	l.event = haechi.Event{Time: s.Time, Kind: haechi.KindTurn,
		Actor: haechi.Actor{Addr: from, Client: clientkey.Of(from, l.cfg.Prefix6)},
		Port:  c.ends.Client.Port(), LocalPort: c.ends.Server.Port(), BytesIn: int64(s.Length), BytesOut: int64(c.out),
		Flow: haechi.Flow{Target: c.ends.Server.Addr(), Transport: c.ends.Transport, Protocol: c.protocol}}
	if c.answered {
		l.event.Assurance = haechi.Handshaken
	}
	l.emit(&l.event)
}

// Close implements sensor.Listener.
func (l *Listener) Close(id uint32, at time.Time) {
	if id&direct != 0 {
		l.next.Close(id&^direct, at)
		return
	}
	if id == 0 || int(id) > len(l.slots) {
		return
	}
	c := &l.slots[id-1]
	if c.inner != 0 {
		l.next.Close(c.inner, at)
	}
	*c = slot{}
	l.free = append(l.free, id)
}
