package devices

import (
	"time"

	"haechi"
)

const (
	clockSpan  = 3 * time.Hour
	clockSpans = 9 // a day and the span under way
)

// clock keeps the extremes of a device's clock skew over about a day.
type clock struct {
	spans [clockSpans]extremes
}

type extremes struct {
	span     int64 // since 1970; meaningless while zero
	min, max time.Duration
}

// clockOf begins with what was stored.
func clockOf(s haechi.ClockSkew) (c clock) {
	if !s.At.IsZero() {
		c.add(&s)
	}
	return c
}

func (c *clock) add(s *haechi.ClockSkew) {
	span := s.At.UnixMilli() / clockSpan.Milliseconds()
	e := &c.spans[span%clockSpans]
	if e.span != span {
		*e = extremes{span, s.Min, s.Max}
		return
	}
	e.min, e.max = min(e.min, s.Min), max(e.max, s.Max)
}

// over adds what was measured since and returns the skew of about the last day.
func (c *clock) over(s haechi.ClockSkew) haechi.ClockSkew {
	c.add(&s)
	now := s.At.UnixMilli() / clockSpan.Milliseconds()
	for _, e := range c.spans {
		if e.span > now-clockSpans && e.span <= now && e.span != 0 {
			s.Min, s.Max = min(s.Min, e.min), max(s.Max, e.max)
		}
	}
	return s
}

// measure takes over what the verifier saw of the device since: its clock, and when
// each key was last used. It reports whether anything is new. The caller holds mu.
func (e *entry) measure(cfg *Config) (fresh bool) {
	if s, ok := cfg.Clock(e.dev.Key); ok {
		e.dev.Skew, fresh = e.clock.over(s), true
	}
	keys := e.dev.Keys
	for i := range keys {
		used := cfg.LastUse(e.dev.Key, keys[i].ID)
		if !used.After(keys[i].LastUse) {
			continue
		}
		if &keys[0] == &e.dev.Keys[0] {
			keys = append([]haechi.KeyInfo(nil), keys...) // others may hold the old ones
		}
		keys[i].LastUse, fresh = used, true
	}
	e.dev.Keys = keys
	return fresh
}
