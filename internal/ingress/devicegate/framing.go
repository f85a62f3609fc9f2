package devicegate

import (
	"bytes"
	"math"
	"time"

	"haechi"
)

// next finds the next frame, as it came. It is in p, or in partial if it came in
// pieces; took is how much of p is used up.
func (m *Machine) next(p []byte, now time.Time) (frame []byte, took int, ok bool) {
	if m.whole {
		return m.partial, 0, true
	}
	var end, skip int
	var fault haechi.Reason
	switch f := &m.gate.layout.Framing; f.Kind {
	case haechi.LengthPrefix:
		end, fault = m.prefixed(f, p)
	case haechi.JSONStream:
		skip, end, fault = m.streamed(p)
	default:
		end, fault = m.lined(p)
	}
	if fault != "" {
		m.overlong(fault, now)
		return nil, 0, false
	}
	switch {
	case end < 0:
		m.partial = append(m.partial, p[skip:]...)
		_ = m.fits(len(m.partial), now) // it is not awaited to its end
		return nil, len(p), false
	case len(m.partial) == 0:
		return p[skip:end], end, true
	}
	m.partial = append(m.partial, p[skip:end]...)
	m.whole = true
	return m.partial, end, true
}

// overlong refuses a frame that is not awaited to its end.
func (m *Machine) overlong(why haechi.Reason, now time.Time) {
	if why == haechi.ReasonOversize {
		// All that is known of its length is that it is more.
		m.oversize(m.gate.cfg.LineIn+1, m.gate.cfg.LineIn, now)
		return
	}
	m.refuse(refusal{reason: why, kind: m.kind()}, now)
}

// oversize refuses a frame for its length.
func (m *Machine) oversize(size, most int, now time.Time) {
	m.gate.oversize.Add(1)
	m.refuse(refusal{reason: haechi.ReasonOversize, kind: m.kind(), observed: float64(size), threshold: float64(most)}, now)
}

// fits asks the registry whether the device may send a frame of that many bytes, and
// refuses if not. Before the handshake nobody knows whose frame it is.
func (m *Machine) fits(size int, now time.Time) bool {
	if m.state == waiting {
		return true
	}
	dev, _ := m.gate.deps.Registry.Lookup(m.key)
	return m.within(&dev, size, now)
}

// within holds a frame to the device's own bound, if it has one.
func (m *Machine) within(dev *haechi.Device, size int, now time.Time) bool {
	if dev.MaxFrame <= 0 || size <= dev.MaxFrame {
		return true
	}
	m.oversize(size, dev.MaxFrame, now)
	return false
}

// tlsHello begins a TLS hello, and no frame.
const tlsHello = 0x16

// lined finds where a line ends in p; -1: later. A TLS hello is not awaited to a line
// end, which it may not have.
func (m *Machine) lined(p []byte) (end int, fault haechi.Reason) {
	if len(m.partial) == 0 && len(p) > 0 && p[0] == tlsHello {
		return 0, haechi.ReasonMalformed
	}
	end = bytes.IndexByte(p, '\n') + 1
	size := len(m.partial) + end
	if end == 0 {
		end, size = -1, len(m.partial)+len(p)+1
	}
	if size > m.gate.cfg.LineIn {
		return 0, haechi.ReasonOversize
	}
	return end, ""
}

// prefixed finds where a frame with a length before it ends in p; -1: later.
func (m *Machine) prefixed(f *haechi.Framing, p []byte) (end int, fault haechi.Reason) {
	var head [4]byte
	have := copy(head[:f.PrefixBytes], m.partial)
	have += copy(head[have:f.PrefixBytes], p)
	if have < f.PrefixBytes {
		return -1, ""
	}
	size := f.PrefixBytes + lengthOf(f, head[:f.PrefixBytes])
	switch end = size - len(m.partial); {
	case size > m.gate.cfg.LineIn || size < 0:
		return 0, haechi.ReasonOversize
	case end > len(p):
		return -1, ""
	}
	return end, ""
}

// nest is how deep within a JSON text a stream stands.
type nest struct {
	depth       uint16
	text, slash bool // within a text, behind a backslash in it
}

// word is the nest as a number, nestAt the reverse.
func (s nest) word() uint32 {
	w := uint32(s.depth) << 2
	if s.text {
		w |= 1
	}
	if s.slash {
		w |= 2
	}
	return w
}

func nestAt(w uint32) nest { return nest{depth: uint16(w >> 2), text: w&1 != 0, slash: w&2 != 0} }

// deepest is more than any valid frame nests.
const deepest = 64

// pass moves over one byte and reports whether it ends the outermost value.
func (s *nest) pass(c byte) (ends bool) {
	switch {
	case s.slash:
		s.slash = false
	case s.text:
		s.slash, s.text = c == '\\', c != '"'
	case c == '"':
		s.text = true
	case (c == '{' || c == '[') && s.depth < math.MaxUint16:
		s.depth++
	case (c == '}' || c == ']') && s.depth > 0:
		s.depth--
		return s.depth == 0
	}
	return false
}

// streamed finds where one object of a stream of them ends in p; -1: later. White
// space before it, skip bytes of p, belongs to no frame.
func (m *Machine) streamed(p []byte) (skip, end int, fault haechi.Reason) {
	if m.nest.depth == 0 {
		for skip < len(p) && (p[skip] == ' ' || p[skip] == '\t' || p[skip] == '\n' || p[skip] == '\r') {
			skip++
		}
		if skip < len(p) && p[skip] != '{' {
			return 0, 0, haechi.ReasonMalformed
		}
	}
	room := m.gate.cfg.LineIn - len(m.partial)
	for i := skip; i < len(p); i++ {
		if i-skip >= room {
			return 0, 0, haechi.ReasonOversize
		}
		if m.nest.pass(p[i]) {
			m.nest = nest{}
			return skip, i + 1, ""
		}
		if m.nest.depth > deepest {
			return 0, 0, haechi.ReasonMalformed
		}
	}
	return skip, -1, ""
}

// content is what a frame says, without its line end or length; lines reports whether
// it is a line.
func (l *layout) content(frame []byte) (body []byte, lines bool) {
	switch l.Framing.Kind {
	case haechi.LengthPrefix:
		return frame[l.Framing.PrefixBytes:], false
	case haechi.JSONStream:
		return frame, false
	}
	return trimEnd(frame), true
}

// trimEnd cuts the line end, LF or CR LF.
func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'})
}
