package devicegate

import (
	"bytes"
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
}

// seenEvery spaces the notes that a talking device is alive.
const seenEvery = 10 * time.Second

// prove takes a line between the gate's ping and its signed answer. Other frames
// are kept for later.
func (m *Machine) prove(w *Work, line, body []byte, now time.Time) Action {
	if !m.wait.active {
		m.wait = wait{}
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
		m.actor.Assurance = haechi.Authenticated
	}
	if a, ok := m.judge(w, now); !ok {
		return a
	}
	m.state, m.deadline = dialing, time.Time{}
	m.seen(now, true)
	return Action{Op: OpDial, Event: m.event(w, haechi.KindAuth, haechi.Success, now)}
}

// isAnswer looks whether the frame answers a ping; ok is false if it was refused.
func (m *Machine) isAnswer(w *Work, body []byte, now time.Time) (answer, ok bool) {
	if _, fault := w.scan.Scan(body); fault != strictjson.OK {
		m.refuse(m.faulty(fault), now)
		return false, false
	}
	l := m.gate.layout
	if w.scan.Value(l.auth).Kind != strictjson.Object {
		m.refuse(refusal{reason: haechi.ReasonAuthMissing, kind: haechi.KindAuth}, now)
		return false, false
	}
	_, _, answer = l.known(w.scan.Value(l.event).Text(&w.text))
	return answer, true
}

// pass takes a line of a proved device: it forwards, drops or refuses it.
func (m *Machine) pass(w *Work, line, body []byte, now time.Time) Action {
	if !m.wait.active {
		m.wait = wait{}
		if !m.approved(now) {
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
	a := Action{Op: OpForward, Bytes: line, Event: m.event(w, haechi.KindMessage, haechi.Success, now)}
	if in.own {
		m.gate.swallowed.Add(1)
		a.Op, a.Bytes = OpNote, nil
	}
	return a
}

// approved looks at the device's status, and refuses if it is approved no more.
func (m *Machine) approved(now time.Time) bool {
	dev, known := m.gate.deps.Registry.Lookup(m.key)
	if known && dev.Status == haechi.Approved {
		return true
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
	reason := m.readFrame(w, body[end:])
	if reason == "" {
		reason = m.claim(w, body)
	}
	if reason != "" {
		m.refuse(refusal{reason: reason, kind: kindOf(reason)}, now)
		return Action{}, false
	}
	proof := m.gate.deps.Prover.Prove(&w.claim, now)
	if proof.Reason != "" {
		m.refuse(refusal{reason: proof.Reason, kind: haechi.KindAuth, observed: proof.Observed, threshold: proof.Threshold,
			hold: proof.Reason == haechi.ReasonHMACFailed || proof.Reason == haechi.ReasonNoKey}, now)
		return Action{}, false
	}
	if proof.Duplicate {
		m.gate.duplicates.Add(1)
		e := m.event(w, haechi.KindMessage, haechi.Success, now)
		e.Reason = haechi.ReasonDuplicateFrame
		return Action{Op: OpNote, Event: e}, false
	}
	return Action{}, true
}

// readFrame checks the scanned frame: an auth object, a known kind of event, a
// tail only where one may be, and no other identity than the handshake's.
func (m *Machine) readFrame(w *Work, tail []byte) haechi.Reason {
	l, in := m.gate.layout, &m.wait.info
	event := w.scan.Value(l.event)
	switch {
	case w.scan.Value(l.auth).Kind != strictjson.Object:
		return haechi.ReasonAuthMissing
	case event.Kind != strictjson.String:
		return haechi.ReasonMalformed
	}
	name := event.Text(&w.text)
	for i := range l.shapes {
		if s := l.shapes[i].event; s != "" && s == string(name) {
			return haechi.ReasonHandshake // one a connection
		}
	}
	if in.name, in.message, in.answer = l.known(name); in.name == "" {
		in.name = "other"
	}
	if len(tail) > 0 && !(among(l.Tails, in.name) && base64Only(tail)) {
		return haechi.ReasonMalformed
	}
	if !m.same(w, l.sameBot, m.bot) || !m.same(w, l.sameDev, m.serial) {
		return haechi.ReasonIdentity
	}
	if in.answer {
		v := w.scan.Value(l.echo)
		in.own = v.Kind == strictjson.String && string(v.Text(&w.text)) == m.stamp
	}
	if in.message {
		in.room = m.room(w)
	}
	return ""
}

// same reports whether every present value is the text.
func (m *Machine) same(w *Work, slots []int, want string) bool {
	for _, slot := range slots {
		v := w.scan.Value(slot)
		if v.Kind != strictjson.Missing && (v.Kind != strictjson.String || string(v.Text(&w.text)) != want) {
			return false
		}
	}
	return true
}

func (m *Machine) room(w *Work) string {
	for _, slot := range m.gate.layout.room {
		if v := w.scan.Value(slot); v.Kind == strictjson.String && len(v.Raw) > 0 {
			return m.rooms.name(v.Text(&w.text))
		}
	}
	return ""
}

// claim gathers what the device signed.
func (m *Machine) claim(w *Work, body []byte) haechi.Reason {
	l, c := m.gate.layout, &w.claim
	c.Device, c.Session, c.Frame, c.N = m.key, m.session, body, len(l.signed)
	c.Live = m.state == proving
	stamp, sig := w.scan.Value(l.timestamp), w.scan.Value(l.signature)
	switch {
	case sig.Kind != strictjson.String || len(sig.Raw) == 0 || stamp.Kind == strictjson.Missing:
		return haechi.ReasonAuthMissing
	case stamp.Kind != strictjson.Number || !millis(stamp.Raw):
		return haechi.ReasonTimestamp
	}
	c.Timestamp, c.Signature = stamp.Raw, sig.Text(&w.text)
	for i, p := range l.signed {
		v := w.scan.Value(p.slot)
		switch {
		case p.slot == l.timestamp, v.Kind == strictjson.String, v.Kind == strictjson.Missing && p.optional:
		case v.Kind == strictjson.Missing:
			return haechi.ReasonAuthMissing
		default:
			return haechi.ReasonMalformed
		}
		c.Parts[i] = v.Text(&w.text)
		if len(c.Parts[i]) == 0 && !p.optional {
			return haechi.ReasonAuthMissing
		}
		// Unescaped, a|b with c would sign like a with b|c.
		if bytes.IndexByte(c.Parts[i], l.Delimiter) >= 0 {
			return haechi.ReasonMalformed
		}
	}
	return ""
}

// millis accepts exactly 13 digits: any other spelling of the number would sign
// differently in another language.
func millis(b []byte) bool {
	if len(b) != 13 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// base64Only accepts base64 text; so the first JSON value of the line and the last
// closing brace on it are the same to every reader.
func base64Only(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}
