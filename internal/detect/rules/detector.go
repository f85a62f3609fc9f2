package rules

import (
	"hash/maphash"
	"slices"
	"time"

	"haechi"
	"haechi/internal/brick/window"
)

// Detector runs rules for the actors of one shard. It belongs to one goroutine.
//
// Its memory for each rule is bounded by the groups it may hold: some 65 bytes
// and on average 16 times of observation each (see package window), and 32 events
// as evidence.
type Detector struct {
	seed   maphash.Seed
	states []*state
	byKind [32][]*state
}

const (
	minKeys  = 1024 // groups that a rule holds at least
	evidence = 5    // events in a finding
	kept     = 32   // events that a rule keeps for that
)

// state is one rule's counting in one shard.
type state struct {
	*rule
	counter      window.Counter
	matcher      *matcher
	recent       [kept]seen
	next         int
	refused, cut uint64 // as reported already
}

// seen is an event that was counted, and for which group.
type seen struct {
	key   uint64
	event haechi.Event
}

func newState(r *rule, keys int) *state {
	s := &state{rule: r, matcher: r.match.matcher()}
	c := window.Config{Window: r.window, Keys: keys, Limit: int(r.threshold)}
	switch {
	case r.agg == aggDistinct:
		s.counter = window.NewDistincts(c)
	case r.agg == aggRatio:
		s.counter = window.NewShares(c)
	case r.agg == aggSum, r.threshold > window.MaxExact:
		s.counter = window.NewSums(c)
	default:
		s.counter = window.NewCounts(c)
	}
	return s
}

func (d *Detector) add(s *state) {
	d.states = append(d.states, s)
	for _, k := range s.kinds {
		d.byKind[k] = append(d.byKind[k], s)
	}
}

// Observe takes one event and appends what the rules found. It keeps nothing of e
// but copies.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if int(e.Kind) >= len(d.byKind) || e.Allowed {
		return out
	}
	for _, s := range d.byKind[e.Kind] {
		out = s.observe(d.seed, e, out)
	}
	return out
}

// Tick forgets groups that have been idle for two windows.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, s := range d.states {
		s.counter.Expire(now.UnixNano() - 2*int64(s.window))
		s.rule.refused.Add(s.counter.Refused() - s.refused)
		s.rule.cut.Add(s.counter.Cut() - s.cut)
		s.refused, s.cut = s.counter.Refused(), s.counter.Cut()
	}
	return out
}

func (s *state) observe(seed maphash.Seed, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	kind := s.subject(e)
	if kind == haechi.ScopeNone || !s.counts(e) {
		return out
	}
	var period uint64
	if s.hours != nil {
		var in bool
		if period, in = s.hours.period(e.Time, e.Service); !in {
			return out
		}
	}
	key, at := s.key(seed, kind, e), e.Time.UnixNano()
	r, ok := s.sample(seed, key, at, e)
	if !ok {
		return out
	}
	s.recent[s.next] = seen{key, *e}
	s.next = (s.next + 1) % kept
	if r.Value <= s.threshold || r.Total < float64(s.min) || !s.due(r.Memo(), at, period) {
		return out
	}
	s.fired.Add(1)
	return append(out, s.finding(key, kind, e, r))
}

// counts reports whether the rule is about the event.
func (s *state) counts(e *haechi.Event) bool {
	if !slices.Contains(s.kinds, e.Kind) || !s.anyOutcome && e.Outcome != s.outcome {
		return false
	}
	ok, err := s.matcher.match(e)
	if err != nil {
		s.errors.Add(1)
	}
	return ok && err == nil
}

// sample puts the event into the window.
func (s *state) sample(seed maphash.Seed, key uint64, at int64, e *haechi.Event) (window.Reading, bool) {
	n := window.Sample{N: e.N()}
	switch s.agg {
	case aggCount:
		n.Value = 1 // for a threshold that is so high that it is a sum
	case aggSum:
		n = window.Sample{N: 1, Value: uint64(max(0, *s.field.size(e)))} // the amount of a coalesced event is of all
	case aggRatio:
		if e.Outcome == haechi.Failure {
			n.Value = n.N
		}
	default:
		text := *s.field.text(e)
		if text == "" {
			return window.Reading{}, false
		}
		n = window.Sample{N: 1, Value: maphash.String(seed, text)}
		if s.agg == aggChanges {
			return s.change(key, at, n.Value)
		}
	}
	return s.counter.Add(key, at, n)
}

// change counts one if the group's value is another than the time before; its first
// value is no change.
func (s *state) change(key uint64, at int64, value uint64) (window.Reading, bool) {
	r, ok := s.counter.Add(key, at, window.Sample{})
	if !ok {
		return r, false
	}
	m := r.Memo()
	before := m.Value
	m.Value = value | 1 // never 0, which means none
	if before == 0 || before == value|1 {
		return r, true
	}
	return s.counter.Add(key, at, window.Sample{N: 1})
}

// due reports whether a finding may be made now, and notes that it was: once a
// cooldown, or once a period for rules with hours.
func (s *state) due(m *window.Memo, at int64, period uint64) bool {
	if s.hours != nil {
		if m.Time == int64(period) {
			return false
		}
		m.Time = int64(period)
		return true
	}
	if m.Time != 0 && at-m.Time < int64(s.cooldown) {
		return false
	}
	m.Time = at
	return true
}
