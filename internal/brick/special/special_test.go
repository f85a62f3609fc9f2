package special_test

import (
	"net/netip"
	"testing"

	"haechi/internal/brick/special"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]special.Class{
		"10.1.2.3": special.Private, "172.15.255.255": special.Global, "172.16.0.0": special.Private, "172.31.255.255": special.Private,
		"172.32.0.0": special.Global, "172.217.4.226": special.Global, "192.168.255.255": special.Private, "192.169.0.0": special.Global,
		"100.63.255.255": special.Global, "100.64.0.0": special.Shared, "100.127.255.255": special.Shared, "100.128.0.0": special.Global,
		"127.0.0.1": special.Loopback, "169.254.1.1": special.LinkLocal, "0.0.0.0": special.Unspecified, "0.1.2.3": special.Unspecified,
		"192.0.0.9": special.Global, "192.0.0.8": special.Protocol, "192.0.2.1": special.Documentation, "198.18.0.1": special.Benchmark,
		"198.20.0.0": special.Global, "203.0.113.9": special.Documentation, "224.0.0.251": special.Multicast, "239.255.255.250": special.Multicast,
		"240.0.0.1": special.Reserved, "255.255.255.255": special.Broadcast, "255.255.255.254": special.Reserved, "8.8.8.8": special.Global,
		"::": special.Unspecified, "::1": special.Loopback, "::2": special.Global, "fe80::1%eth0": special.LinkLocal, "febf::1": special.LinkLocal,
		"fc00::1": special.Private, "fdff::1": special.Private, "fec0::1": special.Private, "ff02::fb": special.Multicast,
		"2001:db8::1": special.Documentation, "2001:db9::1": special.Global, "2001:0:1::1": special.Global, "2001:1::1": special.Global,
		"2001:1::4": special.Protocol, "2001:2::1": special.Benchmark, "2001:200::1": special.Global, "2002:a00:1::1": special.Global,
		"3fff:fff::1": special.Documentation, "3fff:1000::1": special.Global, "5f00::1": special.Private, "64:ff9b:1::1": special.Private,
		"::ffff:10.0.0.1": special.Private, "::ffff:8.8.8.8": special.Global, "64:ff9b::10.0.0.1": special.Private, "64:ff9b::808:808": special.Global,
		"2606:4700::1111": special.Global, "100::1": special.Reserved,
	} {
		if got := special.Of(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: class %d, want %d", text, got, want)
		}
	}
	if special.Of(netip.Addr{}) != special.Global || special.Internal(netip.Addr{}) {
		t.Error("an invalid address has a class")
	}
}

func TestInternal(t *testing.T) {
	for text, want := range map[string]bool{
		"172.217.4.226": false, "172.20.1.1": true, "100.64.1.1": true, "169.254.0.1": true, "fd00::1": true, "fe80::1": true, "::1": true,
		"224.0.0.251": true, "255.255.255.255": true, "203.0.113.1": false, "2001:db8::1": false, "240.0.0.1": false, "1.1.1.1": false,
	} {
		if got := special.Internal(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: internal %v", text, got)
		}
	}
}

// FuzzLookup: a block that is found holds the address, and IPv4 written as IPv6 is
// judged as IPv4.
func FuzzLookup(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1})
	f.Add([]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if block, found := special.Lookup(a); found && !block.Prefix.Contains(special.Plain(a)) {
			t.Errorf("%v is not in %v", a, block.Prefix)
		}
		if block, _ := special.Lookup(a); special.Of(a) != block.Class {
			t.Errorf("%v is %v, and in the registry %v", a, special.Of(a), block.Class)
		}
		if a.Is4() && special.Of(a) != special.Of(netip.AddrFrom16(a.As16())) {
			t.Errorf("%v differs as IPv6", a)
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	a, b := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2606:4700::1111")
	if n := testing.AllocsPerRun(100, func() { special.Of(a); special.Of(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOf(b *testing.B) {
	a := netip.MustParseAddr("2606:4700::1111")
	for range b.N {
		special.Of(a)
	}
}

// What is said without the registry is what it says.
func TestFirstWords(t *testing.T) {
	for first := range 1 << 16 {
		for _, second := range [...]uint16{0, 1, 2, 3, 4, 0x10, 0x20, 0x30, 0x1ff, 0x200, 0xdb7, 0xdb8, 0xdb9, 0xff9b, 0x4f, 0x8000, 0xffff} {
			a := netip.AddrFrom16([16]byte{byte(first >> 8), byte(first), byte(second >> 8), byte(second), 15: 1})
			if b, _ := special.Lookup(a); special.Of(a) != b.Class {
				t.Fatalf("%s is %v, and in the registry %v", a, special.Of(a), b.Class)
			}
		}
	}
}

// What is said without the registry is what it says.
func TestFirstBytes(t *testing.T) {
	for first := range 256 {
		for second := range 256 {
			for _, rest := range [][2]byte{{0, 0}, {0, 9}, {2, 1}, {113, 9}, {255, 255}} {
				a := netip.AddrFrom4([4]byte{byte(first), byte(second), rest[0], rest[1]})
				if b, _ := special.Lookup(a); special.Of(a) != b.Class {
					t.Fatalf("%s is %v, and in the registry %v", a, special.Of(a), b.Class)
				}
			}
		}
	}
}
