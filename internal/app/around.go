package app

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"haechi/internal/brick/clientkey"
)

// surroundings are the machines without which this one is cut off: default gateways
// and name servers. A file that cannot be read, as on other systems than Linux, names
// none.
func surroundings() (out []netip.Prefix) {
	for _, source := range []struct {
		file  string
		parse func(string) []netip.Addr
	}{
		{"/proc/net/route", gateways4}, {"/proc/net/ipv6_route", gateways6},
		{"/etc/resolv.conf", resolvers}, {"/run/systemd/resolve/resolv.conf", resolvers},
	} {
		text, err := os.ReadFile(source.file)
		if err != nil {
			continue
		}
		for _, a := range source.parse(string(text)) {
			if a = clientkey.Addr(a); a.IsValid() && !a.IsUnspecified() {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	return out
}

// gateways4 reads the gateways of default routes from /proc/net/route (proc(5)):
// addresses are hexadecimal numbers in the machine's byte order.
func gateways4(text string) (out []netip.Addr) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
		out = append(out, netip.AddrFrom4(a))
	}
	return out
}

// gateways6 reads the gateways of default routes from /proc/net/ipv6_route: destination,
// its length, source, its length, next hop.
func gateways6(text string) (out []netip.Addr) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 || f[1] != "00" {
			continue
		}
		if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 {
			out = append(out, netip.AddrFrom16([16]byte(b)))
		}
	}
	return out
}

// resolvers reads the name servers from resolv.conf(5).
func resolvers(text string) (out []netip.Addr) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}

// literal is the address in an upstream's URL or host:port, if it is none of a name.
func literal(upstream string) (netip.Addr, bool) {
	host := upstream
	if u, err := url.Parse(upstream); err == nil && u.Host != "" {
		host = u.Host
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return clientkey.Addr(a), err == nil
}
