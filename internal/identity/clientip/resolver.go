package clientip

import (
	"net/netip"
	"strings"

	"haechi/internal/brick/clientkey"
)

const (
	defaultMaxBytes = 4096
	defaultMaxHops  = 32
	// longestEntry is "[" + an IPv6 address with an embedded IPv4 one + "]:65535".
	longestEntry = 1 + 45 + 1 + 6
)

// Config says whom a [Resolver] believes.
type Config struct {
	// Trusted reports whether the address is a proxy of ours; nil trusts nobody.
	// It is called with unmapped addresses without a zone.
	Trusted func(netip.Addr) bool
	// MaxBytes bounds how much of the headers is read, from the right; 0 means 4096.
	MaxBytes int
	// MaxHops bounds how many entries are read, from the right; 0 means 32.
	MaxHops int
}

// Resolver finds the client behind trusted proxies (want W3). It is safe for
// concurrent use.
type Resolver struct {
	trusted  func(netip.Addr) bool
	maxBytes int
	maxHops  int
}

// New makes a resolver.
func New(cfg Config) *Resolver {
	r := &Resolver{trusted: cfg.Trusted, maxBytes: cfg.MaxBytes, maxHops: cfg.MaxHops}
	if r.trusted == nil {
		r.trusted = func(netip.Addr) bool { return false }
	}
	if r.maxBytes <= 0 {
		r.maxBytes = defaultMaxBytes
	}
	if r.maxHops <= 0 {
		r.maxHops = defaultMaxHops
	}
	return r
}

// Trusted reports whether the address is a trusted proxy.
func (r *Resolver) Trusted(addr netip.Addr) bool {
	return addr.IsValid() && r.trusted(clientkey.Addr(addr))
}

// Client returns the client of a request that peer sent with these
// X-Forwarded-For header lines, in their order. It is peer itself when peer is
// not trusted. It is a trusted proxy only if every hop to its right, back to
// peer, is trusted and there is nothing readable to its left: the header ended,
// exceeded a bound, or holds what is no address.
func (r *Resolver) Client(peer netip.Addr, forwardedFor []string) netip.Addr {
	client := clientkey.Addr(peer)
	if !r.Trusted(client) {
		return client
	}
	budget, hops := r.maxBytes, r.maxHops
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		line, more := forwardedFor[i], true
		for more {
			var entry string
			entry, line, more = lastEntry(line)
			hops--
			budget -= len(entry) + 1
			addr, ok := parseEntry(entry)
			if !ok || hops < 0 || budget < 0 {
				return client
			}
			client = addr
			if !r.trusted(client) {
				return client
			}
		}
	}
	return client
}

// lastEntry cuts the part after the last comma off the line; more is false when
// nothing is left of it. No more than an entry can hold is searched, so that a
// long line costs no more than a short one.
func lastEntry(line string) (entry, rest string, more bool) {
	const spaces = 16
	from := max(0, len(line)-longestEntry-spaces)
	if i := strings.LastIndexByte(line[from:], ','); i >= 0 {
		return strings.Trim(line[from+i+1:], " \t"), line[:from+i], true
	}
	if from > 0 {
		return "", "", false
	}
	return strings.Trim(line, " \t"), "", false
}

// parseEntry reads an address as proxies write it: bare, in brackets, with or
// without a port. A zone is refused: it means something only on the proxy.
func parseEntry(text string) (netip.Addr, bool) {
	if len(text) < 2 || len(text) > longestEntry {
		return netip.Addr{}, false
	}
	addr, ok := parseHost(text)
	if !ok || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

func parseHost(text string) (netip.Addr, bool) {
	if text[0] == '[' && text[len(text)-1] == ']' {
		addr, ok := parseAddr(text[1 : len(text)-1])
		return addr, ok && addr.Is6()
	}
	if text[0] == '[' || strings.Count(text, ":") == 1 {
		if !ipLike(text) {
			return netip.Addr{}, false
		}
		ap, err := netip.ParseAddrPort(text)
		return ap.Addr(), err == nil
	}
	return parseAddr(text)
}

func parseAddr(text string) (netip.Addr, bool) {
	if !ipLike(text) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	return addr, err == nil
}

// ipLike keeps arbitrary text away from the parser, whose errors allocate: junk
// in the header must not cost more than an address.
func ipLike(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		case c == '.', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return text != ""
}
