package httpgate

import (
	"bytes"
	"net/http"

	"haechi"
)

// wants is how much of the body must be there for the request to be judged, in bytes;
// 0: nobody judges it.
func (x *exchange) wants() int {
	if x.actor.Allowed {
		return 0
	}
	return x.g.deps.Bodies.Wants(&x.view)
}

// screen asks who judges bodies, once the body is there, and applies the verdict. If it
// refuses, the request has been answered.
func (x *exchange) screen(r *http.Request) bool { // r is nil on a lane
	limit := x.wants()
	if limit <= 0 {
		return true
	}
	if x.lane != nil {
		x.lane.alight() // judging takes long: nobody else shall wait for it
	}
	x.view.Target, x.view.Protocol, x.view.Headers = x.written(), x.protocol(), x.eachField
	if x.in.length != 0 {
		x.view.Cut = !x.bodyHere || len(x.arrived) > limit
		x.view.Body = bytes.NewBuffer(x.arrived[:min(len(x.arrived), limit)])
	}
	if !x.bodyHere && r != nil {
		r.Trailer = nil // it comes after what is judged
	}
	if x.verdict.Action == haechi.Pass { // who is suspected teaches nothing
		x.view.Lesson = &x.lesson
	}
	v := x.g.deps.Bodies.Inspect(&x.view, x.g.deps.Now())
	x.waited()
	x.view.Body, x.arrived = nil, nil
	x.hits = v.Hits
	switch {
	case v.Refuses():
		x.refuse(v, screenedStatus(v.Reason))
		return false
	case v.Action != haechi.Pass && x.verdict.Action == haechi.Pass:
		x.verdict = v // in shadow: it is only told
	}
	return true
}

// eachField iterates the header and, once the body was read to its end, the trailer.
func (x *exchange) eachField(yield func(name, value string) bool) {
	more := true
	x.eachHeader(func(name, value string) bool {
		more = yield(name, value)
		return more
	})
	if x.r == nil {
		return // a lane reads none
	}
	for name, values := range x.r.Trailer {
		for _, v := range values {
			if more = more && yield(name, v); !more {
				return
			}
		}
	}
}

func screenedStatus(reason haechi.Reason) int {
	switch reason {
	case haechi.ReasonOversize:
		return http.StatusRequestEntityTooLarge
	case haechi.ReasonEncoding:
		return http.StatusUnsupportedMediaType
	case haechi.ReasonMalformed:
		return http.StatusBadRequest
	case haechi.ReasonInternal:
		return http.StatusServiceUnavailable
	}
	return statusOf(reason)
}
