package devicegate

import (
	"crypto/tls"

	"haechi"
	"haechi/internal/ingress"
)

// certify takes over whose certificate a connection over TLS was opened with. It is no
// proof of the device, which proves itself as any other; but what it was let in by may be
// revoked, and then it ends.
func (s *session) certify(c *ingress.Conn) (refused haechi.Verdict) {
	by, d := s.gate.deps.Certificates, &s.gate.deps
	t, ok := c.Conn.(*tls.Conn)
	if by == nil || !ok {
		return haechi.Verdict{}
	}
	name, v, release := by.Hold(t.ConnectionState().PeerCertificates, d.Now(), s.Cut)
	c.Actor.Certificate, s.loose.released = name, release // no descriptor of TLS is ever detached, which would use it too
	return v
}
