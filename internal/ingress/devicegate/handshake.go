package devicegate

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// greet takes a line before the handshake: the handshake itself, or an early
// frame that is kept.
func (m *Machine) greet(w *Work, line, body []byte, now time.Time) Action {
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
		return m.admit(w, line, now)
	}
	return Action{}
}

// shape tells a handshake from another frame, which has none. What is neither,
// or could be read as two handshakes, has a reason to be refused.
func (l *layout) shape(w *Work) (*shape, haechi.Reason) {
	event := w.scan.Value(l.event)
	for i := range l.shapes {
		sh := &l.shapes[i]
		if sh.event == "" {
			if event.Kind != strictjson.Missing || w.scan.Value(sh.bot).Kind == strictjson.Missing {
				continue
			}
		} else if event.Kind != strictjson.String || string(event.Text(&w.text)) != sh.event {
			continue
		}
		for _, slot := range sh.foreign {
			if w.scan.Value(slot).Kind != strictjson.Missing {
				return nil, haechi.ReasonHandshake
			}
		}
		return sh, ""
	}
	switch {
	case event.Kind != strictjson.String:
		return nil, haechi.ReasonHandshake
	case w.scan.Value(l.auth).Kind != strictjson.Object:
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
		v := w.scan.Value(f.slot)
		if v.Kind == strictjson.Missing && !f.required {
			continue
		}
		text := v.Text(&w.text)
		if v.Kind != strictjson.String || f.required && len(text) == 0 || utf8.RuneCount(text) > f.max || !plain(text) {
			return false
		}
	}
	bot, id := w.scan.Value(sh.bot).Text(&w.text), w.scan.Value(sh.device).Text(&w.text)
	d := m.gate.layout.Delimiter
	if bytes.IndexByte(bot, d) >= 0 || bytes.IndexByte(id, d) >= 0 || bytes.IndexByte(id, '/') >= 0 {
		return false
	}
	m.bot, m.serial = string(bot), string(id)
	m.key = haechi.DeviceKey(m.bot, m.serial)
	m.version = string(w.scan.Value(sh.version).Text(&w.text))
	return true
}

// plain reports whether the text has no control characters.
func plain(text []byte) bool {
	return bytes.IndexFunc(text, unicode.IsControl) < 0
}

// admit asks the registry about the device that shook hands. Only an approved one
// is sent a ping; anybody can claim to be it, so nothing else happens yet.
func (m *Machine) admit(w *Work, line []byte, now time.Time) Action {
	m.actor.Device = m.key
	dev, known := m.gate.deps.Registry.Lookup(m.key)
	if !known {
		var err error
		dev, err = m.gate.deps.Registry.Register(m.device(w, now), now)
		if err != nil {
			reason := haechi.ReasonInternal
			if haechi.KindOf(err) == haechi.Exhausted {
				reason = haechi.ReasonPendingFull
			}
			// Anybody can bring this about: the event tells of it, bounded.
			m.gate.deps.Log.Debug("device not registered", "service", m.gate.cfg.Service, "device", m.key, "err", err)
			m.refuse(refusal{reason: reason, kind: haechi.KindHandshake, hold: true}, now)
			return Action{}
		}
	}
	m.status = dev.Status
	if dev.Status != haechi.Approved {
		// A phone that waits for its approval comes back for hours; that is no
		// attempt to break in. The first registration is one, so that inventing
		// devices stays countable.
		reason := haechi.ReasonUnauthorized
		if known && dev.Status == haechi.Pending {
			reason = haechi.ReasonPending
		}
		m.refuse(refusal{reason: reason, kind: haechi.KindHandshake, hold: true}, now)
		return Action{}
	}
	m.hello = bytes.Clone(line)
	m.state = proving
	m.deadline = now.Add(m.gate.cfg.ProofTimeout)
	m.ping(now)
	return Action{Op: OpSend, Bytes: m.out, Event: m.event(w, haechi.KindHandshake, haechi.Success, now)}
}

// device is the registration of the device that shook hands.
func (m *Machine) device(w *Work, now time.Time) haechi.Device {
	d := haechi.Device{Key: m.key, Bot: m.bot, Serial: m.serial, Service: m.gate.cfg.Service, Status: haechi.Pending,
		Version: m.version, FirstSeen: now, LastSeen: now}
	if m.actor.Addr.IsValid() {
		d.Addr = m.actor.Addr.String()
	}
	for i := range m.gate.layout.shapes {
		if c := m.gate.layout.shapes[i].client; c >= 0 && w.scan.Value(c).Kind == strictjson.String {
			d.ClientType = string(w.scan.Value(c).Text(&w.text))
		}
	}
	return d
}

type pingFrame struct {
	Event string   `json:"event"`
	Data  pingData `json:"data"`
}

type pingData struct {
	Bot     string `json:"bot_name"`
	Channel string `json:"channel_id"`
	Room    string `json:"room"`
	User    string `json:"user_hash"`
	Stamp   string `json:"server_timestamp"`
	Text    string `json:"text"`
}

// ping makes the gate's own ping, in the form of the server's: its timestamp is a
// text in Korean time.
func (m *Machine) ping(now time.Time) {
	m.stamp = now.In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02 15:04:05.000")
	m.send(pingFrame{"ping", pingData{m.bot, "ping", "PING", "system", m.stamp, ""}})
}

// send puts a frame of the gate's own into out. Marshalling cannot fail: the
// frames hold texts only.
func (m *Machine) send(frame any) {
	b, _ := json.Marshal(frame)
	m.out = append(b, '\n')
}
