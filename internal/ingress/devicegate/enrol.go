package devicegate

import (
	"context"
	"net/netip"
	"time"

	"haechi"
)

// Enroller lets devices in that bring an enrolment code.
type Enroller interface {
	// Enrolling are the keys of the codes that a device which is not approved may
	// bring to the service now, none if it may not. It neither blocks nor waits.
	Enrolling(service, device string, from netip.Addr, now time.Time) []haechi.Key
	// Enrol approves a device that signed with the code's key, durably.
	Enrol(ctx context.Context, code string, d haechi.Device) error
}

// enrolling is a device that is not approved and is asked for a proof all the same.
type enrolling struct {
	keys   []haechi.Key // of the codes it may bring, or of the one that it brought
	code   string       // that it proved to have
	device haechi.Device
	turned *refusal // what it gets if it has none; nil once it proved one
}

// mayEnrol reports whether a device that would be turned away is asked for a proof
// first, as an approved one is: it may hold an enrolment code. It is the same ping
// and the same answer, so a phone needs no more than the code in place of its key.
func (m *Machine) mayEnrol(w *Work, turned refusal, now time.Time) bool {
	e := m.gate.deps.Enroller
	if e == nil || !m.gate.layout.enrols() || turned.reason == haechi.ReasonInternal {
		return false
	}
	keys := e.Enrolling(m.gate.cfg.Service, m.key, m.actor.Addr, now)
	if len(keys) == 0 {
		return false
	}
	m.enrol = &enrolling{keys: keys, device: m.device(w, now), turned: &turned}
	return true
}

// enrols reports whether a code can be a key of the profile: it is checked by its
// SHA-256, which stands for it only under HMAC-SHA256 with the key's own bytes.
func (l *layout) enrols() bool {
	s := l.sign.scheme
	return l.Keys == haechi.KeysOfDevice && s.Hash == haechi.SHA256 && s.KeyForm == haechi.KeyText
}

// offered are the keys to try in place of the device's own, nil if none.
func (m *Machine) offered() []haechi.Key {
	if m.enrol == nil {
		return nil
	}
	return m.enrol.keys
}

// brought notes which code the frame was signed with. Later frames have to be as
// well.
func (m *Machine) brought(key string) {
	if m.enrol == nil {
		return
	}
	m.enrol.code, m.enrol.turned = key, nil
	for i := range m.enrol.keys {
		if m.enrol.keys[i].ID == key {
			m.enrol.keys = m.enrol.keys[i : i+1]
			return
		}
	}
}

// instead is the refusal of a device that was asked for a code and did not prove
// one. A phone that waits for its approval signs with the key it has, for hours, and
// that is no attempt to break in; who was unknown until now may have guessed, which
// counts against its address.
func (m *Machine) instead(r refusal) refusal {
	if m.enrol == nil || m.enrol.turned == nil {
		return r
	}
	turned := *m.enrol.turned
	switch r.reason {
	case haechi.ReasonHMACFailed:
		if turned.reason == haechi.ReasonUnauthorized {
			return r
		}
		return turned
	case haechi.ReasonAuthMissing, haechi.ReasonNoKey, haechi.ReasonLiveness:
		return turned
	}
	return r
}

// Enrolment is the code that the device proved to have and that has to let it in
// before anything else is done; false if there is none.
func (m *Machine) Enrolment() (code string, d haechi.Device, ok bool) {
	if m.enrol == nil || m.enrol.code == "" {
		return "", haechi.Device{}, false
	}
	return m.enrol.code, m.enrol.device, true
}

// Enrolled tells how the enrolment went. It comes before Dialed.
func (m *Machine) Enrolled(err error, now time.Time) {
	if m.state != dialing || m.enrol == nil {
		return
	}
	m.enrol = nil
	if err == nil {
		return
	}
	r := refusal{reason: haechi.ReasonInternal, kind: haechi.KindAuth, hold: true, provoked: true}
	if haechi.KindOf(err) == haechi.Conflict { // somebody else used it up, or it has ended
		r.reason, r.provoked = haechi.ReasonUnauthorized, false
	}
	m.refuse(r, now)
}

// enrolled has a device that brought a code let in. False means that it is not.
func (s *session) enrolled() bool {
	m, deps := s.talk.m, &s.gate.deps
	code, d, ok := m.Enrolment()
	if !ok {
		return true
	}
	ctx, done := s.interruptible(s.gate.cfg.DialTimeout)
	defer done()
	err := deps.Enroller.Enrol(ctx, code, d)
	if err != nil {
		deps.Log.Warn("a device with an enrolment code was not let in", "service", s.gate.cfg.Service, "device", d.Key, "code", code, "err", err)
	}
	m.Enrolled(err, deps.Now())
	return err == nil
}

// pinned checks the identity that a proved frame signs against what the device is
// bound to. The first proof of a connection asks the registry, later frames have to
// sign the same.
func (m *Machine) pinned(w *Work, now time.Time) haechi.Reason {
	at := m.gate.layout.sign.scheme.Pin
	if m.gate.cfg.Pin == haechi.PinOff || at < 0 {
		return ""
	}
	id := w.claim.Parts[at]
	if m.pin != nil {
		if string(id) != *m.pin {
			return haechi.ReasonIdentity
		}
		return ""
	}
	text := string(id)
	switch {
	case m.gate.cfg.Pin == haechi.PinEqual && text != m.serial:
		return haechi.ReasonIdentity
	case m.enrol != nil:
		m.enrol.device.UUID = text // bound when it is let in
	case !m.gate.deps.Registry.Pin(m.key, text, now):
		return haechi.ReasonIdentity
	}
	m.pin = &text
	return ""
}
