package special

import "net/netip"

// Class says what a block is for.
type Class uint8

// The classes.
const (
	Global        Class = iota // a public address, or a special block that is globally reachable
	Private                    // a site's own: RFC 1918, unique local
	Shared                     // of a carrier's NAT: RFC 6598
	LinkLocal                  // of one link
	Loopback                   // of one host
	Multicast                  // a group
	Broadcast                  // everybody on the link
	Unspecified                // nobody yet: 0.0.0.0/8, ::
	Protocol                   // of a protocol's machinery, not globally reachable
	Benchmark                  // of test networks: RFC 2544, RFC 5180
	Documentation              // of examples
	Reserved                   // of nobody
)

// Block is one entry of a registry.
type Block struct {
	Prefix netip.Prefix
	Class  Class
	Source string // the RFC that made it
}

// Of returns the class of an address, [Global] for an invalid one.
func Of(a netip.Addr) Class {
	switch {
	case a.Is4():
		if c, ok := quick4(a.As4()); ok {
			return c
		}
	case a.Is6():
		if c, ok := quick6(a.As16()); ok {
			return c
		}
	}
	b, _ := Lookup(a)
	return b.Class
}

// Internal reports whether the address can only be one of a site itself: private,
// shared, local to link or host, a group, and what protocols and test networks use.
// Addresses of examples and of nobody are not.
func Internal(a netip.Addr) bool {
	switch Of(a) {
	case Global, Documentation, Reserved:
		return false
	}
	return a.IsValid()
}

// Lookup returns the most specific block that the address is in; ok is false for an
// address of no special purpose.
func Lookup(a netip.Addr) (b Block, ok bool) {
	a = Plain(a)
	switch {
	case !a.IsValid():
		return Block{}, false
	case a.Is4():
		return lookup4(a.As4())
	}
	return lookup6(a.As16())
}

// Plain is an IPv4 address that was written as IPv6 or for NAT64 (64:ff9b::/96) as
// IPv4, and any other address without its zone.
func Plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if b := a.As16(); [12]byte(b[:12]) == [12]byte{0, 0x64, 0xff, 0x9b} {
			return netip.AddrFrom4([4]byte(b[12:]))
		}
	}
	return a
}
