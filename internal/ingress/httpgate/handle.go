package httpgate

import (
	"net/http"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// ServeHTTP implements http.Handler for the gate's own server.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.present().begin(w, r)
	defer x.end() // also when the proxy aborts with a panic
	if x.c == nil {
		x.refuse(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonInternal, Rule: RuleInternal}, http.StatusInternalServerError)
		return
	}
	if x.admit() {
		x.answer()
	}
	if x.abort {
		panic(http.ErrAbortHandler) // net/http's way to end without an answer
	}
}

// answer answers an admitted request.
func (x *exchange) answer() {
	switch {
	case x.proof != "":
		x.prove()
	case x.site.secureAt != "":
		x.redirect()
	case x.isReport():
		x.collect()
	case x.lane != nil:
		x.lane.forward(x)
	default:
		x.forward()
	}
}

func (g *Gate) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := g.exchanges.Get().(*exchange)
	x.w, x.r, x.origin = w, r, time.Now()
	x.c, _ = r.Context().Value(connKey{}).(*conn)
	x.c.begin(r)
	x.in.read(r)
	g.counts.requests.Add(1)
	return x
}

func (x *exchange) end() {
	if x.lease != nil {
		x.lease.end()
	}
	if x.body != nil {
		x.body.end()
	}
	now := x.now()
	x.leave(x.status, now)
	x.leavePlace()
	x.record(now)
	x.judgeTapped()
	x.letGo()
	x.looked()
	if x.upgraded {
		x.g.counts.upgraded.Add(-1)
		x.c.g.upgrades.Done()
	}
	g := x.g
	x.reset()
	g.exchanges.Put(x)
}

// admit finds out who wants what, and whether it passes. If not, it has answered.
func (x *exchange) admit() bool {
	x.c.requests.Add(1)
	x.asked = x.g.deps.Now()
	x.identify()
	if x.lane == nil { // which knows it
		x.site = x.g.hosts.find(x.in.host)
	}
	service, class, own := x.g.cfg.Name, "", ""
	if x.site != nil {
		service = x.site.service
		class, own = x.site.route(x.in.path)
	}
	x.view = haechi.Request{Kind: haechi.KindRequest, Service: service, Actor: &x.actor, Class: class, Route: own, Size: x.in.length,
		Method: x.in.method, Host: x.in.host, Path: x.in.path, RawQuery: x.in.query, Headers: x.headers}
	return x.isProof() || x.certified() && x.judge() && x.acceptable() && x.withinRanges()
}

// identify fills in the actor: the peer, or the client that trusted proxies name.
func (x *exchange) identify() {
	x.adopt()
	if !x.trusted {
		x.seeProxy()
		return
	}
	addr := x.g.deps.Clients.Client(x.c.Actor.Addr, x.in.header.values("X-Forwarded-For"))
	if addr == x.c.Actor.Addr {
		return
	}
	x.direct = false
	x.actor = haechi.Actor{Addr: addr, Client: clientkey.Of(addr, x.g.cfg.V6Bits), Assurance: haechi.Handshaken,
		Allowed: x.g.deps.Allowed(addr), Certificate: x.actor.Certificate} // which is the proxy's: the client is not proved by it
}

// judge asks the inspector and applies its verdict.
func (x *exchange) judge() bool {
	if x.actor.Allowed {
		return true
	}
	x.verdict = x.g.deps.Inspector.Inspect(&x.view, x.asked)
	v := &x.verdict
	if v.Action == haechi.Pass || v.Shadow {
		return true
	}
	if v.Reason == haechi.ReasonRateLimit && x.isProxy() {
		v.Shadow = true // a proxy stands for many people: never limited, but shown
		return true
	}
	if v.Refuses() {
		x.refuse(*v, statusOf(v.Reason))
		return false
	}
	if v.Action == haechi.Throttle {
		return x.slowDown()
	}
	return true
}

// slowDown lets a throttled request wait, or refuses it: a limit always refuses,
// and so does a wait that would be too long or one too many.
func (x *exchange) slowDown() bool {
	v := &x.verdict
	if v.Delay <= 0 && v.Reason != haechi.ReasonRateLimit {
		return true
	}
	waiting := x.g.counts.delayed.Add(1)
	defer x.g.counts.delayed.Add(-1)
	if v.Reason == haechi.ReasonRateLimit || v.Delay > x.g.cfg.MaxDelay || waiting > int64(x.g.cfg.MaxDelayed) {
		x.refuse(*v, http.StatusTooManyRequests)
		return false
	}
	if x.lane != nil {
		x.lane.apart()
	}
	timer := time.NewTimer(v.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		x.waited()
		return true
	case <-x.leaves():
		x.status, x.abort = statusClientGone, true
		return false
	}
}

// acceptable refuses what no site serves, and bodies over their limit.
func (x *exchange) acceptable() bool {
	v, status := haechi.Verdict{Action: haechi.Deny}, 0
	switch {
	case x.site == nil:
		v.Reason, v.Rule, status = haechi.ReasonUnknownHost, RuleUnknownHost, http.StatusMisdirectedRequest
	case x.in.method == http.MethodConnect || x.in.method == http.MethodTrace || x.in.path == "*":
		v.Reason, v.Rule, status = haechi.ReasonMalformed, RuleMethod, http.StatusMethodNotAllowed
	case x.in.misread(&v):
		status = http.StatusBadRequest
	case x.site.maxBody >= 0 && x.in.length > x.site.maxBody:
		v.Reason, v.Rule, status = haechi.ReasonOversize, RuleBody, http.StatusRequestEntityTooLarge
		v.Observed, v.Threshold = float64(x.in.length), float64(x.site.maxBody)
	default:
		return true
	}
	x.refuse(v, status)
	return false
}

// forward proxies the request.
func (x *exchange) forward() {
	r := x.r
	if !x.direct || x.site.service != x.c.service {
		r = x.takeLease(r)
	}
	if r.ContentLength != 0 {
		r = x.guardBody(r)
		if !x.holdBody(r) {
			return
		}
	}
	if !x.mayUpgrade() || !x.screen(r) || !x.enter() {
		return
	}
	x.expect()
	x.watchFlow()
	x.proxy.Transport = (*relayed)(x)
	x.proxy.ServeHTTP(x, r)
}
