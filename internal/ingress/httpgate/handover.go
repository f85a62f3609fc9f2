package httpgate

import "haechi"

// HandOver lets next answer the requests that come from now on, also on the
// connections that this gate has; requests under way and upgraded connections end
// where they began. It reports false, and changes nothing, if one of the two speaks
// TLS and the other does not. Handing over along a chain of gates is fine.
func (g *Gate) HandOver(next *Gate) bool {
	if (g.cfg.TLS == nil) != (next.cfg.TLS == nil) || next == g {
		return false
	}
	for _, s := range next.sites {
		for _, before := range g.sites {
			s.load.Store(s.load.Load().adopt(before.load.Load()))
			if s.service == before.service {
				s.places.Store(before.places.Load()) // those that are open still count
			}
		}
	}
	g.heir.Store(next)
	return true
}

// present is the gate that answers now.
func (g *Gate) present() *Gate {
	for {
		next := g.heir.Load()
		if next == nil {
			return g
		}
		g = next
	}
}

// Wait returns once every connection of this gate has ended. Call it after Serve
// has returned.
func (g *Gate) Wait() { g.conns.Wait() }

// adopt fills in the actor and whether the peer is a trusted proxy. Both were
// settled when the connection was accepted; one that another gate accepted is
// looked at again, since the lists may have changed with the gate.
func (x *exchange) adopt() {
	x.actor, x.direct, x.trusted = x.c.Actor, true, x.c.trusted
	x.cert = x.c.certify(x.g)
	if x.c.g == x.g {
		return
	}
	if x.cert != nil { // it may not be what the first gate made of it
		x.actor.Certificate, x.actor.Assurance = x.cert.name, haechi.Handshaken
		if x.cert.name != "" {
			x.actor.Assurance = haechi.Authenticated
		}
	}
	x.trusted = x.g.deps.Clients.Trusted(x.actor.Addr)
	if allowed := x.g.deps.Allowed(x.actor.Addr); allowed != x.actor.Allowed {
		x.actor.Allowed = allowed
		x.g.deps.Sessions.Identify(x.c.session, x.actor) // or a decision would still cut it, or not
	}
}
