package httpgate

import (
	"encoding/base64"
	"net/http"

	"haechi"
	"haechi/internal/ingress"
)

// certHeader is how the upstream is told of a client's certificate (RFC 9440).
const certHeader = "Client-Cert"

// certified is what a connection's certificate is worth to one gate.
type certified struct {
	by      ingress.Certificates
	name    string
	header  []string        // for the upstream; nil without a certificate
	barred  *haechi.Verdict // why nothing is answered here
	release func()
}

// certify judges the client's certificate for the gate, once for each that knows others:
// a gate that another one handed its connections to may ask for more. It returns nil
// where nobody asks.
func (c *conn) certify(g *Gate) *certified {
	by := g.cfg.Certificates
	now := c.certificate.Load()
	if now == nil && by == nil || now != nil && now.by == by {
		return now
	}
	c.certifying.Lock()
	defer c.certifying.Unlock()
	if now = c.certificate.Load(); now != nil && now.by == by {
		return now
	}
	next := &certified{by: by, release: func() {}}
	if by != nil && c.secured != nil {
		next.judge(c, g)
	}
	if now != nil {
		now.release()
	}
	if c.certificate.Store(next); c.uncertified { // it ended meanwhile
		next.release()
	}
	return next
}

func (k *certified) judge(c *conn, g *Gate) {
	shown := c.secured.PeerCertificates
	name, v, release := k.by.Hold(shown, g.deps.Now(), c.cutOff)
	k.name, k.release = name, release
	switch {
	case v.Refuses():
		k.name, k.barred = "", &v
	case len(shown) > 0:
		k.header = []string{":" + base64.StdEncoding.EncodeToString(shown[0].Raw) + ":"}
	}
}

// introduce takes the client's name over into what the connection is known by.
func (c *conn) introduce(k *certified) {
	if k == nil || k.name == "" {
		return
	}
	c.Actor.Certificate, c.Actor.Assurance = k.name, haechi.Authenticated
	c.g.deps.Sessions.Identify(c.session, c.Actor) // a decision about the name ends it here
}

// uncertify lets go of the connection's certificate.
func (c *conn) uncertify() {
	c.certifying.Lock()
	defer c.certifying.Unlock()
	c.uncertified = true
	if k := c.certificate.Load(); k != nil {
		k.release()
	}
}

// certified refuses a request on a connection whose certificate is not good enough here,
// with a reference: within the handshake nobody could be told one.
func (x *exchange) certified() bool {
	if x.cert == nil || x.cert.barred == nil {
		return true
	}
	x.refuse(*x.cert.barred, http.StatusForbidden)
	return false
}

// passCertificate tells the upstream of the client's certificate. What a client writes
// under that name never comes this far.
func (x *exchange) passCertificate(h http.Header) {
	if x.cert != nil && x.cert.header != nil {
		h[certHeader] = x.cert.header
	}
}
