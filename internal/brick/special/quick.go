package special

import "encoding/binary"

// quick4 says the class of an IPv4 address where its beginning is enough, as [Lookup]
// would: it is asked several times for each flow, mostly about these.
func quick4(b [4]byte) (c Class, ok bool) {
	third := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	switch b[0] {
	case 10:
		return Private, true
	case 127:
		return Loopback, true
	case 172:
		return oneOf(b[1]>>4 == 1, Private), true
	case 192:
		return Private, b[1] == 168
	case 198:
		if third == 198<<16|51<<8|100 {
			return Documentation, true
		}
		return oneOf(b[1]>>1 == 9, Benchmark), true
	case 203:
		return oneOf(third == 203<<16|113, Documentation), true
	case 0, 100, 169:
		return Global, false
	}
	return Global, b[0] < 224
}

// quick6 does so with IPv6. Blocks within 2001::/23 are left to the registry.
func quick6(b [16]byte) (c Class, ok bool) {
	second := binary.BigEndian.Uint16(b[2:])
	switch first := binary.BigEndian.Uint16(b[:]); {
	case first == 0x2001 && second >= 0x200:
		return oneOf(second == 0xdb8, Documentation), true
	case first>>13 == 1 && first != 0x2001 && first != 0x2620 && first != 0x3fff:
		return Global, true // what is given out, without the beginnings of blocks
	case first>>9 == 0x7e:
		return Private, true
	}
	return Global, false
}

// oneOf is the class of a block that the address is in, or global.
func oneOf(in bool, c Class) Class {
	if in {
		return c
	}
	return Global
}
