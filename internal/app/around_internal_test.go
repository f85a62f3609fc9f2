package app

import (
	"net/netip"
	"slices"
	"testing"
)

func TestSurroundings(t *testing.T) {
	route := `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth1	00000000	0101A8C0	0003	0	0	100	00000080	0	0	0
`
	if got := gateways4(route); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) { // on a little-endian machine
		t.Errorf("gateways: %v", got)
	}
	route6 := `fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
`
	if got := gateways6(route6); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("fe80::1")}) {
		t.Errorf("IPv6 gateways: %v", got)
	}
	conf := "# nameserver 9.9.9.9\nsearch example.com\nnameserver 192.0.2.53\nnameserver  2001:db8::53 \nnameserver x\n"
	if got := resolvers(conf); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")}) {
		t.Errorf("name servers: %v", got)
	}
	for upstream, want := range map[string]string{
		"10.0.0.5:1491": "10.0.0.5", "http://10.0.0.6:8080/x": "10.0.0.6", "https://[2001:db8::1]": "2001:db8::1", "[::ffff:10.0.0.7]:1": "10.0.0.7",
		"shop.internal:443": "", "https://shop.internal/": "", "": "",
	} {
		if a, ok := literal(upstream); ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q: %v, %v", upstream, a, ok)
		}
	}
}
