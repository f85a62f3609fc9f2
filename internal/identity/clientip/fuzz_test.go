package clientip_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"haechi/internal/identity/clientip"
)

// hops is the naive reading of the header: every entry from the right, as an
// address or the invalid one. It is the yardstick, not the code under test.
func hops(lines []string) []netip.Addr {
	var out []netip.Addr
	entries := strings.Split(strings.Join(lines, ","), ",")
	slices.Reverse(entries)
	for _, e := range entries {
		e = strings.Trim(e, " \t")
		addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(e, "["), "]"))
		if err != nil {
			ap, _ := netip.ParseAddrPort(e)
			addr = ap.Addr()
		}
		out = append(out, addr.Unmap())
	}
	return out
}

// FuzzClient holds the property that matters: the answer is the peer, or an
// entry with nothing but trusted hops between it and the peer.
func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1", "127.0.0.1, 198.51.100.1", "10.0.0.2")
	f.Add("203.0.113.9", "10.0.0.1", "")
	f.Add("::ffff:10.0.0.1", "[2001:db8::7]:443", "2001:db8:aa::1")
	f.Add("10.0.0.1", "unknown,,10.0.0.1:80", "fe80::1%eth0")
	f.Fuzz(func(t *testing.T, peerText, first, second string) {
		peer, err := netip.ParseAddr(peerText)
		if err != nil {
			t.Skip()
		}
		isTrusted := trusted()
		lines := []string{first, second}
		got := clientip.New(clientip.Config{Trusted: isTrusted}).Client(peer, lines)
		plain := peer.Unmap().WithZone("")
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%v is no plain address", got)
		}
		if !isTrusted(plain) {
			if got != plain {
				t.Fatalf("a stranger's header was believed: %v", got)
			}
			return
		}
		if got == plain {
			return
		}
		for _, hop := range hops(lines) {
			if hop == got {
				return
			}
			if !isTrusted(hop) {
				t.Fatalf("%v stands left of the untrusted hop %v", got, hop)
			}
		}
		t.Fatalf("%v is not in the header", got)
	})
}

// FuzzClientNeverStopsEarly: when all entries are well-formed, a trusted proxy
// is the answer only if all of them are trusted.
func FuzzClientNeverStopsEarly(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1, 198, 51, 100, 1, 10, 0, 0, 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var chain []string
		var want netip.Addr
		isTrusted := trusted()
		for ; len(raw) >= 4 && len(chain) < 30; raw = raw[4:] {
			addr := netip.AddrFrom4([4]byte(raw))
			if addr.IsUnspecified() || addr.IsMulticast() {
				continue
			}
			chain = append(chain, addr.String())
			if !isTrusted(addr) {
				want = addr // the rightmost untrusted one wins
			}
		}
		if !want.IsValid() {
			t.Skip()
		}
		peer := netip.MustParseAddr("10.0.0.1")
		got := clientip.New(clientip.Config{Trusted: isTrusted}).Client(peer, []string{strings.Join(chain, ", ")})
		if got != want {
			t.Fatalf("client = %v, want %v in %v", got, want, chain)
		}
	})
}
