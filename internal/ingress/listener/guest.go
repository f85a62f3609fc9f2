package listener

import (
	"net/netip"

	"haechi"
)

// Doubtful reports whether a client that comes from that address over another transport
// than this listener's sockets would be refused now. It counts nothing and tells nobody,
// since the address may be forged: such a client has to show first that it is its own.
func (l *Listener) Doubtful(addr netip.Addr) bool {
	in := &admission{actor: l.actor(addr)}
	in.actor.Assurance = haechi.Seen
	if in.actor.Allowed || l.cfg.TrustedProxy(addr) {
		return false
	}
	if l.live.Load() >= int64(l.cfg.MaxConns) {
		return true
	}
	if v := l.ask(l.cfg.Lists, in); refusesConnection(&v) {
		return true
	}
	return l.cfg.Cap != nil && l.cfg.Cap.Full(in.actor.Client)
}

// Admit judges a client that came over UDP and whose address is its own, as a connection
// that is accepted here: by the same judge and within the same caps, counted and told
// alike. release, not nil if ok, gives its place back.
func (l *Listener) Admit(peer netip.AddrPort, local uint16) (a haechi.Actor, release func(), ok bool) {
	in := &admission{actor: l.actor(peer.Addr()), port: peer.Port(), local: local, transport: haechi.UDP}
	if live := l.live.Add(1); l.overloaded(peer.Addr(), live) {
		in.verdict = l.tooMany(live)
	} else if place, ok := l.place(in, in.actor.Allowed || l.cfg.TrustedProxy(peer.Addr())); ok {
		l.welcome(in)
		return in.actor, func() {
			if place != nil {
				place()
			}
			l.Gone()
		}, true
	}
	l.Gone()
	l.emit(in, haechi.Failure)
	return haechi.Actor{}, nil, false
}
