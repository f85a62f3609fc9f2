package listener

import (
	"errors"
	"net"
	"net/netip"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/ingress"
)

// Rule ids of the refusals that the listener makes itself.
const (
	RuleConnections = "limit/connections" // the cap of one client key
	RuleOverload    = "limit/listener"    // MaxConns or MaxHeaders
	RuleProxyHeader = "listener/proxy-protocol"
)

// take receives a connection from the accept loop. It never waits for the peer.
func (s *socket) take(raw net.Conn) {
	l := s.holders.Newest()
	if l == nil {
		raw.Close()
		return
	}
	c := &conn{Conn: raw, l: l, peer: addrPort(raw.RemoteAddr()), local: addrPort(raw.LocalAddr()).Port()}
	live := l.live.Add(1)
	if !c.peer.IsValid() {
		c.Close()
		return
	}
	if l.overloaded(c.peer.Addr(), live) {
		l.refuseFor(c, c.peer, l.tooMany(live))
		return
	}
	if l.cfg.ProxyProtocol == nil {
		l.admit(c, c.peer)
		return
	}
	if l.cfg.ProxyProtocol(c.peer.Addr()) {
		s.await(l, c)
		return
	}
	c.sniff = true
	l.admit(c, c.peer)
}

func (l *Listener) overloaded(peer netip.Addr, live int64) bool {
	limit := int64(l.cfg.MaxConns)
	return live > limit && (live > limit+limit/16+1 || !l.cfg.Allowed(peer))
}

// tooMany counts a connection beyond MaxConns and says so.
func (l *Listener) tooMany(live int64) haechi.Verdict {
	l.counts.overload.Add(1)
	return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOverload, Rule: RuleOverload,
		Observed: float64(live), Threshold: float64(l.cfg.MaxConns)}
}

// await reads the PROXY header in a goroutine of its own, of which there is a
// bounded number.
func (s *socket) await(l *Listener, c *conn) {
	waiting := l.waiting.Add(1)
	if waiting > int64(l.cfg.MaxHeaders) {
		l.waiting.Add(-1)
		l.counts.overload.Add(1)
		l.refuseFor(c, c.peer, haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOverload, Rule: RuleOverload,
			Observed: float64(waiting), Threshold: float64(l.cfg.MaxHeaders)})
		return
	}
	s.pendingMu.Lock()
	s.pending[c] = struct{}{}
	s.pendingMu.Unlock()
	if s.holders.Newest() == nil { // closed in between: nobody else would drop it
		c.Close()
	}
	s.pool.wg.Go(func() {
		client, err := c.readHeader(l.cfg.HeaderTimeout)
		l.waiting.Add(-1)
		s.pendingMu.Lock()
		delete(s.pending, c)
		s.pendingMu.Unlock()
		switch {
		case err == nil:
			l.admit(c, client)
		case errors.Is(err, errBare):
			l.counts.bare.Add(1) // a balancer's health check, no offence
			c.Close()
		default:
			l.counts.header.Add(1)
			l.refuseFor(c, c.peer, haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonProxyHeader,
				Rule: RuleProxyHeader, Detail: err.Error()})
		}
	})
}

// admit judges a connection whose client is known, and hands it on or refuses it.
func (l *Listener) admit(c *conn, client netip.AddrPort) {
	in := &admission{actor: l.actor(client.Addr()), port: client.Port(), local: c.local}
	release, ok := l.place(in, in.actor.Allowed || l.isProxy(c, in.actor.Addr))
	if !ok {
		l.refuse(c, in)
		return
	}
	l.welcome(in)
	l.socket.hand(l, ingress.NewConn(c, in.actor, in.port, in.local, release))
}

// place judges a client and takes a place for it. If it reports false, the verdict says
// why.
func (l *Listener) place(in *admission, exempt bool) (release func(), ok bool) {
	if exempt {
		return nil, true
	}
	in.verdict = l.judge(in)
	if refusesConnection(&in.verdict) {
		l.counts.judged.Add(1)
		return nil, false
	}
	if l.cfg.Cap == nil {
		return nil, true
	}
	key := in.actor.Client
	if !l.cfg.Cap.Acquire(key) {
		l.counts.capped.Add(1)
		in.verdict = haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonConnectionLimit, Rule: RuleConnections}
		return nil, false
	}
	return func() { l.cfg.Cap.Release(key) }, true
}

// welcome counts and tells of an admitted connection.
func (l *Listener) welcome(in *admission) {
	l.counts.admitted.Add(1)
	if l.cfg.Announce || in.verdict.Shadow {
		l.emit(in, haechi.Success)
	}
}

// isProxy reports whether the connection belongs to a proxy itself: a trusted one
// whose header comes with each request, or a balancer with a check of its own.
func (l *Listener) isProxy(c *conn, client netip.Addr) bool {
	if l.cfg.TrustedProxy(client) {
		return true
	}
	return l.cfg.ProxyProtocol != nil && client == c.peer.Addr() && l.cfg.ProxyProtocol(client)
}

func (l *Listener) actor(addr netip.Addr) haechi.Actor {
	return haechi.Actor{Addr: addr, Client: clientkey.Of(addr, l.cfg.V6Bits), Assurance: haechi.Handshaken,
		Allowed: l.cfg.Allowed(addr)}
}

func (l *Listener) judge(in *admission) haechi.Verdict { return l.ask(l.cfg.Judge, in) }

func (l *Listener) ask(judge ingress.Inspector, in *admission) haechi.Verdict {
	if judge == nil {
		return haechi.Verdict{}
	}
	r := haechi.Request{Kind: haechi.KindConnect, Service: l.cfg.Service, Actor: &in.actor, Size: -1}
	return judge.Inspect(&r, l.cfg.Now())
}

// refusesConnection: a limit that would slow down a request has nothing to slow
// down here, so it refuses too.
func refusesConnection(v *haechi.Verdict) bool {
	return v.Refuses() || !v.Shadow && v.Action == haechi.Throttle && v.Reason == haechi.ReasonRateLimit
}
