package httpgate

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"haechi"
)

const (
	maxText   = 256 // of a path, host or user agent in an event, in bytes
	maxMethod = 32
)

// record emits the one event of a request; for an upgraded connection it emits
// that at the upgrade, and a close event at the end.
func (x *exchange) record(now time.Time) {
	e := &x.event
	if x.recorded { // else it is empty, and large
		*e = haechi.Event{}
	}
	e.Time, e.Kind, e.Service, e.Actor = now.UTC(), haechi.KindRequest, x.g.cfg.Name, x.actor
	e.Duration, e.Status, e.BytesOut, e.TLS = x.clock()-x.start, x.status, x.out, x.in.secure
	if x.site != nil {
		e.Service = x.site.service
	}
	if x.c != nil {
		e.Session, e.LocalPort = x.c.session, x.c.LocalPort
		if x.direct {
			e.Port = x.c.Port
		}
	}
	if x.recorded {
		x.recordClose(e)
		return
	}
	x.recorded = true
	e.Method, e.Host, e.Path = bounded(x.in.method, maxMethod), x.said(saidHost, x.in.host), x.said(saidPath, x.in.path)
	e.UserAgent = x.said(saidAgent, x.in.header.first("User-Agent"))
	e.Class, e.Hits = x.view.Class, x.hits
	e.BytesIn = x.got
	if x.body != nil {
		e.BytesIn = x.body.n.Load()
	}
	v := &x.verdict
	e.Verdict, e.Rule, e.Ref, e.Observed, e.Threshold, e.Window, e.Shadow = v.Action, v.Rule, v.Ref, v.Observed, v.Threshold, v.Window, v.Shadow
	e.Outcome, e.Reason = x.outcome()
	if e.Outcome == haechi.Success && x.view.Lesson != nil {
		x.g.deps.Bodies.Answered(&x.view, x.status, e.Time)
	}
	x.g.deps.Sink.Emit(e)
}

// recordClose ends an upgraded connection.
func (x *exchange) recordClose(e *haechi.Event) {
	if !x.upgraded {
		return
	}
	e.Kind, e.Status, e.Outcome, e.Reason = haechi.KindClose, 0, haechi.Success, haechi.ReasonPeerClosed
	e.BytesIn, e.BytesOut = x.c.in.Load(), x.c.out.Load()
	if v := x.cutBy(); v != nil {
		e.Outcome, e.Reason, e.Verdict, e.Rule, e.Ref = haechi.Failure, v.Reason, v.Action, v.Rule, v.Ref
		e.Observed, e.Threshold, e.Window = v.Observed, v.Threshold, v.Window
	} else if v := x.socket.wouldEnd(); v != nil {
		e.Reason, e.Verdict, e.Rule, e.Ref, e.Shadow = v.Reason, v.Action, v.Rule, v.Ref, true
		e.Observed, e.Threshold, e.Window = v.Observed, v.Threshold, v.Window
	}
	x.g.deps.Sink.Emit(e)
}

// outcome is how the request ended. A cut is noted in the event as its verdict.
func (x *exchange) outcome() (haechi.Outcome, haechi.Reason) {
	switch cut := x.cutBy(); {
	case x.upstream:
		return haechi.Unknown, x.verdict.Reason
	case x.refused:
		return haechi.Failure, x.verdict.Reason
	case cut != nil:
		e := &x.event
		e.Verdict, e.Rule, e.Ref, e.Shadow = cut.Action, cut.Rule, cut.Ref, false
		e.Observed, e.Threshold, e.Window = cut.Observed, cut.Threshold, cut.Window
		return haechi.Failure, cut.Reason
	case x.status == 0 || x.status == statusClientGone:
		return haechi.Unknown, haechi.ReasonPeerClosed
	case x.brokenOff():
		return haechi.Unknown, haechi.ReasonUpstreamClosed
	case x.status >= http.StatusInternalServerError:
		return haechi.Unknown, ""
	case x.view.Class == ClassLogin && (x.status == http.StatusUnauthorized || x.status == http.StatusForbidden):
		return haechi.Failure, haechi.ReasonUnauthorized
	}
	return haechi.Success, x.shadowReason()
}

func (x *exchange) shadowReason() haechi.Reason {
	if x.verdict.Shadow {
		return x.verdict.Reason
	}
	return ""
}

// The texts that mostly come again on a lane.
const (
	saidHost = iota
	saidPath
	saidAgent
	saidTexts
)

// said is a text as events have it.
func (x *exchange) said(which int, text string) string {
	if x.lane == nil {
		return bounded(text, maxText)
	}
	last := &x.lane.last.said[which]
	if last.of != text {
		last.of, last.is = text, bounded(text, maxText)
	}
	return last.is
}

// bounded cuts text at a character's edge, as a copy that keeps nothing else
// alive, and replaces what is no UTF-8. The usual text is returned as it is.
func bounded(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = strings.Clone(text[:limit])
	}
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
