package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/yamlfile"
)

// example is a sequence of events whose steps are known to be right. It is kept as its
// steps: unrolled, the examples of the shipped rules are 12 MB that nobody needs while
// the gateway runs.
type example struct {
	name     string
	start    time.Time
	steps    []rawEvent
	findings int // exactly so many; 0: at least one
}

// events unrolls the steps anew.
func (x *example) events() (out []haechi.Event) {
	c := compiler{source: &source{File: new(yamlfile.File)}}
	c.sequence(x.name, x.start, x.steps, func(s *rawEvent, n int, at time.Time) error {
		e, err := s.event(n)
		if err == nil {
			e.Time = at
			out = append(out, e)
		}
		return err
	})
	return out
}

// maxExample bounds the events of one example.
const maxExample = 20_000

// noon is when examples start that do not say when.
func noon() time.Time { return time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC) }

func (c *compiler) examples() {
	ex := &c.raw.Examples
	c.r.mustFire = c.exampleList("examples.must_fire", ex.MustFire)
	c.r.mustNotFire = c.exampleList("examples.must_not_fire", ex.MustNotFire)
}

func (c *compiler) exampleList(field string, raw []rawExample) (out []example) {
	if len(raw) == 0 {
		c.Fail(field, "at least one is required")
	}
	for i := range raw {
		x := &raw[i]
		at := fmt.Sprintf("%s[%d]", field, i)
		if x.Name == "" {
			c.Fail(at, "an example needs a name")
		}
		start := noon()
		if x.Start != "" {
			t, err := time.Parse(time.RFC3339, x.Start)
			if err != nil {
				c.Fail(at+".start", "%q is no time such as 2026-01-05T12:00:00+09:00", x.Start)
			}
			start = t.UTC()
		}
		c.sequence(at, start, x.Events, outermost)
		out = append(out, example{name: x.Name, findings: x.Findings, start: start, steps: x.Events})
	}
	return out
}

// outermost finds what is wrong with a step in its first and its last repetition, where
// all of it shows: a number that grows makes an address wrong, never right again. To make
// all events of the shipped examples would take most of the time of loading.
func outermost(s *rawEvent, n int, _ time.Time) error {
	if n > 0 && n < s.Repeat-1 {
		return nil
	}
	_, err := s.event(n)
	return err
}

// sequence visits the repetitions of all steps, in the order of their times, up to the
// first of which visit says that it is wrong.
func (c *compiler) sequence(field string, start time.Time, steps []rawEvent, visit func(s *rawEvent, n int, at time.Time) error) {
	now, count := start, 0
	for i := range steps {
		s, at := &steps[i], fmt.Sprintf("%s.events[%d]", field, i)
		every := time.Duration(0)
		if s.Every != "" {
			every = c.duration(at+".every", s.Every, 0, maxWindow)
		}
		if s.At != "" {
			next := start.Add(c.duration(at+".at", s.At, 0, 7*maxWindow))
			if next.Before(now) {
				c.Fail(at+".at", "%s lies before the event before", s.At)
			}
			now = next
		}
		for n := range max(1, s.Repeat) {
			if count++; count > maxExample {
				c.Fail(at, "more than %d events", maxExample)
				return
			}
			if n > 0 {
				now = now.Add(every)
			}
			if err := visit(s, n, now); err != nil {
				c.Fail(at, "%v", err)
				return
			}
		}
		now = now.Add(every)
	}
}

// event makes the n-th repetition.
func (s *rawEvent) event(n int) (haechi.Event, error) {
	number := strconv.Itoa(n)
	text := func(t string) string { return strings.ReplaceAll(t, "{i}", number) }
	or := func(t, def string) string {
		if t == "" {
			return def
		}
		return text(t)
	}
	e := haechi.Event{
		Service: or(s.Service, "service"), Reason: haechi.Reason(s.Reason), Rule: s.Rule, Count: s.Count,
		Room: text(s.Room), Frame: s.Frame, Method: s.Method, Host: text(s.Host), Path: text(s.Path),
		Class: s.Class, UserAgent: text(s.UserAgent), Status: s.Status, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Provoked: s.Provoked, Shadow: s.Shadow,
		Actor: haechi.Actor{Device: text(s.Device), User: text(s.User), Allowed: s.Allowed},
		Flow:  haechi.Flow{Name: text(s.Name), Type: s.Type, Protocol: s.Protocol},
	}
	addr, err := netip.ParseAddr(or(s.Client, "203.0.113.7"))
	if err != nil {
		return e, fmt.Errorf("client: %w", err)
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	e.Addr, e.Client = addr, netip.PrefixFrom(addr, bits).Masked()
	if err := e.Kind.UnmarshalText([]byte(s.Kind)); err != nil {
		return e, fmt.Errorf("kind: %w", err)
	}
	if err := e.Outcome.UnmarshalText([]byte(or(s.Outcome, haechi.Unknown.String()))); err != nil {
		return e, fmt.Errorf("outcome: %w", err)
	}
	if err := e.Assurance.UnmarshalText([]byte(or(s.Assurance, haechi.Handshaken.String()))); err != nil {
		return e, fmt.Errorf("assurance: %w", err)
	}
	return e, nil
}

// Check runs every rule against its own examples, and its threshold at N-1, N and
// N+1 and at the edge of the window. All that is wrong comes as one error. Run it
// on rules without overrides: examples are written for the shipped numbers.
func (s *Set) Check() error {
	var wrong []string
	for _, r := range s.rules {
		if r.named != nil {
			continue // tried beside the detector
		}
		for i := range r.mustFire {
			x := &r.mustFire[i]
			if got := r.play(x.events()); got == 0 || x.findings != 0 && got != x.findings {
				wrong = append(wrong, fmt.Sprintf("%s: must fire: %s: %d findings, want %s", r.id, x.name, got, atLeast(x.findings)))
			}
		}
		for i := range r.mustNotFire {
			x := &r.mustNotFire[i]
			if got := r.play(x.events()); got != 0 {
				wrong = append(wrong, fmt.Sprintf("%s: must not fire: %s: %d findings", r.id, x.name, got))
			}
		}
		wrong = append(wrong, r.boundaries()...)
	}
	if len(wrong) == 0 {
		return nil
	}
	return &haechi.Error{Kind: haechi.Invalid, Op: "check rules", Msg: strings.Join(wrong, "\n")}
}

func atLeast(n int) string {
	if n == 0 {
		return "at least 1"
	}
	return strconv.Itoa(n)
}

// play runs events through the rule alone, whatever its mode, and counts findings.
func (r *rule) play(events []haechi.Event) int {
	d := r.alone()
	var out []haechi.Finding
	for i := range events {
		out = d.Observe(&events[i], out)
	}
	return len(out)
}

// alone is a detector of a copy of the rule, so that its counters stay untouched.
func (r *rule) alone() *Detector {
	one := Set{rules: []*rule{r.fresh()}, keys: minKeys}
	return one.detector(1, func(*rule) bool { return true })
}
