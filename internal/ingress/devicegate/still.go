package devicegate

import (
	"net/netip"
	"sync/atomic"
	"time"

	"haechi"
)

// still is a conversation in which nothing is under way, put away: what a [Machine]
// of an open session has to know when the next frame comes, in a tenth of its size. What
// version the device said it has, the registry knows since it proved itself.
type still struct {
	addr      [16]byte
	port      uint16 // with localPort known from the beginning, also while the rest is not kept
	localPort uint16
	is        stillness
	greeted   uint8   // handshakes after the first
	bits      uint8   // of the client's prefix
	bot       uint8   // length of the bot's name, which begins the device's key
	due       beat    // its deadline, 0: never
	seen      beat    // the last note that it is alive
	stamp     uint64  // as in Machine
	habits    *habits // nil: none
}

// stillness is what may be true of a conversation that was put away.
type stillness uint8

const (
	stillKept stillness = 1 << iota // it was put away at least once
	stillAllowed
	stillBound
	stillItself // it is pinned to the rest of its key
)

// beat is a moment in tenths of a second since the gate was made, as far as 6 years. A
// deadline is as much late at most as that of an idle connection is anyway.
type beat int32

const perBeat = 100 * time.Millisecond

// beatOf is the last beat at or before the time, and ok unless that is too far off.
func (g *Gate) beatOf(t time.Time) (b beat, ok bool) {
	since := t.Sub(g.born)
	n := since / perBeat
	if since%perBeat < 0 { // a clock went back
		n--
	}
	return beat(n), n == time.Duration(beat(n))
}

func (g *Gate) timeOf(b beat) time.Time { return g.born.Add(time.Duration(b) * perBeat) }

// habits is what most devices do not have, or not before they say something.
type habits struct {
	rooms rooms
	pin   *string
	cert  string // the name of the client's certificate
	seq   uint64
	asked int64         // when its last query was told, nanoseconds since the gate was made
	asks  atomic.Uint32 // queries that wait to be told
}

func (k *still) deadline(g *Gate) time.Time {
	if k.is&stillKept == 0 || k.due == 0 {
		return time.Time{}
	}
	return g.timeOf(k.due)
}

// putAway replaces the machine by what has to be remembered of it, if it is at rest
// and nothing is known of its peer that would be lost.
func (s *session) putAway() {
	t := s.talk
	if t == nil || t.conn != nil || t.holding || t.unproved != 0 || !t.linger.IsZero() || !s.still.keep(s.gate.Gate, t.m, s.device) {
		return
	}
	s.gate.recycle(t)
	s.talk = nil
}

// resume gets the machine back.
func (s *session) resume() {
	if s.talk != nil {
		return
	}
	s.talk = s.gate.talks.Get().(*talk)
	s.still.restore(s.gate.Gate, s.talk.m, s.device, s.id)
}

// recycle keeps what a conversation needed for another one.
func (g *Gate) recycle(t *talk) {
	*t.m = Machine{}
	*t = talk{m: t.m}
	g.talks.Put(t)
}

// actor is who the peer is, as far as is known. The session is over.
func (s *session) actor() haechi.Actor {
	if s.talk == nil {
		return s.still.actor(s.device)
	}
	return s.talk.m.Actor()
}

// keep takes over from a machine. False means that it cannot.
func (k *still) keep(g *Gate, m *Machine, device string) bool {
	bot, serial, ok := split(device, len(m.bot))
	if !m.resting() || m.key != device || !ok || bot != m.bot || serial != m.serial {
		return false
	}
	seen, ok := g.beatOf(m.lastSeen)
	due := beat(0)
	if ok && !m.deadline.IsZero() {
		due, ok = g.beatOf(m.deadline.Add(perBeat)) // a beat more: it is never early
		if due == 0 {
			due++
		}
	}
	if !ok {
		return false
	}
	// The ports are not written again: who tells of the session reads them at any time.
	k.is = stillKept | when(m.actor.Allowed, stillAllowed) | when(m.bound, stillBound)
	k.addr, k.bits, k.bot, k.greeted = m.actor.Addr.As16(), uint8(m.actor.Client.Bits()), uint8(len(m.bot)), uint8(m.greetings)
	k.due, k.seen, k.stamp = due, seen, m.stamp
	pin := m.pin
	if pin != nil && *pin == serial {
		pin, k.is = nil, k.is|stillItself
	}
	if k.habits != nil || pin != nil || m.seq != 0 || len(m.rooms.list) > 0 || m.actor.Certificate != "" {
		h := k.habit()
		h.rooms, h.pin, h.seq, h.cert = m.rooms, pin, m.seq, m.actor.Certificate
	}
	return k.actor(device) == m.actor
}

func when(is bool, as stillness) stillness {
	if is {
		return as
	}
	return 0
}

func (k *still) habit() *habits {
	if k.habits == nil {
		k.habits = new(habits)
	}
	return k.habits
}

// restore makes m the machine that it was.
func (k *still) restore(g *Gate, m *Machine, device string, session uint64) {
	bot, serial, _ := split(device, int(k.bot))
	*m = Machine{gate: g, state: open, session: session, actor: k.actor(device), deadline: k.deadline(g),
		bot: bot, serial: serial, key: device, stamp: k.stamp, bound: k.is&stillBound != 0, greetings: int(k.greeted),
		status: haechi.Approved, lastSeen: g.timeOf(k.seen)}
	if h := k.habits; h != nil {
		m.rooms, m.pin, m.seq = h.rooms, h.pin, h.seq
	}
	if k.is&stillItself != 0 {
		m.pin = &m.serial
	}
}

// split is the bot and the rest of a device's key, whose bot has n bytes.
func split(device string, n int) (bot, serial string, ok bool) {
	if n > 255 || n >= len(device) || device[n] != '/' {
		return "", "", false
	}
	return device[:n], device[n+1:], true
}

func (k *still) actor(device string) haechi.Actor {
	addr := netip.AddrFrom16(k.addr).Unmap()
	client, _ := addr.Prefix(int(k.bits)) // the length is that of a prefix of its own
	a := haechi.Actor{Addr: addr, Client: client, Device: device, Assurance: haechi.Authenticated, Allowed: k.is&stillAllowed != 0}
	if k.habits != nil {
		a.Certificate = k.habits.cert
	}
	return a
}

// resting reports whether nothing is under way: no line in part, no frame that waits,
// nothing refused. What it would lose is then nothing.
func (m *Machine) resting() bool {
	return m.state == open && len(m.partial) == 0 && !m.whole && m.nest == nest{} && !m.wait.active && m.refused == 0 && m.status == haechi.Approved &&
		m.enrol == nil && m.greetings <= 255 && m.hello == nil && m.early.buf == nil && m.holdUntil.IsZero() && m.discarded == 0 && m.end == Ending{} && m.failure == nil
}
