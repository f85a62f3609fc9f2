package baseline

import (
	"net/netip"

	"haechi"
)

// sight is an actor as it was seen last. There is one for everybody, most of whom are an
// address and a device, so it is as little as those take.
type sight struct {
	addr      netip.Addr
	more      *haechi.Actor // the whole, where it is more than the rest tells
	bits      uint8         // of the client's prefix
	assurance haechi.Assurance
	allowed   bool
	whole     bool // that more counts
}

// take keeps the actor, in memory that it has already but for the first who is more.
func (s *sight) take(a *haechi.Actor) {
	s.addr, s.bits, s.assurance, s.allowed, s.whole = a.Addr, uint8(a.Client.Bits()), a.Assurance, a.Allowed, false
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
	client := netip.Prefix{}
	if int(s.bits) <= s.addr.BitLen() && s.addr.IsValid() {
		client, _ = s.addr.Prefix(int(s.bits)) // such a length is one
	}
	return haechi.Actor{Addr: s.addr, Client: client, Device: device, Assurance: s.assurance, Allowed: s.allowed}
}
