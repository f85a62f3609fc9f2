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
	event haechi.Event // of lines that say what they mean by names
	got   fields
	texts texts
	plans map[string]*plan // by program, once one has written
	plain *plan            // of lines that name none
	hit   *line            // that was met last

	message message // the line that is being read
	skips   bool    // the rest of a line that is too long

	// Of Zeek's logs: the file whose lines are read, its columns, and those of others.
	file    string
	columns *columns
	heads   map[string]*columns
}

// New returns a reader that tells emit, which must not keep the event, nor change what it
// says but for its times.
func (s *Set) New(cfg Config, emit func(*haechi.Event)) *Reader {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	return &Reader{set: s, cfg: cfg, clock: clock{now: cfg.Now, zone: cfg.Zone}, emit: emit, plans: map[string]*plan{}}
}

// Now lets the time pass by which a missing year is found; it is also that of a line
// without one, where no line before had one.
func (r *Reader) Now(now time.Time) { r.cfg.Now = now; r.clock.setNow(now) }

// Stats returns the counters.
func (r *Reader) Stats() Stats { return r.stats }

// readAhead is how much is read at once, in bytes.
const readAhead = 2 * MaxLine

// Read reads all lines of in.
func (r *Reader) Read(ctx context.Context, in io.Reader) error {
	b := bufio.NewReaderSize(in, readAhead)
	r.skips = false
	for want := 1; ctx.Err() == nil; {
		_, err := b.Peek(want) // reads if there is less
		all, _ := b.Peek(b.Buffered())
		rest := r.whole(all)
		if len(rest) >= MaxLine {
			r.long()
			r.skips, rest = true, nil
		}
		if err == nil {
			_, _ = b.Discard(len(all) - len(rest)) // they are there
			want = len(rest) + 1
			continue
		}
		if len(rest) > 0 && !r.skips {
			r.Line(rest)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return &haechi.Error{Kind: haechi.Unavailable, Op: "read log", Err: err}
	}
	return ctx.Err()
}

// whole takes the lines of b, and returns the beginning of one at its end.
func (r *Reader) whole(b []byte) (rest []byte) {
	for {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			return b
		}
		switch {
		case r.skips:
			r.skips = false
		case n > MaxLine:
			r.long()
		default:
			r.Line(b[:n])
		}
		b = b[n:]
	}
}

// long counts a line that is not looked at; of one that goes on, the rest is skipped.
func (r *Reader) long() {
	if !r.skips {
		r.stats.Lines++
		r.stats.Long++
	}
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
	if z := r.set.zeek; z != nil && (line[0] == '#' || r.columns != nil) && r.zeekLine(z, line) {
		return
	}
	m := &r.message
	*m = message{text: line}
	r.clock.unwrap(m)
	if m.program != nil {
		r.program(m)
		return
	}
	r.bare(m)
}

// bare takes a line that names no program.
func (r *Reader) bare(m *message) {
	if len(m.text) > 0 && m.text[0] == '{' {
		r.json(m)
		return
	}
	if r.set.access != nil {
		if at, ok := r.clock.access(m.text, &r.got); ok {
			r.request(r.set.access, at)
			return
		}
	}
	if r.plain == nil {
		r.plain = newPlan(r.set.plain)
	}
	r.follow(r.plain, m)
}

// program tries the patterns of a syslog line's program.
func (r *Reader) program(m *message) {
	t := m.tag
	if t == nil || !t.asked {
		pl := r.planOf(m.program)
		if t == nil {
			if pl != nil {
				r.follow(pl, m)
			}
			return
		}
		t.plan, t.asked = pl, true
	}
	if t.plan != nil {
		r.follow(t.plan, m)
	}
}

// planOf is that of a program, nil where no pattern is about it.
func (r *Reader) planOf(program []byte) *plan {
	pl := r.plans[string(program)]
	if pl == nil {
		if all := r.set.byProgram[string(program)]; len(all) > 0 {
			pl = newPlan(all)
			r.plans[string(program)] = pl
		}
	}
	return pl
}

// begin makes an event that says what a line of a pattern means, whatever stands in its
// places.
func (l *line) begin(p *pattern, e *haechi.Event) {
	*e = haechi.Event{Kind: l.kind, Outcome: l.outcome}
	e.Assurance = haechi.Handshaken
	e.Sensor, e.Protocol, e.Type, e.State = p.sensor, p.Protocol, l.kindOf, l.state
}

// opened says of a flow that it began with a SYN that was logged; anybody can send one.
func opened(e *haechi.Event) {
	if e.Kind != haechi.KindFlow {
		return
	}
	e.First, e.Assurance = 2, haechi.Seen
	if e.Transport != haechi.TCP {
		e.First = 0
	}
}

// tell emits what a line means of which all is in got.
func (r *Reader) tell(p *pattern, l *line, at time.Time) {
	r.hit = l
	l.begin(p, &r.event)
	r.got.fill(&r.event, r.cfg.V6Bits, &r.texts)
	opened(&r.event)
	r.send(&r.event, at)
}

// send gives the event its time: that of the line before where the line has none.
func (r *Reader) send(e *haechi.Event, at time.Time) {
	switch {
	case !at.IsZero():
		r.clock.last = at
	case !r.clock.last.IsZero():
		at = r.clock.last
	default:
		at = r.cfg.Now
	}
	e.Time = at.UTC()
	r.stats.Told++
	r.emit(e)
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
	r.send(e, at)
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
	r.send(e, at)
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
