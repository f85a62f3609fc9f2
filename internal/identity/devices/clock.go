package devices

import (
	"math"
	"time"

	"haechi"
)

const (
	clockSpan  = 3 * time.Hour
	clockSpans = 9 // a day and the span under way
)

// clock keeps the extremes of a device's clock skew over about a day. There is one for
// every device, so it is as small as what is measured allows.
type clock struct {
	spans [clockSpans]extremes
}

type extremes struct {
	span     int32 // since 1970; meaningless while zero
	min, max int32 // milliseconds, as the signatures are
}

// millis is a skew in milliseconds; more than 24 days are taken for 24.
func millis(d time.Duration) int32 {
	return int32(min(max(d.Milliseconds(), math.MinInt32), math.MaxInt32))
}

func spanOf(s *haechi.ClockSkew) int32 { return int32(s.At.UnixMilli() / clockSpan.Milliseconds()) }

// clockOf begins with what was stored.
func clockOf(s haechi.ClockSkew) (c clock) {
	if !s.At.IsZero() {
		c.add(&s)
	}
	return c
}

func (c *clock) add(s *haechi.ClockSkew) {
	span := max(spanOf(s), 0) // nothing was signed before 1970
	e := &c.spans[span%clockSpans]
	if e.span != span {
		*e = extremes{span, millis(s.Min), millis(s.Max)}
		return
	}
	e.min, e.max = min(e.min, millis(s.Min)), max(e.max, millis(s.Max))
}

// over adds what was measured since and returns the skew of about the last day.
func (c *clock) over(s haechi.ClockSkew) haechi.ClockSkew {
	c.add(&s)
	now := spanOf(&s)
	for _, e := range c.spans {
		if e.span > now-clockSpans && e.span <= now && e.span != 0 {
			s.Min, s.Max = min(s.Min, time.Duration(e.min)*time.Millisecond), max(s.Max, time.Duration(e.max)*time.Millisecond)
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
