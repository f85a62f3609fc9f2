package ratelimit

import (
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
)

// Spend is how much of the time of the servers behind one client may take up while
// others wait: Time in Per, Burst of it at once. Without a Time there is no such limit.
type Spend struct {
	Mode             haechi.Mode
	Time, Per, Burst time.Duration
}

const (
	// costStep is what upstream time is counted in.
	costStep = 100 * time.Microsecond
	// bytesPerSecond is how many bytes cost as much as a second of a server's time.
	bytesPerSecond = 100 << 20
)

const ruleCost = "limit/cost"

// newCost returns the limit, nil for none.
func newCost(s Spend, capacity int) *limit {
	if s.Time < costStep || s.Per <= 0 {
		return nil
	}
	l := newLimit(ruleCost, Limit{Mode: s.Mode, Rates: []gcra.Rate{{
		Events: int(s.Time / costStep), Per: s.Per, Burst: int(max(s.Burst, costStep) / costStep),
	}}}, capacity)
	if l != nil {
		l.unit = costStep.Seconds()
	}
	return l
}

// Afford judges whether the client may ask for more while others wait. Its numbers are
// in seconds of the servers' time.
func (l *Limiter) Afford(service string, a *haechi.Actor, now time.Time) haechi.Verdict {
	s := l.services[service]
	if s == nil || s.cost == nil || a.Allowed {
		return haechi.Verdict{}
	}
	on := s.cost
	r := on.table.Peek(l.hash.Prefix(a.Client), l.mono(now), 1)
	if r.OK {
		return haechi.Verdict{}
	}
	rate := on.rates[0]
	return haechi.Verdict{
		Action: haechi.Deny, Delay: r.RetryAfter, Shadow: on.shadow, Reason: haechi.ReasonRateLimit,
		Detail: "Upstream time exceeded", Rule: on.rule, Ref: haechi.NewReference(on.rule, source(a), now),
		Observed: r.Used * on.unit, Threshold: float64(burst(rate)) * on.unit, Window: rate.Per,
	}
}

// Spend charges the client with what its request took: the time that servers were at
// work for it, and the bytes that went both ways.
func (l *Limiter) Spend(service string, a *haechi.Actor, work time.Duration, bytes int64, now time.Time) {
	s := l.services[service]
	if s == nil || s.cost == nil || a.Allowed {
		return
	}
	work += time.Duration(float64(bytes) / bytesPerSecond * float64(time.Second))
	steps := (min(max(work, 0), time.Hour) + costStep - 1) / costStep
	s.cost.table.Debit(l.hash.Prefix(a.Client), l.mono(now), uint32(steps))
}
