package session

import (
	"time"

	"haechi"
)

// Inspect answers from the decisions in force. The verdict's Ref is the ID of the
// decision that spoke. A request without an actor is refused: it cannot be judged.
func (e *Enforcer) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	if r.Actor == nil {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonInternal, Rule: "session/no-actor",
			Ref: haechi.NewReference("session/no-actor", r.Service, now)}
	}
	return e.judge(r.Actor, r.Service, now)
}

func (e *Enforcer) judge(a *haechi.Actor, service string, now time.Time) haechi.Verdict {
	if a.Allowed {
		return haechi.Verdict{}
	}
	r := e.table.strongest(a, service, now)
	if r == nil {
		return haechi.Verdict{}
	}
	return e.verdict(r, now)
}

// verdict says what a decision means in-band. Its Reason text for people stays
// inside: an operator's remark is not for the peer.
func (e *Enforcer) verdict(r *rule, now time.Time) haechi.Verdict {
	v := haechi.Verdict{
		Action: r.Action, Reason: haechi.ReasonDecision, Rule: r.Rule, Ref: r.ID,
		Observed: r.Observed, Threshold: r.Threshold, Window: r.Window,
	}
	if v.Rule == "" {
		v.Rule = "decision"
	}
	switch r.Action {
	case haechi.Watch:
		return haechi.Verdict{}
	case haechi.Throttle:
		v.Delay = e.cfg.Delay
	case haechi.Drop:
		v.Action = haechi.Deny
		fallthrough
	default:
		if !r.Until.IsZero() {
			v.Delay = r.Until.Sub(now) // Retry-After
		}
	}
	return v
}
