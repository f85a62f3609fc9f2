package logline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// message is a line without what carried it.
type message struct {
	at      time.Time
	program []byte // of a syslog line; nil where there is none
	tag     *tag   // that the program was read from, if it is one that is kept
	text    []byte
}

// unwrap takes off what Docker, CRI and journald put around a line, then a syslog header.
// It begins with the line as text.
func (c *clock) unwrap(m *message) {
	line := m.text
	if c.before.read(line, m) {
		return
	}
	if len(line) > 1 && line[0] == '{' {
		c.wrapped(line, m)
		return
	}
	if at, rest, ok := c.cri(line); ok {
		m.at, m.text = at, rest
	}
	c.syslog(m.text, m)
}

// cri is the form of container runtimes: time, stream, F or P, line.
func (c *clock) cri(b []byte) (at time.Time, rest []byte, ok bool) {
	if len(b) == 0 || b[0] < '0' || b[0] > '9' {
		return at, b, false
	}
	for _, s := range [...]string{" stdout F ", " stderr F "} {
		if i := bytes.Index(b[:min(len(b), 64)], []byte(s)); i > 0 {
			at, err := time.Parse(time.RFC3339Nano, string(b[:i]))
			return at, b[i+len(s):], err == nil
		}
	}
	return at, b, false
}

// wrapped reads the JSON of Docker's log driver and of journald's export.
func (c *clock) wrapped(line []byte, m *message) {
	var w struct {
		Log     *string     `json:"log"`
		Stream  string      `json:"stream"`
		Time    string      `json:"time"`
		Message journalText `json:"MESSAGE"`
		Name    string      `json:"SYSLOG_IDENTIFIER"`
		Micros  string      `json:"__REALTIME_TIMESTAMP"`
	}
	switch {
	case bytes.Contains(line, []byte(`"MESSAGE"`)):
		if json.Unmarshal(line, &w) != nil || w.Message == nil {
			return
		}
		m.program, m.text = []byte(w.Name), w.Message
		if us, err := strconv.ParseInt(w.Micros, 10, 64); err == nil {
			m.at = time.UnixMicro(us)
		}
	case bytes.Contains(line, []byte(`"log":`)) && bytes.Contains(line, []byte(`"stream":`)):
		if json.Unmarshal(line, &w) != nil || w.Log == nil {
			return
		}
		m.text = bytes.TrimRight([]byte(*w.Log), "\r\n")
		m.at, _ = time.Parse(time.RFC3339Nano, w.Time) // without it the line's own counts
		at := m.at
		c.syslog(m.text, m)
		if m.at.IsZero() {
			m.at = at
		}
	}
}

// journalText is a field of journald: a text or, where that is not UTF-8 or cannot be
// printed, its bytes as numbers. Who hides a byte in a name must not hide the line.
type journalText []byte

// UnmarshalJSON implements json.Unmarshaler.
func (t *journalText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		err := json.Unmarshal(b, &s)
		*t = journalText(s)
		return err
	}
	var numbers []uint16
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	for _, n := range numbers {
		if n > 255 {
			return fmt.Errorf("%d is no byte", n)
		}
		*t = append(*t, byte(n))
	}
	return nil
}

// syslog takes a header off: RFC 5424, or RFC 3164 in the forms that are in use.
func (c *clock) syslog(b []byte, m *message) {
	if len(b) > 3 && b[0] == '<' {
		if i := bytes.IndexByte(b[:min(len(b), 6)], '>'); i > 1 {
			b = b[i+1:]
		}
	}
	at, rest, ok := c.stamp(b)
	switch {
	case ok:
		m.at = at
		if rest, ok = c.host.skip(rest); ok {
			c.tagged(rest, m)
			c.before.keep(b, len(b)-len(rest), m)
		} else {
			m.text = nil
		}
		return
	case len(b) > 2 && b[0] == '1' && b[1] == ' ':
		c.rfc5424(b[2:], m)
		return
	}
	if at, rest, ok := c.written(b); ok {
		m.at, m.text = at, rest
		if b[10] == 'T' {
			if _, after, ok := bytes.Cut(rest, []byte(" ")); ok {
				m.text = after
				c.tagged(after, m)
			}
		}
	}
}

// tagged reads "program[pid]: " or "program: ".
func (c *clock) tagged(b []byte, m *message) {
	if c.tags.read(b, m) {
		return
	}
	m.text = b
	end, i := -1, 0 // of the name, and where the colon stands
	for ; i < min(len(b), 80) && b[i] != ':'; i++ {
		switch b[i] {
		case ' ':
			if end < 0 {
				return
			}
		case '[':
			if end < 0 {
				end = i
			}
		}
	}
	if i == 0 || i == min(len(b), 80) {
		return
	}
	name, numbered := b[:i], end > 0 && b[i-1] == ']'
	if numbered {
		name = name[:end]
	} else if end >= 0 && bytes.IndexByte(name, ' ') >= 0 {
		return
	}
	if j := bytes.LastIndexByte(name, '/'); j >= 0 && name[0] != '/' {
		name = name[:j] // postfix/smtpd
	}
	m.program, m.text = name, bytes.TrimPrefix(b[i+1:], []byte(" "))
	if numbered {
		m.tag = c.tags.keep(b, end, len(name))
		c.before.n = 0 // its tag may have made room
	}
}

// rfc5424 reads time, host, program, process, id and structured data.
func (c *clock) rfc5424(b []byte, m *message) {
	var part [5][]byte
	for i := range part {
		var ok bool
		if part[i], b, ok = bytes.Cut(b, []byte(" ")); !ok {
			return
		}
	}
	at, err := time.Parse(time.RFC3339Nano, string(part[0]))
	if err != nil {
		return
	}
	m.at, m.program, m.text = at, part[2], structured(b)
}

// structured cuts structured data off: - or [id name="value"]…
func structured(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte("- ")); ok {
		return bytes.TrimPrefix(rest, []byte("\uFEFF"))
	}
	inside := false
	for i := 0; i < len(b); i++ {
		switch {
		case inside && b[i] == '\\':
			i++
		case b[i] == '"':
			inside = !inside
		case !inside && b[i] == ']' && (i+1 == len(b) || b[i+1] == ' '):
			return b[min(i+2, len(b)):]
		}
	}
	return nil
}
