package httpgate

import (
	"net/netip"
	"sync"
	"time"
)

// A proxy that nobody named as trusted makes all of its clients one: whatever is decided
// about a visitor hits everybody. The gate tells of it, from this much on.
const (
	proxyWindow   = 10 * time.Minute
	proxyRequests = 100 // at least so many in the window,
	proxyPercent  = 95  // of which so many come from one address with such a header
)

// oneProxy looks whether all clients seem to be one proxy. It keeps one candidate, and
// begins again when the window is over. Anybody can write such a header, so it leads to
// a word for the operator and to nothing else.
type oneProxy struct {
	mu    sync.Mutex
	since time.Time
	base  uint64 // requests of the gate before the window
	who   netip.Addr
	n     uint64 // requests of who in the window
	lead  uint64 // votes for who that others have not taken (Boyer and Moore)
	found netip.Addr
	at    time.Time // when it was found, or found again
}

// see notes a request by way of somebody, when so many had come to the gate.
func (p *oneProxy) see(who netip.Addr, total uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.since) >= proxyWindow || now.Before(p.since) {
		p.since, p.base, p.who, p.n, p.lead = now, total-1, who, 0, 0
	}
	switch {
	case who == p.who:
		p.n, p.lead = p.n+1, p.lead+1
	case p.lead > 0:
		p.lead--
	default:
		p.who, p.n, p.lead = who, 1, 1
	}
	if all := total - p.base; p.n >= proxyRequests && p.n*100 >= all*proxyPercent {
		p.found, p.at = p.who, now
	}
}

// OneProxy is the untrusted address that all clients seem to come from, by the last
// window or the one before; invalid if none is.
func (g *Gate) OneProxy() netip.Addr {
	p := &g.oneProxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.deps.Now().Sub(p.at) > 2*proxyWindow || g.deps.Clients.Trusted(p.found) {
		return netip.Addr{}
	}
	return p.found
}

// seeProxy notes a direct request that says it was passed on.
func (x *exchange) seeProxy() {
	if x.in.header.passedOn() {
		x.g.oneProxy.see(x.c.Actor.Addr, x.g.counts.requests.Load(), x.asked)
	}
}

// passedOn implements header.
func (h mapped) passedOn() bool {
	for name := range h {
		if namesClient(name) && h.first(name) != "" {
			return true
		}
	}
	return false
}

// passedOn implements header.
func (l *lane) passedOn() bool {
	for i := range l.q.Fields {
		if f := &l.q.Fields[i]; namesClient(f.Name) && len(f.Value) > 0 {
			return true
		}
	}
	return false
}

// namesClient reports the headers in which a proxy says whom it asks for.
func namesClient[T string | []byte](name T) bool {
	switch string(name) {
	case "X-Forwarded-For", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip":
		return true
	}
	return false
}
