package special

import (
	"encoding/binary"
	"net/netip"
)

// entry is a block of a registry: its first 8 bytes and length, and for a longer one the
// other 8.
type entry struct {
	hi, lo uint64
	bits   uint8
	class  Class
	source string
}

func lookup4(b [4]byte) (Block, bool) {
	v := uint64(binary.BigEndian.Uint32(b[:])) << 32
	blocks := blocks4()
	for i := range blocks {
		if e := &blocks[i]; (v^e.hi)>>(64-e.bits) == 0 {
			var p [4]byte
			binary.BigEndian.PutUint32(p[:], uint32(e.hi>>32))
			return Block{netip.PrefixFrom(netip.AddrFrom4(p), int(e.bits)), e.class, e.source}, true
		}
	}
	return Block{}, false
}

func lookup6(b [16]byte) (Block, bool) {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	blocks := blocks6()
	for i := range blocks {
		e := &blocks[i]
		if (hi^e.hi)>>(64-min(e.bits, 64)) == 0 && (e.bits <= 64 || (lo^e.lo)>>(128-e.bits) == 0) {
			var p [16]byte
			binary.BigEndian.PutUint64(p[:8], e.hi)
			binary.BigEndian.PutUint64(p[8:], e.lo)
			return Block{netip.PrefixFrom(netip.AddrFrom16(p), int(e.bits)), e.class, e.source}, true
		}
	}
	return Block{}, false
}

// blocks4 is the IPv4 registry, the more specific blocks before those they lie in.
func blocks4() [21]entry {
	return [...]entry{
		{0x0000000000000000, 0, 8, Unspecified, "RFC 791"},     // 0.0.0.0/8
		{0x0a00000000000000, 0, 8, Private, "RFC 1918"},        // 10.0.0.0/8
		{0x6440000000000000, 0, 10, Shared, "RFC 6598"},        // 100.64.0.0/10
		{0x7f00000000000000, 0, 8, Loopback, "RFC 1122"},       // 127.0.0.0/8
		{0xa9fe000000000000, 0, 16, LinkLocal, "RFC 3927"},     // 169.254.0.0/16
		{0xac10000000000000, 0, 12, Private, "RFC 1918"},       // 172.16.0.0/12
		{0xc000000900000000, 0, 32, Global, "RFC 7723"},        // 192.0.0.9/32
		{0xc000000a00000000, 0, 32, Global, "RFC 8155"},        // 192.0.0.10/32
		{0xc000000000000000, 0, 24, Protocol, "RFC 6890"},      // 192.0.0.0/24
		{0xc000020000000000, 0, 24, Documentation, "RFC 5737"}, // 192.0.2.0/24
		{0xc01fc40000000000, 0, 24, Global, "RFC 7535"},        // 192.31.196.0/24
		{0xc034c10000000000, 0, 24, Global, "RFC 7450"},        // 192.52.193.0/24
		{0xc058630000000000, 0, 24, Reserved, "RFC 7526"},      // 192.88.99.0/24
		{0xc0a8000000000000, 0, 16, Private, "RFC 1918"},       // 192.168.0.0/16
		{0xc0af300000000000, 0, 24, Global, "RFC 7534"},        // 192.175.48.0/24
		{0xc612000000000000, 0, 15, Benchmark, "RFC 2544"},     // 198.18.0.0/15
		{0xc633640000000000, 0, 24, Documentation, "RFC 5737"}, // 198.51.100.0/24
		{0xcb00710000000000, 0, 24, Documentation, "RFC 5737"}, // 203.0.113.0/24
		{0xe000000000000000, 0, 4, Multicast, "RFC 1112"},      // 224.0.0.0/4
		{0xffffffff00000000, 0, 32, Broadcast, "RFC 8190"},     // 255.255.255.255/32
		{0xf000000000000000, 0, 4, Reserved, "RFC 1112"},       // 240.0.0.0/4
	}
}

// blocks6 is the IPv6 registry, in the same order. 6to4 and Teredo count as global: the
// registry leaves them open, and a host outside is behind them. SRv6 identifiers
// (5f00::/16) never leave their domain; site-local addresses (fec0::/10) are deprecated
// and still a site's own where they are met.
func blocks6() [25]entry {
	return [...]entry{
		{0x0000000000000000, 0x1, 128, Loopback, "RFC 4291"},     // ::1/128
		{0x0000000000000000, 0x0, 128, Unspecified, "RFC 4291"},  // ::/128
		{0x0064ff9b00010000, 0x0, 48, Private, "RFC 8215"},       // 64:ff9b:1::/48
		{0x0100000000000000, 0x0, 64, Reserved, "RFC 6666"},      // 100::/64
		{0x0100000000000001, 0x0, 64, Reserved, "RFC 9780"},      // 100:0:0:1::/64
		{0x2001000100000000, 0x1, 128, Global, "RFC 7723"},       // 2001:1::1/128
		{0x2001000100000000, 0x2, 128, Global, "RFC 8155"},       // 2001:1::2/128
		{0x2001000100000000, 0x3, 128, Global, "RFC 9665"},       // 2001:1::3/128
		{0x2001000200000000, 0x0, 48, Benchmark, "RFC 5180"},     // 2001:2::/48
		{0x2001000300000000, 0x0, 32, Global, "RFC 7450"},        // 2001:3::/32
		{0x2001000401120000, 0x0, 48, Global, "RFC 7535"},        // 2001:4:112::/48
		{0x2001001000000000, 0x0, 28, Reserved, "RFC 4843"},      // 2001:10::/28
		{0x2001002000000000, 0x0, 28, Global, "RFC 7343"},        // 2001:20::/28
		{0x2001003000000000, 0x0, 28, Global, "RFC 9374"},        // 2001:30::/28
		{0x2001000000000000, 0x0, 32, Global, "RFC 4380"},        // 2001::/32
		{0x2001000000000000, 0x0, 23, Protocol, "RFC 2928"},      // 2001::/23
		{0x20010db800000000, 0x0, 32, Documentation, "RFC 3849"}, // 2001:db8::/32
		{0x2002000000000000, 0x0, 16, Global, "RFC 3056"},        // 2002::/16
		{0x2620004f80000000, 0x0, 48, Global, "RFC 7534"},        // 2620:4f:8000::/48
		{0x3fff000000000000, 0x0, 20, Documentation, "RFC 9637"}, // 3fff::/20
		{0x5f00000000000000, 0x0, 16, Private, "RFC 9602"},       // 5f00::/16
		{0xfc00000000000000, 0x0, 7, Private, "RFC 4193"},        // fc00::/7
		{0xfe80000000000000, 0x0, 10, LinkLocal, "RFC 4291"},     // fe80::/10
		{0xfec0000000000000, 0x0, 10, Private, "RFC 3879"},       // fec0::/10
		{0xff00000000000000, 0x0, 8, Multicast, "RFC 4291"},      // ff00::/8
	}
}
