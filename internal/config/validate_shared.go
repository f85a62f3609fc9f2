package config

import (
	"fmt"
	"slices"
)

// place is one address that something listens on; service is empty for our own.
type place struct {
	key     string
	addr    listen
	service string
	// redirect: plain HTTP whose every request is sent to https.
	redirect bool
}

// mayShare says why two places cannot be one address; empty if they can. Web
// services share an address by their host names. What is settled before a host name
// is known must then be equal.
func (v *validator) mayShare(a, b place) (why, hint string) {
	s, t := v.raw.Services[a.service], v.raw.Services[b.service]
	const own = "give each an address and port of its own"
	if a.service == b.service || s.Kind != kindHTTP || t.Kind != kindHTTP || a.addr != b.addr {
		return fmt.Sprintf("%s is taken by %s already", quoted(string(a.addr)), b.key), own
	}
	for _, host := range s.Hosts {
		if slices.Contains(t.Hosts, host) {
			return fmt.Sprintf("%s and services.%s both serve %s at %s", a.key, b.service, quoted(host), quoted(string(a.addr))),
				"give each host to one service, or " + own
		}
	}
	for _, part := range []struct {
		name string
		same bool
	}{
		{"tls (all or none)", (s.TLS == rawTLS{} || a.redirect) == (t.TLS == rawTLS{} || b.redirect)},
		{"tls.policy", s.TLS.Policy == t.TLS.Policy || a.redirect || b.redirect},
		{"tls.http3", s.TLS.HTTP3 == t.TLS.HTTP3 || a.redirect || b.redirect},
		{"tls.clients", s.TLS.Clients == t.TLS.Clients || a.redirect || b.redirect},
		{"proxy_protocol", slices.Equal(s.ProxyProtocol, t.ProxyProtocol)},
		{"limits.header", s.Limits.Header == t.Limits.Header},
		{"limits.max_connections", s.Limits.MaxConnections == t.Limits.MaxConnections},
		{"timeouts.header", s.Timeouts.Header == t.Timeouts.Header},
		{"timeouts.idle", s.Timeouts.Idle == t.Timeouts.Idle},
		{"timeouts.body", s.Timeouts.Body == t.Timeouts.Body},
		{"timeouts.send", s.Timeouts.Send == t.Timeouts.Send},
		{"limits.min_rate", s.Limits.MinRate == t.Limits.MinRate},
	} {
		if !part.same {
			return fmt.Sprintf("services.%s and services.%s share %s but differ in %s, which counts before the host is known",
				a.service, b.service, quoted(string(a.addr)), part.name), "make it equal, or " + own
		}
	}
	return "", ""
}
