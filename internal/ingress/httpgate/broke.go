package httpgate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"haechi"
)

// answerRead is the body of an upstream's answer, which notes an end before its end: the
// client has the header by then, and can only be broken off.
type answerRead struct {
	io.ReadCloser
	ctx   func() error
	broke atomic.Bool
}

// Read implements io.Reader.
func (a *answerRead) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) && a.ctx() == nil {
		a.broke.Store(true)
	}
	return n, err
}

// switches reports whether the upstream switches to a protocol that nobody asked for.
func switches(res *http.Response) bool {
	return res.StatusCode == http.StatusSwitchingProtocols &&
		(res.Request == nil || res.Request.Header.Get("Upgrade") == "" || !strings.EqualFold(res.Request.Header.Get("Upgrade"), res.Header.Get("Upgrade")))
}

// watchAnswer puts an answerRead in front of a body. That of an upgrade is written to,
// and stays what it is.
func (x *exchange) watchAnswer(res *http.Response) {
	if res.StatusCode == http.StatusSwitchingProtocols || res.Body == nil || res.Body == http.NoBody {
		return
	}
	res.Body = x.watched(res.Body)
}

func (x *exchange) watched(body io.ReadCloser) io.ReadCloser {
	x.reading = &answerRead{ReadCloser: body}
	if x.lane != nil {
		x.reading.ctx = x.lane.givenUp
	} else {
		x.reading.ctx = x.r.Context().Err
	}
	return x.reading
}

// brokenOff reports whether the upstream ended its answer before its end, and gives the
// event a reference for it.
func (x *exchange) brokenOff() bool {
	if x.reading == nil || !x.reading.broke.Load() {
		return false
	}
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: x.actor.Client}
	x.event.Rule = RuleUpstream
	x.event.Ref = haechi.NewReference(RuleUpstream, scope.String(), x.g.deps.Now())
	x.g.counts.upstreamErrors.Add(1)
	return true
}
