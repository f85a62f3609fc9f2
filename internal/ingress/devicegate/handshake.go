package devicegate

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// greet takes a line before the handshake: the handshake itself, or an early
// frame that is kept.
func (m *Machine) greet(w *Work, line, body []byte, now time.Time) Action {
	if m.wait.active {
		return m.welcome(w, now)
	}
	m.wait = wait{}
	end, fault := w.scan.Scan(body)
	if fault != strictjson.OK {
		m.refuse(m.faulty(fault), now)
		return Action{}
	}
	sh, reason := m.gate.layout.shape(w)
	switch {
	case reason != "":
		m.refuse(refusal{reason: reason, kind: haechi.KindHandshake}, now)
	case sh == nil:
		m.keep(w, line, now)
	case end != len(body) || !m.identity(w, sh):
		m.refuse(refusal{reason: haechi.ReasonHandshake, kind: haechi.KindHandshake}, now)
	default:
		return m.admit(w, line, body, now)
	}
	return Action{}
}

// shape tells a handshake from another frame, which has none. What is neither,
// or could be read as two handshakes, has a reason to be refused.
func (l *layout) shape(w *Work) (*shape, haechi.Reason) {
	for i := range l.shapes {
		sh := &l.shapes[i]
		if !sh.fits(w) {
			continue
		}
		for _, slot := range sh.foreign {
			if w.at(slot).Kind != strictjson.Missing {
				return nil, haechi.ReasonHandshake
			}
		}
		return sh, ""
	}
	switch {
	case w.at(l.event).Kind != strictjson.String:
		return nil, haechi.ReasonHandshake
	case w.at(l.auth).Kind != l.authKind && !l.isExempt(w):
		return nil, haechi.ReasonAuthMissing
	}
	return nil, ""
}

// keep stores an early frame.
func (m *Machine) keep(w *Work, line []byte, now time.Time) {
	c := &m.gate.cfg
	if len(m.early.ends) == 0 && m.state == waiting {
		if d := now.Add(c.EarlyWait); d.Before(m.deadline) {
			m.deadline = d
		}
	}
	if !m.early.add(line, c.EarlyLines, c.EarlyBytes) {
		m.gate.earlyFull.Add(1)
		m.refuse(refusal{reason: haechi.ReasonEarlyOverflow, kind: haechi.KindHandshake,
			observed: float64(len(m.early.ends) + 1), threshold: float64(c.EarlyLines)}, now)
	}
}

// identity takes the identity from a handshake whose fields are all in bounds.
func (m *Machine) identity(w *Work, sh *shape) bool {
	for _, f := range sh.fields {
		v := w.at(f.slot)
		if v.Kind == strictjson.Missing && !f.required {
			continue
		}
		text := v.Text(&w.text)
		if v.Kind != strictjson.String || f.required && len(text) == 0 || utf8.RuneCount(text) > f.max || !plain(text) ||
			f.pattern != nil && !f.pattern.Match(text) {
			return false
		}
	}
	bot, id := w.at(sh.bot).Text(&w.text), w.at(sh.device).Text(&w.text)
	if sh.literal != "" {
		bot = []byte(sh.literal)
	}
	if bytes.IndexByte(id, '/') >= 0 {
		return false
	}
	for i := range m.gate.layout.sign.scheme.Strings {
		if s := &m.gate.layout.sign.scheme.Strings[i]; i == 0 && (!s.Takes(bot) || !s.Takes(id)) {
			return false
		}
	}
	m.bot, m.serial = string(bot), string(id)
	m.key = haechi.DeviceKey(m.bot, m.serial)
	m.version = string(w.at(sh.version).Text(&w.text))
	return true
}

// plain reports whether the text has no control characters.
func plain(text []byte) bool {
	return bytes.IndexFunc(text, unicode.IsControl) < 0
}

