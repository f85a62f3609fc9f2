package httpgate

import (
	"crypto/tls"
	"slices"

	"haechi"
	"haechi/internal/brick/ja4"
)

// fallbackSCSV is what a client says that comes again with less than it can, after a
// first attempt failed (RFC 7507): somebody in between may have made it fail.
const fallbackSCSV = 0x5600

const maxServerName = 255

const ruleVersion = "tls/version"

// listen makes the TLS configuration tell the gate of every hello.
func (g *Gate) listen(conf *tls.Config) *tls.Config {
	if conf == nil {
		return nil
	}
	out := conf.Clone()
	out.NextProtos = protocols(conf)
	before := out.GetConfigForClient
	out.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		g.hear(hello, conf)
		if before != nil {
			return before(hello)
		}
		return nil, nil
	}
	return out
}

// hear takes the client's fingerprint from its hello, and tells of one that asks for
// less than it should; the handshake refuses that by itself.
func (g *Gate) hear(hello *tls.ClientHelloInfo, conf *tls.Config) {
	c, ok := hello.Conn.(*conn)
	if !ok {
		return
	}
	c.Actor.Fingerprint = fingerprint(hello, ja4.TCP)
	g.deps.Sessions.Identify(c.session, c.Actor) // so that a decision about it finds the connection
	if reason, rule := weakness(hello, conf); reason != "" {
		g.tell(c.from(), reason, rule, hello.ServerName)
	}
}

// from is an event with who the connection is of.
func (c *conn) from() *haechi.Event {
	return &haechi.Event{Actor: c.Actor, Port: c.Port, LocalPort: c.LocalPort, Session: c.session}
}

// hearFirst tells of a hello of SSL 2, which is no TLS record and which crypto/tls
// refuses without asking. Such a hello begins with its length, of which the highest bit
// is set, its type 1 and its version (RFC 6101, appendix E).
func (g *Gate) hearFirst(c *conn, p []byte) {
	if g.cfg.TLS != nil && len(p) >= 5 && p[0]&0x80 != 0 && p[2] == 1 && (p[3] == 0 && p[4] == 2 || p[3] == 3) {
		g.tell(c.from(), haechi.ReasonTLSVersion, ruleVersion, "")
	}
}

// tell reports a hello that is refused; e says whose it is.
func (g *Gate) tell(e *haechi.Event, reason haechi.Reason, rule, name string) {
	g.counts.helloRefused.Add(1)
	now := g.deps.Now()
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: e.Client}
	about := scope.String() + e.Fingerprint[:min(3, len(e.Fingerprint))] // an attempt with each version has a reference of its own
	e.Time, e.Kind, e.Outcome, e.Severity, e.Reason, e.Service = now.UTC(), haechi.KindHello, haechi.Failure, haechi.Low, reason, g.cfg.Name
	e.Host, e.Verdict, e.Rule, e.Ref = bounded(name, maxServerName), haechi.Deny, rule, haechi.NewReference(rule, about, now)
	g.deps.Sink.Emit(e)
}

func fingerprint(hello *tls.ClientHelloInfo, over ja4.Transport) string {
	h := ja4.Hello{Transport: over, Versions: hello.SupportedVersions, Suites: hello.CipherSuites, Extensions: hello.Extensions}
	h.Signatures = make([]uint16, len(hello.SignatureSchemes))
	for i, s := range hello.SignatureSchemes {
		h.Signatures[i] = uint16(s)
	}
	if len(hello.SupportedProtos) > 0 {
		h.ALPN = hello.SupportedProtos[0]
	}
	return ja4.Of(&h)
}

// weakness says why a hello will be refused; empty if it will not for these reasons.
func weakness(hello *tls.ClientHelloInfo, conf *tls.Config) (reason haechi.Reason, rule string) {
	var top uint16
	for _, v := range hello.SupportedVersions {
		if v <= tls.VersionTLS13 { // above are GREASE and what nobody speaks yet
			top = max(top, v)
		}
	}
	least := max(conf.MinVersion, tls.VersionTLS12)
	switch {
	case top < least:
		return haechi.ReasonTLSVersion, ruleVersion
	case top < tls.VersionTLS13 && slices.Contains(hello.CipherSuites, fallbackSCSV):
		return haechi.ReasonTLSFallback, "tls/fallback"
	case top < tls.VersionTLS13 && !anyOf(hello.CipherSuites, suitesOf(conf)):
		return haechi.ReasonTLSSuites, "tls/suites"
	case conf.GetCertificate != nil && len(conf.Certificates) == 0:
		if cert, err := conf.GetCertificate(hello); cert == nil && err == nil {
			return haechi.ReasonUnknownHost, "tls/server-name"
		}
	}
	return "", ""
}

// suitesOf are the suites for TLS 1.2; TLS 1.3 has no weak ones.
func suitesOf(conf *tls.Config) []uint16 {
	if conf.CipherSuites != nil {
		return conf.CipherSuites
	}
	var out []uint16
	for _, s := range tls.CipherSuites() {
		out = append(out, s.ID)
	}
	return out
}

func anyOf(offered, ours []uint16) bool {
	return slices.ContainsFunc(offered, func(s uint16) bool { return slices.Contains(ours, s) })
}
