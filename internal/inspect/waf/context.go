package waf

import (
	"net/http"
	"time"

	"haechi"
)

const (
	// RuleContext is the id of the rule that a parameter holds what it does not usually
	// hold. It is no SecLang, and asked after the engine.
	RuleContext = 7700200
	// ContextScore is what it adds to a request, however many parameters are unusual: what
	// the Core Rule Set gives a warning, so that a second sign is needed to refuse.
	ContextScore = 3

	contextMessage = "The parameter holds what it does not usually hold"
)

// contextRule is what is known of the rule.
func contextRule() haechi.HitRule {
	return haechi.HitRule{ID: RuleContext, Message: contextMessage, Severity: haechi.Medium}
}

// contextScore is what unusual parameters add: what the operator said, or so much that it
// never refuses by itself.
func contextScore(wanted, threshold int) int {
	if wanted > 0 {
		return wanted
	}
	return min(ContextScore, threshold-1)
}

// weighContext asks what is usual. Only a request in which nothing was found may teach.
func (w *Waf) weighContext(k *work, s *service, r *haechi.Request, now time.Time) {
	if w.context == nil || s.context == haechi.Off {
		return
	}
	k.out.Hits = w.context.Weigh(&k.view, r, len(k.out.Hits) == 0, k.out.Hits, now)
}

// charge adds to the score for the first parameter that is unusual and not excepted, if
// that is enforced and the client has no standing.
func charge(h *haechi.Hits, s *service) {
	if s.context != haechi.Enforce {
		return
	}
	for i := range h.List {
		if one := &h.List[i]; one.Rule == RuleContext && !one.Excepted && !one.Usual.Known {
			one.Score = contextScore(s.contextScore, h.Threshold)
			h.Score += one.Score
			return
		}
	}
}

// Answered says how a request that passed was answered: what was noted of it is learned if
// that was without an error.
func (w *Waf) Answered(r *haechi.Request, status int, now time.Time) {
	if w.context != nil && r.Lesson != nil && r.Lesson.Clean && status >= http.StatusOK && status < http.StatusBadRequest {
		w.context.Learn(r, now)
	}
}

// Where names a variable as hits do, for example "ARGS:q"; name is cut and cleaned.
func Where(collection, name string) string { return cut(collection+":"+name, maxWhere) }

// Shape masks text as hits show it.
func Shape(text string) string { return shape(text) }