// admit asks the registry about the device that shook hands. Only an approved one
// is sent a ping; anybody can claim to be it, so nothing else happens yet.
//
// Where the handshake is signed, it is verified first; where nothing is sent, its
// signature is the proof.
func (m *Machine) admit(w *Work, line, body []byte, now time.Time) Action {
	m.actor.Device = m.key
	if reason := m.unapproved(w, now); reason != "" {
		turned := refusal{reason: reason, kind: haechi.KindHandshake, hold: true}
		if !m.mayEnrol(w, turned, now) {
			m.refuse(turned, now)
			return Action{}
		}
	}
	l := m.gate.layout
	if l.Auth.Handshake {
		if a, ok := m.verifyHello(w, body, now); !ok {
			return a
		}
	}
	m.hello = bytes.Clone(line)
	if len(l.ping) == 0 {
		return m.welcome(w, now)
	}
	m.state = proving
	m.deadline = now.Add(m.gate.cfg.ProofTimeout)
	m.ping(now)
	return Action{Op: OpSend, Bytes: m.out, Event: m.event(w, haechi.KindHandshake, haechi.Success, now)}
}

// unapproved is why the device that shook hands may not converse, empty if it may.
// One that is unknown is registered, and one that waits came back.
func (m *Machine) unapproved(w *Work, now time.Time) haechi.Reason {
	dev, known := m.gate.deps.Registry.Lookup(m.key)
	if !known || dev.Status == haechi.Pending {
		var err error
		dev, err = m.gate.deps.Registry.Register(m.device(w, now), now)
		if err != nil {
			// Anybody can bring this about: the event tells of it, bounded.
			m.gate.deps.Log.Debug("device not registered", "service", m.gate.cfg.Service, "device", m.key, "err", err)
			if haechi.KindOf(err) == haechi.Exhausted {
				return haechi.ReasonPendingFull
			}
			return haechi.ReasonInternal
		}
	}
	switch m.status = dev.Status; {
	case dev.Status == haechi.Approved:
		m.adopt(dev.Key)
		return ""
	case known && dev.Status == haechi.Pending:
		// A phone that waits for its approval comes back for hours; that is no
		// attempt to break in. The first registration is one, so that inventing
		// devices stays countable.
		return haechi.ReasonPending
	}
	return haechi.ReasonUnauthorized
}

// adopt takes the registry's copy of the device's names in place of its own, which would
// be held as long as the connection.
func (m *Machine) adopt(key string) {
	if bot, serial, ok := split(key, len(m.bot)); ok && key == m.key {
		m.key, m.bot, m.serial, m.actor.Device = key, bot, serial, key
	}
}

// device is the registration of the device that shook hands.
func (m *Machine) device(w *Work, now time.Time) haechi.Device {
	d := haechi.Device{Key: m.key, Bot: m.bot, Serial: m.serial, Service: m.gate.cfg.Service, Status: haechi.Pending,
		Version: m.version, FirstSeen: now, LastSeen: now}
	if m.actor.Addr.IsValid() {
		d.Addr = m.actor.Addr.String()
	}
	for i := range m.gate.layout.shapes {
		if v := w.at(m.gate.layout.shapes[i].client); v.Kind == strictjson.String {
			d.ClientType = string(v.Text(&w.text))
		}
	}
	return d
}

// verifyHello checks the signature of a handshake. Only its event's name is known of
// it, which is the profile's own.
func (m *Machine) verifyHello(w *Work, body []byte, now time.Time) (Action, bool) {
	l := m.gate.layout
	m.wait.info = frameInfo{name: "handshake", size: len(body)}
	reason := haechi.Reason("")
	switch {
	case w.at(l.auth).Kind != l.authKind:
		reason = haechi.ReasonAuthMissing
	case !m.same(w, l.sameBot, m.bot) || !m.same(w, l.sameDev, m.serial) || !w.readsAll(l.require):
		reason = haechi.ReasonIdentity
	}
	if reason != "" {
		m.refuse(refusal{reason: reason, kind: haechi.KindAuth}, now)
		return Action{}, false
	}
	return m.proven(w, body, nil, len(l.ping) == 0, now)
}

// ping makes the gate's own ping. What an answer has to return of it is kept.
func (m *Machine) ping(now time.Time) {
	l := m.gate.layout
	live := &l.Live
	stamp := live.StampUnit.Moment(now, live.StampLayout, live.StampOffset)
	nonce := ""
	echo := stamp
	if live.EchoNonce {
		var raw [16]byte
		rand.Read(raw[:]) // never fails: the program ends if the system has no randomness
		nonce = hex.EncodeToString(raw[:])
		echo = nonce
	}
	m.stamp = m.gate.mark([]byte(echo))
	m.out = l.frame(l.ping, m.bot, m.serial, stamp, nonce)
}
