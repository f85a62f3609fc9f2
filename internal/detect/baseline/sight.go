package baseline

import (
	"net/netip"

	"haechi"
)

// sight is an actor as it was seen last. There is one for everybody, most of whom are an
// address and a device, so it is as little as those take.
type sight struct {
	addr      [16]byte      // all zero: none
	more      *haechi.Actor // the whole, where it is more than the rest tells
	bits      uint8         // of the client's prefix
	assurance haechi.Assurance
	allowed   bool
	whole     bool // that more counts
}

// take keeps the actor, in memory that it has already but for the first who is more.
func (s *sight) take(a *haechi.Actor) {
	s.addr, s.bits, s.assurance, s.allowed, s.whole = [16]byte{}, uint8(a.Client.Bits()), a.Assurance, a.Allowed, false
	if a.Addr.IsValid() {
		s.addr = a.Addr.As16()
	}
	if s.actor(a.Device) == *a {
		return
	}
	if s.whole = true; s.more == nil {
		s.more = new(haechi.Actor)
	}
	*s.more = *a
}

// actor is who was seen, of that device.
func (s *sight) actor(device string) haechi.Actor {
	if s.whole {
		return *s.more
	}
	addr, client := netip.Addr{}, netip.Prefix{}
	if s.addr != [16]byte{} {
		addr = netip.AddrFrom16(s.addr).Unmap()
	}
	if int(s.bits) <= addr.BitLen() && addr.IsValid() {
		client, _ = addr.Prefix(int(s.bits)) // such a length is one
	}
	return haechi.Actor{Addr: addr, Client: client, Device: device, Assurance: s.assurance, Allowed: s.allowed}
}
