package clientip_test

import (
	"net/netip"
	"strings"
	"testing"

	"haechi/internal/identity/clientip"
)

func trusted() func(netip.Addr) bool {
	nets := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("2001:db8:aa::/48"),
		netip.MustParsePrefix("192.0.2.1/32"),
	}
	return func(a netip.Addr) bool {
		for _, n := range nets {
			if n.Contains(a) {
				return true
			}
		}
		return false
	}
}

func TestClient(t *testing.T) {
	const proxy, stranger = "10.0.0.1", "203.0.113.9"
	long := strings.Repeat("x", 100_000)
	tests := []struct {
		name, peer string
		xff        []string
		want       string
	}{
		{"no header", stranger, nil, stranger},
		{"stranger's header is ignored", stranger, []string{"198.51.100.1"}, stranger},
		{"stranger claims an allowed address", stranger, []string{"127.0.0.1"}, stranger},
		{"one proxy", proxy, []string{"198.51.100.1"}, "198.51.100.1"},
		{"client wrote the left part", proxy, []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		{"client wrote a whole line", proxy, []string{"127.0.0.1", "198.51.100.1"}, "198.51.100.1"},
		{"client names a trusted proxy", proxy, []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", proxy, []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two proxies on two lines", proxy, []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"all trusted", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"health check of the proxy", proxy, nil, proxy},
		{"malformed last", proxy, []string{"198.51.100.1, unknown"}, proxy},
		{"malformed behind a hop", proxy, []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"malformed left of the client", proxy, []string{"unknown, 198.51.100.1"}, "198.51.100.1"},
		{"empty entry", proxy, []string{"198.51.100.1, "}, proxy},
		{"empty line", proxy, []string{""}, proxy},
		{"mapped peer", "::ffff:10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped entry", proxy, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped stranger", "::ffff:203.0.113.9", []string{"198.51.100.1"}, stranger},
		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 hop", proxy, []string{"2001:db8::7, 2001:db8:aa::1"}, "2001:db8::7"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with port", proxy, []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"IPv4 with port", proxy, []string{"198.51.100.1:1234"}, "198.51.100.1"},
		{"IPv4 in brackets is no address", proxy, []string{"[198.51.100.1]"}, proxy},
		{"zone", proxy, []string{"fe80::1%eth0"}, proxy},
		{"unspecified", proxy, []string{"0.0.0.0"}, proxy},
		{"multicast", proxy, []string{"ff02::1"}, proxy},
		{"leading zeros", proxy, []string{"198.051.100.1"}, proxy},
		{"host name", proxy, []string{"client.example"}, proxy},
		{"spaces and tabs", proxy, []string{"1.1.1.1 ,\t 198.51.100.1 \t"}, "198.51.100.1"},
		{"oversized junk", proxy, []string{long}, proxy},
		{"oversized junk left of the client", proxy, []string{long + ",198.51.100.1"}, "198.51.100.1"},
		{"too many hops", proxy, []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", 40)}, "10.0.0.2"},
	}
	r := clientip.New(clientip.Config{Trusted: trusted()})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Client(netip.MustParseAddr(tt.peer), tt.xff); got.String() != tt.want {
				t.Errorf("client = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	r := clientip.New(clientip.Config{})
	peer := netip.MustParseAddr("127.0.0.1")
	if got := r.Client(peer, []string{"198.51.100.1"}); got != peer || r.Trusted(peer) {
		t.Errorf("client = %v, trusted = %v", got, r.Trusted(peer))
	}
	if r.Trusted(netip.Addr{}) {
		t.Error("the invalid address is trusted")
	}
}

func TestNoAllocation(t *testing.T) {
	r := clientip.New(clientip.Config{Trusted: trusted()})
	peer := netip.MustParseAddr("10.0.0.1")
	xff := []string{"evil, 198.51.100.1", "[2001:db8:aa::1]:80, 10.0.0.2"}
	if n := testing.AllocsPerRun(100, func() { r.Client(peer, xff) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClient(b *testing.B) {
	r := clientip.New(clientip.Config{Trusted: trusted()})
	peer := netip.MustParseAddr("10.0.0.1")
	xff := []string{"198.51.100.1, 10.0.0.2"}
	b.ReportAllocs()
	for b.Loop() {
		r.Client(peer, xff)
	}
}
