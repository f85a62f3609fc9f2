package devicegate

import (
	"time"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// frameInfo is what is kept of a verified frame.
type frameInfo struct {
	name            string // the event name, "other" for one the profile does not name
	room            string
	size            int
	message, answer bool
	own             bool // it answers the gate's own ping
	query, exempt   bool // it asks for data; it needs no proof
}

// seenEvery spaces the notes that a talking device is alive.
const seenEvery = 10 * time.Second

// prove takes a line between the gate's ping and its signed answer. Other frames
// are kept for later.
func (m *Machine) prove(w *Work, line, body []byte, now time.Time) Action {
	if !m.wait.active {
		m.wait = wait{}
		if !m.fits(len(line), now) {
			return Action{}
		}
		answer, ok := m.isAnswer(w, body, now)
		if !ok {
			return Action{}
		}
		if !answer {
			m.keep(w, line, now)
			return Action{}
		}
		if a, ok := m.verify(w, body, now); !ok {
			return a
		}
		if m.gate.layout.Live.MustEcho && !m.wait.info.own {
			m.refuse(refusal{reason: haechi.ReasonLiveness, kind: haechi.KindAuth}, now)
			return Action{}
		}
	}
	return m.welcome(w, now)
}

// welcome lets a device in that has just proved itself, if the inspector does.
func (m *Machine) welcome(w *Work, now time.Time) Action {
	m.actor.Assurance = haechi.Authenticated
	if a, ok := m.judge(w, now); !ok {
		return a
	}
	m.state, m.deadline = dialing, time.Time{}
	m.seen(now, true)
	return Action{Op: OpDial, Event: m.event(w, haechi.KindAuth, haechi.Success, now)}
}

// isAnswer looks whether the frame answers a ping; ok is false if it was refused, or
// is of no more use.
func (m *Machine) isAnswer(w *Work, body []byte, now time.Time) (answer, ok bool) {
	end, fault := w.scan.Scan(body)
	if fault != strictjson.OK {
		m.refuse(m.faulty(fault), now)
		return false, false
	}
	l := m.gate.layout
	if sh, _ := l.shape(w); sh != nil && !l.Auth.Handshake {
		m.greetedAgain(w, sh, end == len(body), now)
		return false, false
	}
	name := w.at(l.event).Text(&w.text)
	if w.at(l.auth).Kind != l.authKind {
		if l.isExempt(w) {
			return false, true
		}
		m.refuse(refusal{reason: haechi.ReasonAuthMissing, kind: haechi.KindAuth}, now)
		return false, false
	}
	return among(l.Live.Answers, l.known(name)), true
}

// maxGreetings bounds the handshakes of one connection: the public clients send at
// most ten queued frames.
const maxGreetings = 10

// greetedAgain takes one more handshake before the proof. A client that could not send
// a queued one sends it beside the next, so one that says the same is dropped.
func (m *Machine) greetedAgain(w *Work, sh *shape, whole bool, now time.Time) {
	bot := m.bot
	if sh.literal == "" {
		bot = string(w.at(sh.bot).Text(&w.text))
	}
	m.greetings++
	if !whole || bot != m.bot || string(w.at(sh.device).Text(&w.text)) != m.serial || m.greetings >= maxGreetings {
		m.refuse(refusal{reason: haechi.ReasonHandshake, kind: haechi.KindHandshake}, now)
		return
	}
	m.gate.regreeted.Add(1)
}

// isExempt reports whether the operator says that the scanned frame needs no proof.
func (l *layout) isExempt(w *Work) bool {
	v := w.at(l.event)
	return len(l.exempt) > 0 && v.Kind == strictjson.String && among(l.exempt, l.known(v.Text(&w.text)))
}

// pass takes a line of a proved device: it forwards, drops or refuses it.
func (m *Machine) pass(w *Work, line, body []byte, now time.Time) Action {
	if !m.wait.active {
		m.wait = wait{}
		if !m.approved(len(line), now) {
			return Action{}
		}
		if a, ok := m.verify(w, body, now); !ok {
			return a
		}
	}
	if a, ok := m.judge(w, now); !ok {
		return a
	}
	m.refused = 0
	if m.state == open {
		m.deadline = now.Add(m.gate.cfg.Idle)
	}
	in := &m.wait.info
	if in.answer || now.Sub(m.lastSeen) >= seenEvery {
		m.seen(now, in.answer)
	}
	a := Action{Op: OpForward, Bytes: line, Query: in.query, Event: m.event(w, haechi.KindMessage, haechi.Success, now)}
	if in.own {
		m.gate.swallowed.Add(1)
		a.Op, a.Bytes = OpNote, nil
	}
	return a
}

// approved looks at the device's status and at its own bound of a frame's size, and
// refuses if it is approved no more or the frame is longer.
func (m *Machine) approved(size int, now time.Time) bool {
	dev, known := m.gate.deps.Registry.Lookup(m.key)
	if known && dev.Status == haechi.Approved {
		return m.within(&dev, size, now)
	}
	m.status = dev.Status
	m.refuse(refusal{reason: haechi.ReasonStatusChanged, kind: haechi.KindAuth, hold: true, provoked: true}, now)
	return false
}

func (m *Machine) seen(now time.Time, ping bool) {
	m.lastSeen = now
	m.gate.deps.Registry.Seen(m.key, m.actor.Addr, m.version, now, ping)
}

// verify checks form, identity and proof of a frame. If not ok, the frame goes no
// further: it was refused, or is an honest resend, of which a note is made.
func (m *Machine) verify(w *Work, body []byte, now time.Time) (a Action, ok bool) {
	m.wait.info.size = len(body)
	end, fault := w.scan.Scan(body)
	if fault != strictjson.OK {
		m.refuse(m.faulty(fault), now)
		return Action{}, false
	}
	if reason := m.readFrame(w, body[end:]); reason != "" {
		m.refuse(refusal{reason: reason, kind: kindOf(reason)}, now)
		return Action{}, false
	}
	if m.wait.info.exempt {
		return Action{}, true
	}
	return m.proven(w, body, body[end:], m.state == proving, now)
}

// readFrame checks the scanned frame: a proof where one has to be, a known kind of
// event, a tail only where one may be, and no other identity than the handshake's.
func (m *Machine) readFrame(w *Work, tail []byte) haechi.Reason {
	l, in := m.gate.layout, &m.wait.info
	event := w.at(l.event)
	in.exempt = w.at(l.auth).Kind == strictjson.Missing && l.isExempt(w)
	switch {
	case w.at(l.auth).Kind != l.authKind && !in.exempt:
		return haechi.ReasonAuthMissing
	case event.Kind != strictjson.String:
		return haechi.ReasonMalformed
	}
	for i := range l.shapes {
		if l.shapes[i].fits(w) {
			return haechi.ReasonHandshake // one a connection
		}
	}
	in.name = l.known(event.Text(&w.text))
	in.message, in.answer = among(l.Messages, in.name), among(l.Live.Answers, in.name)
	if len(tail) > 0 && !(among(l.Framing.TailEvents, in.name) && l.tailOnly(tail)) {
		return haechi.ReasonMalformed
	}
	if !m.same(w, l.sameBot, m.bot) || !m.same(w, l.sameDev, m.serial) || !w.readsAll(l.require) {
		return haechi.ReasonIdentity
	}
	if in.answer {
		v := w.at(l.echo)
		in.own = v.Kind == strictjson.String && m.gate.mark(v.Text(&w.text)) == m.stamp
	}
	if in.message {
		in.room = m.room(w)
	}
	in.query = l.asks(w, in.name)
	return ""
}

// asks reports whether the frame asks the server behind for data.
func (l *layout) asks(w *Work, name string) bool {
	for i := range l.queries {
		if q := &l.queries[i]; q.event == name && w.readsAll(q.where) {
			return true
		}
	}
	return false
}

// same reports whether every present value is the text.
func (m *Machine) same(w *Work, slots []int, want string) bool {
	for _, slot := range slots {
		v := w.at(slot)
		if v.Kind != strictjson.Missing && (v.Kind != strictjson.String || string(v.Text(&w.text)) != want) {
			return false
		}
	}
	return true
}

func (m *Machine) room(w *Work) string {
	for _, slot := range m.gate.layout.room {
		if v := w.at(slot); v.Kind == strictjson.String && len(v.Raw) > 0 {
			return m.rooms.name(v.Text(&w.text))
		}
	}
	return ""
}

// tailOnly accepts the characters of the profile's tail; so the first JSON value of
// the line and the last closing brace on it are the same to every reader.
func (l *layout) tailOnly(b []byte) bool {
	for _, c := range b {
		if !l.tail[c] {
			return false
		}
	}
	return true
}
