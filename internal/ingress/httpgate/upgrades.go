package httpgate

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
)

// Upgraded bounds connections that became WebSockets. Zero fields are no bounds.
type Upgraded struct {
	Mode     haechi.Mode   // unset: enforce; off: nothing is bounded, and frames are not looked at
	Client   int           // connections of one client at once, those that are asking included
	All      int           // of the site
	Message  int64         // bytes of a client's message, all its parts, as they are sent
	Messages gcra.Rate     // messages, control frames and small parts that one connection sends
	Pause    time.Duration // how long what is over Messages waits at most; longer ends the connection
	Lifetime time.Duration // of one connection
	// Piece is how many bytes are charged to [Deps.Pacer] at once, at least 1,024; 0:
	// they are not charged.
	Piece int
}

// framed reports whether the bounds need frames.
func (u *Upgraded) framed() bool { return u.Message > 0 || u.Messages.Events > 0 }

// Pacer counts bytes against a client's rates. A Throttle asks the gate to wait for its
// delay and then to go on; a Deny ends the connection. It must not block.
type Pacer interface {
	// Pace charges so many bytes, a multiple of 1,024, that the client sent or, with out,
	// is sent.
	Pace(service string, a *haechi.Actor, out bool, size int, now time.Time) haechi.Verdict
}

// places counts the upgraded connections of a site. There are never more clients in it
// than connections, which the listener bounds.
type places struct {
	mu   sync.Mutex
	held map[netip.Prefix]int
	all  int
}

func newPlaces() *places { return &places{held: map[netip.Prefix]int{}} }

// take takes a place for the client. Where there is none it says how many are taken, and
// own says whether by the client alone; with force it takes one all the same.
func (p *places) take(client netip.Prefix, most, all int, force bool) (ok, own bool, taken int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own = most > 0 && p.held[client] >= most
	taken = p.all
	if own {
		taken = p.held[client]
	}
	ok = !own && (all == 0 || p.all < all)
	if ok || force {
		p.held[client]++
		p.all++
	}
	return ok, own, taken
}

func (p *places) release(client netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all--; p.held[client] > 1 {
		p.held[client]--
		return
	}
	delete(p.held, client)
}

// asksUpgrade reports whether the request may lead to a WebSocket.
func (x *exchange) asksUpgrade() bool {
	return x.r.ProtoMajor == 1 && strings.EqualFold(x.in.header.first("Upgrade"), "websocket")
}

// mayUpgrade takes a place for a request that asks for a WebSocket. It has answered if
// there is none. A proxy that stands for many has no limit of its own.
func (x *exchange) mayUpgrade() bool {
	u := &x.site.upgrades
	if !x.asksUpgrade() || u.Mode == haechi.Off || x.actor.Allowed {
		return true
	}
	most, all := u.Client, u.All
	if x.isProxy() {
		most = 0
	}
	at, shadow := x.site.places.Load(), u.Mode == haechi.Shadow
	ok, own, taken := at.take(x.actor.Client, most, all, shadow)
	if ok || shadow {
		x.places = at
	}
	if ok {
		return true
	}
	x.g.counts.upgradesRefused.Add(1)
	v, status := x.noPlace(own, taken)
	if !shadow {
		x.refuse(v, status)
		return false
	}
	if x.verdict.Action == haechi.Pass {
		v.Shadow, v.Ref = true, x.refFor(v.Rule)
		x.verdict = v
	}
	return true
}

// noPlace is the verdict about a WebSocket for which there is no place.
func (x *exchange) noPlace(own bool, taken int) (haechi.Verdict, int) {
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonConnectionLimit, Rule: RuleUpgrades,
		Observed: float64(taken + 1), Threshold: float64(x.site.upgrades.Client)}
	if own {
		return v, http.StatusTooManyRequests
	}
	v.Reason, v.Rule, v.Delay = haechi.ReasonOverload, RuleAllUpgrades, retryBusy
	v.Threshold = float64(x.site.upgrades.All)
	return v, http.StatusServiceUnavailable
}

// leavePlace gives the place back.
func (x *exchange) leavePlace() {
	if x.places != nil {
		x.places.release(x.actor.Client)
		x.places = nil
	}
}
