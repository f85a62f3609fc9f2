package clientkey

import "net/netip"

// DefaultV6Bits is the prefix length that makes one IPv6 client: a /64 is what
// one customer or one network link gets (RFC 6177, RFC 7421).
const DefaultV6Bits = 64

const maxV6Bits = 128

// Addr returns the address as it is compared everywhere: an IPv4-mapped IPv6
// address becomes IPv4 and a zone is dropped.
func Addr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// Of returns the client key of an address: IPv4 as a /32, IPv6 masked to v6Bits
// (1 to 128; 0 or less means [DefaultV6Bits], more means 128). An invalid address
// gives the zero prefix.
func Of(addr netip.Addr, v6Bits int) netip.Prefix {
	if addr.Is4() { // nearly every one, and it has no zone
		return netip.PrefixFrom(addr, 32)
	}
	addr = Addr(addr)
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = v6Length(v6Bits)
	}
	p, err := addr.Prefix(bits)
	if err != nil { // bits is within range for the family, so this cannot be
		return netip.Prefix{}
	}
	return p
}

func v6Length(bits int) int {
	if bits <= 0 {
		return DefaultV6Bits
	}
	return min(bits, maxV6Bits)
}
