package ratelimit

import (
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
)

// limit is a Limit at work.
type limit struct {
	rule   string
	shadow bool
	rates  []gcra.Rate
	table  *gcra.Table
}

// newLimit returns nil for a limit that is off.
func newLimit(rule string, l Limit, capacity int) *limit {
	if l.Mode == haechi.Off || len(l.Rates) == 0 {
		return nil
	}
	rates := l.Rates[:min(len(l.Rates), gcra.MaxWindows)]
	return &limit{
		rule: rule, shadow: l.Mode == haechi.Shadow, rates: rates,
		table: gcra.New(gcra.Config{Windows: rates, Capacity: capacity}),
	}
}

// judge charges one call of the key. The verdict passes, asks for a pause of at
// most maxWait, or denies. scope, for the reference, is only called on the last two.
func (l *limit) judge(key uint64, at moment, maxWait time.Duration, scope func() string) haechi.Verdict {
	if l.shadow {
		maxWait = 0 // nobody waits in shadow, so nothing is charged ahead
	}
	r := l.table.Reserve(key, at.mono, 1, maxWait)
	if r.OK && r.RetryAfter == 0 {
		return haechi.Verdict{}
	}
	rate := l.rates[r.Window]
	v := haechi.Verdict{
		Action: haechi.Deny, Delay: r.RetryAfter, Shadow: l.shadow,
		Reason: haechi.ReasonRateLimit, Detail: "Rate limit exceeded: " + period(rate.Per), Rule: l.rule,
		Ref:      haechi.NewReference(l.rule, scope(), at.wall),
		Observed: r.Used, Threshold: float64(burst(rate)), Window: rate.Per,
	}
	if r.OK {
		v.Action = haechi.Throttle // and the message is among those used
		return v
	}
	v.Observed++ // the call that was refused
	return v
}

// burst is how many the window admits at once.
func burst(r gcra.Rate) int {
	if r.Burst > 0 {
		return r.Burst
	}
	return r.Events
}

// period names a window as row A11 does.
func period(per time.Duration) string {
	switch per {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case 24 * time.Hour:
		return "day"
	}
	return per.String()
}
