package rules

import (
	"sync/atomic"
	"time"

	"haechi"
)

// group says by whom a rule counts.
type group string

const (
	byClient  group = "client"
	byDevice  group = "device"
	byActor   group = "actor" // the device once authenticated, else the client
	byService group = "service"
	byAll     group = "global"
)

// cross reports whether the group spans actors, and so sees roll-ups.
func (g group) cross() bool { return g == byService || g == byAll }

// aggregate says what a rule counts.
type aggregate string

const (
	aggCount    aggregate = "count"
	aggChanges  aggregate = "changes"
	aggDistinct aggregate = "distinct"
	aggSum      aggregate = "sum"
	aggRatio    aggregate = "ratio"
)

// rule is a compiled rule. It does not change after loading, but for its counters,
// which it shares with nobody.
type rule struct {
	id, title, titleKO, pattern string
	version                     int
	kinds                       []haechi.Kind
	outcome                     haechi.Outcome
	anyOutcome                  bool
	matchText                   string
	match                       *expression
	group                       group
	agg                         aggregate
	field                       field // of changes, distinct and sum
	threshold                   float64
	min                         uint64
	window, cooldown            time.Duration
	hours                       *hours
	severity                    haechi.Severity
	technique                   string
	score                       float64
	action                      haechi.Action
	duration                    time.Duration
	mode                        haechi.Mode
	spoofable                   bool
	mustFire, mustNotFire       []example
	named                       *named // nil for a threshold rule

	*counters
}

// counters are what all shards of a rule add to.
type counters struct {
	fired   atomic.Uint64 // findings
	errors  atomic.Uint64 // expressions that failed on an event
	refused atomic.Uint64 // samples that found the table full
	cut     atomic.Uint64 // observations forgotten because the table's budget was spent
}

// fresh is the same rule with counters of its own.
func (r *rule) fresh() *rule {
	c := *r
	c.counters = new(counters)
	return &c
}

// aggregateText is the aggregate as it is written.
func (r *rule) aggregateText() string {
	switch r.agg {
	case aggCount:
		return string(aggCount)
	case aggRatio:
		return "ratio(failure)"
	}
	return string(r.agg) + "(" + r.field.name + ")"
}

func (r *rule) info() haechi.RuleInfo {
	if r.named != nil {
		return haechi.RuleInfo{
			ID: r.id, Version: r.version, Title: r.title, Mode: r.mode, Severity: r.severity, Technique: r.technique, Want: r.action, For: r.duration,
			Detector: r.named.detector, Parameters: r.named.parameters, Fired: r.fired.Load(),
		}
	}
	return haechi.RuleInfo{
		ID: r.id, Version: r.version, Title: r.title, Mode: r.mode, Severity: r.severity, Technique: r.technique,
		Match: r.matchText, Group: string(r.group), Aggregate: r.aggregateText(), Threshold: r.threshold,
		Window: r.window, Want: r.action, For: r.duration, Fired: r.fired.Load(), Errors: r.errors.Load(),
	}
}
