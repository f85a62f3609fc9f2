package httpgate

import (
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"haechi"
)

const (
	protoH1, protoH2 = "http/1.1", "h2"
	plainLetters     = "DGHOPCTL" // with which a plain request begins
)

// secure speaks TLS with a client, in front of net/http, so that what HTTP is spoken on
// is seen in the clear: net/http answers some requests by itself, and says nothing of
// them. It returns nil if that comes to nothing.
func (g *Gate) secure(c *conn) *tls.Conn {
	t := tls.Server(c, g.tls)
	// An error means a connection that is gone, which the handshake meets too.
	_ = c.SetDeadline(c.opened.Add(g.cfg.HeaderTimeout))
	if err := t.Handshake(); err != nil {
		g.handshakeFailed(c, err)
		return nil
	}
	_ = c.SetDeadline(time.Time{})
	state := t.ConnectionState()
	c.secured, c.Conn.TLS = &state, true
	c.introduce(c.certify(g))
	return t
}

// handshakeFailed tells of a peer that does not speak TLS. One that speaks HTTP is
// answered; one that breaks off, or does not like the certificate, is counted only.
func (g *Gate) handshakeFailed(c *conn, err error) {
	g.counts.handshakes.Add(1)
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || record.Conn == nil {
		return
	}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleNoTLS}
	e := c.refusal(haechi.KindHandshake, v)
	if slices.Contains([]byte(plainLetters), record.RecordHeader[0]) {
		e.Kind, e.Status = haechi.KindRequest, 400
		_, _ = c.Write(g.bare(e)) // the peer may be gone; there is nobody to tell
	}
	g.deps.Sink.Emit(e)
}

// protocols are those that clients may choose among, after what the configuration
// serves by itself.
func protocols(conf *tls.Config) []string {
	out := slices.Clone(conf.NextProtos)
	for _, p := range []string{protoH2, protoH1} {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
