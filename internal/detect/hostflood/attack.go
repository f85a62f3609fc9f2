package hostflood

import (
	"time"

	"haechi"
	"haechi/internal/detect"
)

// reading is how much of what was seen.
type reading struct {
	observed, threshold float64
	kind                string // what it is made of
	severity            haechi.Severity
	facts               [3]haechi.Fact
}

// again is how often a flood is told of that goes on as before: whoever stands against it
// wants to know that it does.
const again = 5 * time.Minute

// ongoing is one attack, with its start, changes, peak and end.
type ongoing struct {
	detect.Attack
	kind string
	peak float64
	high time.Time // when it was last at half of its limit or more
	told time.Time
}

// judge compares a reading with its limit, and says so when it is due.
func (o *ongoing) judge(rule *detect.Rule, about string, window time.Duration, r reading, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	over := r.observed > r.threshold
	if r.observed*2 >= r.threshold {
		o.high = e.Time
	}
	if !over && !o.Open() {
		return out
	}
	o.peak = max(o.peak, r.observed)
	if over && (o.kind != r.kind || e.Time.Sub(o.told) >= again) {
		o.kind = r.kind
		o.Renew()
	}
	if !over || !o.Due(r.severity, r.observed) {
		return out
	}
	o.told = e.Time
	f := rule.Finding(e.Time, haechi.Actor{})
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: about}
	f.Want, f.For, f.Spoofable = haechi.Pass, 0, true // there is nobody to act on
	f.Severity, f.Observed, f.Threshold, f.Window = r.severity, r.observed, r.threshold, window
	f.First, f.Last = e.Time.Add(-e.Duration), e.Time
	f.Reasons = [4]haechi.Fact{r.facts[0], r.facts[1], r.facts[2], {Name: "peak", Value: o.peak}}
	f.Evidence = []haechi.Event{*e}
	return o.Tell(f, about, r.observed, out)
}

// tick ends what was quiet for long enough.
func (o *ongoing) tick(now time.Time, quiet time.Duration, out []haechi.Finding) []haechi.Finding {
	if !o.Open() || now.Sub(o.high) <= quiet {
		return out
	}
	o.Peak(o.peak, o.high)
	out = o.End(now, out)
	*o = ongoing{}
	return out
}

// severity grows with how far the limit was passed.
func severity(rule *detect.Rule, observed, threshold float64) haechi.Severity {
	if observed >= 10*threshold {
		return rule.Severity
	}
	return min(rule.Severity, haechi.Medium)
}
