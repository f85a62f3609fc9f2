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
	unit   float64 // what one event stands for
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
		rule: rule, shadow: l.Mode == haechi.Shadow, unit: 1, rates: rates,
		table: gcra.New(gcra.Config{Windows: rates, Capacity: capacity}),
	}
}

// Unit is what bytes are counted in.
const Unit = 1 << 10

// newBytes returns a limit of bytes a second, nil for none.
func newBytes(rule string, perSecond int64, mode haechi.Mode, capacity int) *limit {
	if perSecond <= 0 {
		return nil
	}
	l := newLimit(rule, Limit{Mode: mode, Rates: []gcra.Rate{{Events: int((perSecond + Unit - 1) / Unit), Per: time.Second}}}, capacity)
	if l != nil {
		l.unit = Unit
	}
	return l
}

// judge charges one call of the key, of so many events. The verdict passes, asks for a pause of at
// most maxWait, or denies. scope, for the reference, is only called on the last two.
func (l *limit) judge(key uint64, at moment, cost uint32, maxWait time.Duration, scope func() string) haechi.Verdict {
	if l.shadow {
		maxWait = 0 // nobody waits in shadow, so nothing is charged ahead
	}
	r := l.table.Reserve(key, at.mono, cost, maxWait)
	if r.OK && r.RetryAfter == 0 {
		return haechi.Verdict{}
	}
	rate := l.rates[r.Window]
	v := haechi.Verdict{
		Action: haechi.Deny, Delay: r.RetryAfter, Shadow: l.shadow,
		Reason: haechi.ReasonRateLimit, Detail: "Rate limit exceeded: " + period(rate.Per), Rule: l.rule,
		Ref:      haechi.NewReference(l.rule, scope(), at.wall),
		Observed: r.Used * l.unit, Threshold: float64(burst(rate)) * l.unit, Window: rate.Per,
	}
	if r.OK {
		v.Action = haechi.Throttle // and the message is among those used
		return v
	}
	v.Observed += float64(cost) * l.unit // the call that was refused
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
