package logline

import (
	"fmt"

	"haechi"
)

// try judges the examples of a pattern by all patterns, and wants each template met.
func (s *Set) try(p *pattern) {
	met := map[*line]bool{}
	silent := false
	for i := range p.Examples {
		x := &p.Examples[i]
		silent = silent || x.Kind == ""
		if wrong := s.judge(p, x, met); wrong != "" {
			p.from.Fail(fmt.Sprintf("examples[%d]", i), "%s", wrong)
		}
	}
	if len(p.from.Errs) > 0 {
		return
	}
	for i := range p.lines {
		if !met[&p.lines[i]] {
			p.from.Fail(fmt.Sprintf("lines[%d]", i), "no example is met by it; add the line of a log that should be")
		}
	}
	if !silent {
		p.from.Fail("examples", "add one without kind: a line about which nothing must be said, such as one in which a client wrote another address")
	}
}

// judge says what is wrong about an example, "" if nothing is.
func (s *Set) judge(p *pattern, x *example, met map[*line]bool) string {
	var got []haechi.Event
	r := s.New(Config{}, func(e *haechi.Event) { got = append(got, *e) })
	r.Line([]byte(x.Line))
	switch {
	case x.Kind == "" && len(got) > 0:
		return fmt.Sprintf("it should be about nobody and is about %s, by %s", got[0].Addr, got[0].Sensor)
	case x.Kind == "":
		return ""
	case len(got) == 0 && r.stats.Ambiguous > 0:
		return "it can be read in two ways, and so tells nothing"
	case len(got) == 0:
		return "it tells nothing"
	}
	met[r.hit] = true
	return x.differs(&got[0], p.sensor)
}

// differs says in what an event is not what the example says.
func (x *example) differs(e *haechi.Event, sensor string) string {
	for _, f := range []struct{ name, got, want string }{
		{"pattern", e.Sensor, sensor}, {"kind", e.Kind.String(), x.Kind}, {"outcome", e.Outcome.String(), x.Outcome}, {"source", e.Addr.String(), x.Source},
		{"user", e.User, x.User}, {"path", e.Path, x.Path}, {"status", fmt.Sprint(e.Status), fmt.Sprint(x.Status)},
	} {
		if f.got != f.want && (f.name != "outcome" || x.Outcome != "" || e.Outcome != haechi.Unknown) {
			return fmt.Sprintf("%s is %q and should be %q", f.name, f.got, f.want)
		}
	}
	return ""
}
