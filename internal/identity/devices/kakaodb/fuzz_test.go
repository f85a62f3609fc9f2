package kakaodb_test

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"haechi/internal/identity/devices/kakaodb"
)

// FuzzAddress: what a table names as a server is dialled only if it is one host and
// one port, and no address that stands for every machine.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"10.0.0.5", "::1", "[::1]", "fe80::1%eth0", "bots.internal", "0.0.0.0", "::", "a:1", "a b", "user@host", "", "/tmp/sock", "10.0.0.5:1491", "도매까.kr"} {
		f.Add("1491", s, "10.0.0.6")
	}
	f.Add("0", "a", "b")
	f.Add("65536", "a", "b")
	f.Add("-1", "a", "b")
	f.Fuzz(func(t *testing.T, port, first, second string) {
		addr, ok := kakaodb.Address(port, kakaodb.Short([]byte(first), 253), kakaodb.Short([]byte(second), 253))
		if !ok {
			return
		}
		host, p, err := net.SplitHostPort(addr)
		if n, nerr := strconv.Atoi(p); err != nil || nerr != nil || n < 1 || n > 65535 || host == "" {
			t.Fatalf("%q %q %q became %q", port, first, second, addr)
		}
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
			t.Fatalf("%q stands for every machine", addr)
		}
		if strings.ContainsAny(host, "/@ \x00\n") {
			t.Fatalf("%q is no host", host)
		}
	})
}

// FuzzShort: a text of the database is bounded, valid and harmless before it is
// shown anywhere.
func FuzzShort(f *testing.F) {
	f.Add([]byte("분실"), 4)
	f.Add([]byte("a\x1b[2J\x00\xff"), 64)
	f.Add([]byte("\u0085\u009b31m"), 64)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		if most < 0 || most > 1<<16 {
			return
		}
		out := kakaodb.Short(text, most)
		if len(out) > most || !utf8.ValidString(out) || strings.ContainsFunc(out, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}
