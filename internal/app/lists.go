package app

import (
	"net"
	"net/netip"
	"sync/atomic"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/brick/prefixset"
)

// lists is who must never be acted on. The parts that ask hold functions of it, so
// a reload changes the answer for all of them at once.
type lists struct {
	allow, proxies atomic.Pointer[prefixset.Set]
	own, around    atomic.Pointer[prefixset.Set] // of this machine; gateways and name servers
	behind         atomic.Pointer[prefixset.Set] // servers behind, as far as they are named by address
	// console names the addresses of live console sessions; set once before use.
	console func() []netip.Addr
	v6Bits  int
}

func newLists(v6Bits int) *lists {
	l := &lists{v6Bits: v6Bits, console: func() []netip.Addr { return nil }}
	empty := prefixset.New()
	l.allow.Store(empty)
	l.proxies.Store(empty)
	l.own.Store(empty)
	l.around.Store(empty)
	l.behind.Store(empty)
	return l
}

func (l *lists) set(allow, proxies, behind []netip.Prefix) {
	l.allow.Store(prefixset.New(allow...))
	l.proxies.Store(prefixset.New(proxies...))
	l.behind.Store(prefixset.New(behind...))
}

// refreshOwn reads the addresses bound to interfaces, and those of default gateways and
// name servers. 127.0.0.1 and ::1 are among them, the rest of 127.0.0.0/8 is not.
func (l *lists) refreshOwn() error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "list own addresses", Err: err}
	}
	var own []netip.Prefix
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok {
			ip = clientkey.Addr(ip)
			own = append(own, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	l.own.Store(prefixset.New(own...))
	l.around.Store(prefixset.New(surroundings()...))
	return nil
}

func (l *lists) allowed(a netip.Addr) bool { return l.allow.Load().Contains(a) }

func (l *lists) allowsAny(p netip.Prefix) bool { return l.allow.Load().Overlaps(p) }

func (l *lists) trusted(a netip.Addr) bool { return l.proxies.Load().Contains(a) }

// protected says why a scope must not be acted on.
func (l *lists) protected(s haechi.Scope) (string, bool) {
	if !s.Prefix.IsValid() {
		return "", false
	}
	switch {
	case l.own.Load().Overlaps(s.Prefix):
		return "it is an address of this machine", true
	case l.proxies.Load().Overlaps(s.Prefix):
		return "it is a trusted proxy", true
	case l.around.Load().Overlaps(s.Prefix):
		return "it is a default gateway or a name server of this machine", true
	case l.behind.Load().Overlaps(s.Prefix):
		return "it is the server behind a service", true
	}
	for _, a := range l.console() {
		if s.Prefix.Contains(a) || clientkey.Of(a, l.v6Bits).Overlaps(s.Prefix) {
			return "an operator is logged in to the console from there", true
		}
	}
	return "", false
}
