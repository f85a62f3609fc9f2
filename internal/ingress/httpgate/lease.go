package httpgate

import (
	"context"
	"net/http"
	"sync/atomic"

	"haechi"
	"haechi/internal/ingress"
)

// lease is the session of one request whose client sits behind a trusted proxy: a
// decision cuts the request, and leaves the proxy's connection to the others. So
// has a request where several services share an address.
type lease struct {
	sessions ingress.Sessions
	id       uint64
	cancel   func()
	cut      atomic.Pointer[haechi.Verdict]
}

func (x *exchange) takeLease(r *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(r.Context())
	x.openLease(cancel)
	return r.WithContext(ctx)
}

// openLease registers the request. A cut calls stop.
func (x *exchange) openLease(stop func()) {
	l := &lease{sessions: x.g.deps.Sessions, cancel: stop}
	l.id = l.sessions.Open(x.site.service, x.actor, func(v haechi.Verdict) {
		l.cut.CompareAndSwap(nil, &v)
		stop()
	})
	x.lease = l
}

func (l *lease) end() {
	l.sessions.Close(l.id)
	l.cancel()
}

// cutBy is the verdict that cut the request, nil if none did.
func (x *exchange) cutBy() *haechi.Verdict {
	if x.lease != nil {
		if v := x.lease.cut.Load(); v != nil {
			return v
		}
	}
	if x.flow != nil {
		if v := x.flow.cut.Load(); v != nil {
			return v
		}
	}
	if x.c != nil {
		return x.c.cut.Load()
	}
	return nil
}
