package logline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"haechi"
)

// MaxLine bounds a line, in bytes. Of a longer one nothing is believed.
const MaxLine = 64 << 10

// Config says how lines are read.
type Config struct {
	// Now is the time by which a missing year is found.
	Now time.Time
	// Zone is that of times without one; nil: UTC.
	Zone *time.Location
	// V6Bits is the prefix that makes an IPv6 client, 64 if 0.
	V6Bits int
}

// Stats counts lines.
type Stats struct {
	// Lines were read, Told made an event.
	Lines, Told uint64
	// Ambiguous lines fit a pattern in two ways, Long ones are over MaxLine.
	Ambiguous, Long uint64
}

// Reader makes events of lines. It is used by one goroutine.
type Reader struct {
	set   *Set
	cfg   Config
	clock clock
	stats Stats
	emit  func(*haechi.Event)
	event haechi.Event
	got   fields
	texts texts
	last  struct { // program, and its patterns
		name string
		all  []*pattern
	}
	hit *line // that was met last

	// Of Zeek's logs: the file whose lines are read, its columns, and those of others.
	file    string
	columns *columns
	heads   map[string]*columns
}

// New returns a reader that tells emit, which must not keep the event.
func (s *Set) New(cfg Config, emit func(*haechi.Event)) *Reader {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	return &Reader{set: s, cfg: cfg, clock: clock{now: cfg.Now, zone: cfg.Zone}, emit: emit}
}

// Now lets the time pass by which a missing year is found; it is also that of a line
// without one, where no line before had one.
func (r *Reader) Now(now time.Time) { r.cfg.Now, r.clock.now = now, now }

// Stats returns the counters.
func (r *Reader) Stats() Stats { return r.stats }

// Read reads all lines of in.
func (r *Reader) Read(ctx context.Context, in io.Reader) error {
	b := bufio.NewReaderSize(in, MaxLine)
	for ctx.Err() == nil {
		line, err := b.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			r.stats.Lines++
			r.stats.Long++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = b.ReadSlice('\n')
			}
		} else if len(line) > 0 {
			r.Line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &haechi.Error{Kind: haechi.Unavailable, Op: "read log", Err: err}
		}
	}
	return ctx.Err()
}

// Line takes one line, with or without its end.
func (r *Reader) Line(line []byte) {
	r.stats.Lines++
	for n := len(line); n > 0 && (line[n-1] == '\n' || line[n-1] == '\r'); n-- {
		line = line[:n-1]
	}
	if len(line) == 0 {
		return
	}
	if z := r.set.zeek; z != nil && r.zeekLine(z, line) {
		return
	}
	m := r.clock.unwrap(line)
	if m.program != nil {
		r.program(&m)
		return
	}
	if len(m.text) > 0 && m.text[0] == '{' {
		r.json(&m)
		return
	}
	if r.set.access != nil {
		if at, ok := r.clock.access(m.text, &r.got); ok {
			r.request(r.set.access, at)
			return
		}
	}
	for _, p := range r.set.plain {
		if !p.excludes(m.text) && r.try(p, &m) {
			return
		}
	}
}

// program tries the patterns of a syslog line's program.
func (r *Reader) program(m *message) {
	all := r.last.all
	if r.last.name != string(m.program) {
		if all = r.set.byProgram[string(m.program)]; len(all) > 0 { // it writes most of such lines
			r.last.name, r.last.all = r.texts.clean(m.program), all
		}
	}
	for _, p := range all {
		if p.excludes(m.text) {
			continue
		}
		switch p.Format {
		case "pairs":
			if r.pairsOf(p, m) {
				return
			}
		default:
			if r.try(p, m) {
				return
			}
		}
	}
}

// try tells of the first template that fits.
func (r *Reader) try(p *pattern, m *message) bool {
	if len(m.text) == 0 {
		return false // a template has text of its own
	}
	first := m.text[0]
	for i := range p.lines {
		l := &p.lines[i]
		if l.first != 0 && l.first != first {
			continue
		}
		switch l.match(m.text, &r.got) {
		case twofold:
			r.stats.Ambiguous++
			return true
		case fits:
			r.tell(p, l, m.at)
			return true
		}
	}
	return false
}

// tell emits what a line means.
func (r *Reader) tell(p *pattern, l *line, at time.Time) {
	r.hit = l
	e := &r.event
	*e = haechi.Event{Kind: l.kind, Outcome: l.outcome}
	r.got.fill(e, r.cfg.V6Bits, &r.texts)
	e.Assurance = haechi.Handshaken
	e.Sensor, e.Protocol, e.Type, e.State = p.sensor, p.Protocol, l.kindOf, l.state
	if l.kind == haechi.KindFlow {
		e.First, e.Assurance = 2, haechi.Seen // a SYN that was logged; anybody can send one
		if e.Transport != haechi.TCP {
			e.First = 0
		}
	}
	r.send(at)
}

// send gives the event its time: that of the line before where the line has none.
func (r *Reader) send(at time.Time) {
	switch {
	case !at.IsZero():
		r.clock.last = at
	case !r.clock.last.IsZero():
		at = r.clock.last
	default:
		at = r.cfg.Now
	}
	r.event.Time = at.UTC()
	r.stats.Told++
	r.emit(&r.event)
}

// request tells of a request, and of the login in it if it carried a name.
func (r *Reader) request(p *pattern, at time.Time) {
	name := r.got.user
	r.tellRequest(p, at)
	if len(name) == 0 || r.event.Status == 0 {
		return
	}
	e := &r.event
	e.Kind, e.Type, e.Outcome = haechi.KindAuth, "basic", haechi.Success
	if e.Status == http.StatusUnauthorized {
		e.Outcome = haechi.Failure
	}
	r.send(at)
}

func (r *Reader) tellRequest(p *pattern, at time.Time) {
	r.hit = &p.lines[0]
	e := &r.event
	*e = haechi.Event{Kind: haechi.KindRequest, Outcome: haechi.Success}
	r.got.fill(e, r.cfg.V6Bits, &r.texts)
	if e.Status >= http.StatusBadRequest {
		e.Outcome = haechi.Failure
	}
	e.Assurance, e.Sensor, e.Protocol, e.Transport = haechi.Handshaken, p.sensor, p.Protocol, haechi.TCP
	r.send(at)
}

// pairsOf reads KEY=value words; of a key that comes twice the first counts, which the
// kernel wrote before anything else.
func (r *Reader) pairsOf(p *pattern, m *message) bool {
	r.got = fields{}
	for name, key := range p.Fields {
		place, _ := placeOf(name)
		v, ok := valueOf(m.text, key)
		if !ok && place != port && place != targetPort || ok && !r.got.set(place, v) {
			return false
		}
	}
	l := &p.lines[0]
	r.tell(p, l, m.at)
	return true
}

func valueOf(b []byte, key string) ([]byte, bool) {
	for {
		i := bytes.Index(b, []byte(key))
		if i < 0 {
			return nil, false
		}
		end := i + len(key)
		if (i == 0 || b[i-1] == ' ') && end < len(b) && b[end] == '=' {
			v := b[end+1:]
			if j := bytes.IndexByte(v, ' '); j >= 0 {
				v = v[:j]
			}
			return v, true
		}
		b = b[end:]
	}
}

func (p *pattern) excludes(text []byte) bool {
	for _, word := range p.Unless {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

// web reports whether a pattern's lines are requests.
func (p *pattern) web() bool {
	return len(p.lines) > 0 && p.lines[0].kind == haechi.KindRequest
}

func pathOnly(uri string) string {
	before, _, _ := strings.Cut(uri, "?")
	return before
}
