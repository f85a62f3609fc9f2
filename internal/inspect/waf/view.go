package waf

import (
	"net/netip"
	"time"

	"haechi"
)

// View is one HTTP request as an [Engine] judges it. It belongs to the caller, and
// nothing of it is kept.
type View struct {
	Client netip.Addr
	Method string
	// Target is the request target as it came: path, "?" and query (RFC 9112, 3.2).
	Target string
	// Protocol is "HTTP/1.1" or "HTTP/2.0".
	Protocol string
	// Host is the name asked for, with a port if one was given.
	Host string
	// Headers are the fields in the order they came, as far as it is known; Host and
	// Transfer-Encoding are among them.
	Headers []Field
	// Body is what is judged of the body, decoded if it was compressed, at most
	// Ruleset.MaxBody bytes. One of just that length counts as cut: that its last part,
	// string or element does not end is then no violation.
	Body []byte
}

// Field is one header field.
type Field struct{ Name, Value string }

// Result is what an [Engine] found. The zero value is ready; Reset makes it so again.
type Result struct {
	// Score is the inbound anomaly score at the ruleset's paranoia level.
	Score int
	// Hits are what matched and either added to the score or denies. Their scores add
	// up to Score.
	Hits []haechi.Hit
	// IDs are all rules that matched, those included that only prepare or report.
	IDs []int
}

// Reset forgets the last request and keeps the memory.
func (r *Result) Reset() { r.Score, r.Hits, r.IDs = 0, r.Hits[:0], r.IDs[:0] }

// Context knows what the parameters of a route usually hold. It is safe for concurrent use.
type Context interface {
	// Weigh appends a hit of [RuleContext] with score 0 for each parameter that holds what
	// it does not usually hold. Into r.Lesson, if there is one and the request is clean, it
	// notes what may be learned.
	Weigh(v *View, r *haechi.Request, clean bool, hits []haechi.Hit, now time.Time) []haechi.Hit
	// Learn takes in what was noted of a request that was answered without an error.
	Learn(r *haechi.Request, now time.Time)
}

// Engine evaluates requests against one [Ruleset]. It is safe for concurrent use.
// Every engine of one ruleset gives the same result for the same view, but for the
// order of IDs.
type Engine interface {
	// Judge evaluates the view into out, which was reset. An error means that the
	// request was not judged, and nothing else.
	Judge(v *View, out *Result) error
	// Rule says what is known of a rule of the ruleset.
	Rule(id int) (haechi.HitRule, bool)
}
