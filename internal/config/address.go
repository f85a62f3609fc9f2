package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// network is an address or a prefix as it is written: 203.0.113.10 or 10.0.0.0/8.
type network netip.Prefix

const networkHint = `write an address or a network, for example 203.0.113.10, 10.0.0.0/8 or 2001:db8::/32`

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *network) UnmarshalText(b []byte) error {
	text := string(b)
	fail := wrong(networkHint, "%s is no network", quoted(text))
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return fail
		}
		a = a.Unmap()
		*n = network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return fail
	}
	if m := p.Masked(); m != p {
		return wrong("write "+m.String()+", or one address without a length", "%s has bits set behind its length", quoted(text))
	}
	*n = network(p)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (n network) MarshalText() ([]byte, error) { return netip.Prefix(n).MarshalText() }

// listen is an address to listen on: ":1491", "127.0.0.1:9443" or "[::1]:80".
type listen string

const listenHint = `write [address]:port, for example ":443", "127.0.0.1:9443" or "[::1]:8080"`

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *listen) UnmarshalText(b []byte) error {
	text := string(b)
	if text == "" {
		*l = ""
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port, 0) {
		return wrong(listenHint, "%s is no address to listen on", quoted(text))
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return wrong(listenHint, "%s is no IP address of this machine", quoted(host))
	}
	*l = listen(text)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (l listen) MarshalText() ([]byte, error) { return []byte(l), nil }

// conflicts reports whether two addresses cannot be listened on at once. Port 0
// lets the system choose and conflicts with nothing.
func (l listen) conflicts(other listen) bool {
	h1, p1, err1 := net.SplitHostPort(string(l))
	h2, p2, err2 := net.SplitHostPort(string(other))
	if err1 != nil || err2 != nil || p1 != p2 || p1 == "0" {
		return false
	}
	return anyHost(h1) || anyHost(h2) || sameHost(h1) == sameHost(h2)
}

func anyHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || (err == nil && a.IsUnspecified())
}

func sameHost(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	return a.Unmap().String()
}

// isPort reports whether the text is a port number from least to 65,535, without
// sign or leading zero.
func isPort(text string, least int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= 65_535 && strconv.Itoa(n) == text
}

// isHost reports whether the text is an address or a plausible host name: letters,
// digits and dashes in labels of at most 63 (RFC 1123).
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}
