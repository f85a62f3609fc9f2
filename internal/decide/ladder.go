package decide

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"haechi"
)

// maxDoublings keeps a shifted duration from overflowing.
const maxDoublings = 30

// ruling is what a finding leads to.
type ruling struct {
	action haechi.Action
	first  time.Duration // length before repetition
	fixed  bool          // repetition does not lengthen it
	// promise is the time that the rule itself asks for, whatever the action; 0: none.
	promise time.Duration
	reason  string
	// observed, threshold and window explain it: the rule's, or the score's.
	observed, threshold float64
	window              time.Duration
}

// rule weighs the score against what the finding's rule itself asks for. ok is
// false when neither reaches the first rung.
func (d *Decider) rule(f *haechi.Finding, t target, score float64) (r ruling, ok bool) {
	rung := d.rung(score)
	want := max(d.wanted(f.Want), d.response(f))
	r = ruling{action: want, first: f.For, observed: f.Observed, threshold: f.Threshold, window: f.Window}
	if r.first <= 0 {
		r.first = d.cfg.Base
	} else if want != haechi.Pass {
		r.promise = f.For
	}
	if rung.Action > want {
		// The rule asks for less, so its time is a floor, not the measure.
		r.action, r.first = rung.Action, max(r.first, d.cfg.Base)
		r.observed, r.threshold, r.window = score, rung.Score, 0
		r.reason = fmt.Sprintf("score %s reached %s; last %s", number(score), number(rung.Score), describe(f))
	} else {
		r.reason = describe(f)
	}
	r.action = strongestFor(t.scope, r.action)
	if t.ours && r.action > haechi.Watch {
		d.count.internal++
		r.action, r.reason = haechi.Watch, r.reason+"; only watched, it is a host of ours"
		return r, true
	}
	if t.shared && r.action > haechi.Throttle {
		d.count.shared++
		r.action, r.first, r.fixed, r.promise = haechi.Throttle, d.cfg.SharedFor, true, 0
		r.reason += "; throttled only, several good devices share this address"
	}
	return r, r.action != haechi.Pass
}

// response is the least that a finding of a detector leads to, by its severity. A rule
// that asks for nothing and scores nothing only makes incidents.
func (d *Decider) response(f *haechi.Finding) haechi.Action {
	switch {
	case f.Detector == "" || d.wanted(f.Want) == haechi.Pass && !(f.Score > 0):
		return haechi.Pass
	case f.Severity >= haechi.Critical:
		return d.wanted(d.cfg.OnCritical)
	case f.Severity >= haechi.High:
		return d.wanted(d.cfg.OnHigh)
	}
	return haechi.Pass
}

func describe(f *haechi.Finding) string {
	text := f.Rule + ": " + number(f.Observed) + ", limit " + number(f.Threshold)
	if f.Window > 0 {
		text += " in " + f.Window.String()
	}
	return text
}

func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// rung is the highest rung the score reaches.
func (d *Decider) rung(score float64) (r Rung) {
	for _, step := range d.cfg.Ladder {
		if score >= step.Score && step.Action > r.Action {
			r = step
		}
	}
	return r
}

// wanted turns what a rule asks for into an action that can be decided.
func (d *Decider) wanted(a haechi.Action) haechi.Action {
	switch {
	case a == haechi.Challenge && !d.cfg.Challenge:
		return haechi.Throttle
	case a == haechi.Hold:
		return haechi.Throttle
	case !decidable(a):
		return haechi.Pass
	}
	return a
}

// length is the duration of a decision after so many repetitions. It is never
// shorter than the first, so that a rule's own time holds even above Max.
func (d *Decider) length(r ruling, repeat int) time.Duration {
	if r.fixed || r.first >= d.cfg.Max {
		return r.first
	}
	grown := r.first
	for range min(repeat, maxDoublings) {
		if grown >= d.cfg.Max {
			break
		}
		grown *= 2
	}
	return min(grown, d.cfg.Max)
}

// points is what a finding adds: never negative, never beyond what decays from
// four times the highest rung.
func (d *Decider) points(f *haechi.Finding, have float64) float64 {
	limit := 1000.0
	if n := len(d.cfg.Ladder); n > 0 {
		limit = 4 * d.cfg.Ladder[n-1].Score
	}
	if !(f.Score > 0) { // also NaN
		return have
	}
	return min(have+f.Score, limit)
}
