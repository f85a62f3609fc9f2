package httpgate

import (
	"crypto/tls"

	"haechi"
	"haechi/internal/brick/ja4"
	"haechi/internal/ingress"
)

const protoH3 = "h3"

// StreamTLS is how handshakes of HTTP/3 are held, nil for a plain gate: as those over
// TCP, but that it is TLS 1.3. Whoever holds them puts an ingress.Hello into their
// context.
func (g *Gate) StreamTLS() *tls.Config {
	if g.cfg.TLS == nil {
		return nil
	}
	out := g.cfg.TLS.Clone()
	out.NextProtos, out.MinVersion = []string{protoH3}, tls.VersionTLS13
	conf, before := out.Clone(), out.GetConfigForClient
	out.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		g.hearStream(hello, conf)
		if before != nil {
			return before(hello)
		}
		return nil, nil
	}
	return out
}

// hearStream is hear for a handshake of QUIC.
func (g *Gate) hearStream(hello *tls.ClientHelloInfo, conf *tls.Config) {
	h := ingress.HelloOf(hello.Context())
	if h == nil {
		return
	}
	h.Fingerprint = fingerprint(hello, ja4.QUIC)
	if reason, rule := weakness(hello, conf); reason != "" {
		a := h.Actor
		a.Fingerprint = h.Fingerprint
		g.tell(&haechi.Event{Actor: a, Port: h.Port, LocalPort: h.LocalPort}, reason, rule, hello.ServerName)
	}
}
