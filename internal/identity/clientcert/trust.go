package clientcert

import (
	"crypto/x509"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
)

// trust is what one generation of the files says.
type trust struct {
	sum            [32]byte
	named          *x509.CertPool // all authorities
	roots, between *x509.CertPool
	lists          map[string]*list // by the authority's certificate (DER); nil: none are configured
}

// list is one authority's list of revoked certificates.
type list struct {
	from, until time.Time
	revoked     map[string]struct{} // serial numbers
}

// over reports whether the list says nothing about the time. A little is forgiven of the
// clock of who made it.
func (l *list) over(now time.Time) bool { return !now.Before(l.until) || now.Add(skew).Before(l.from) }

const skew = 5 * time.Minute

// judge is the client's name and why it is refused, empty if it is not.
func (t *trust) judge(shown []*x509.Certificate, now time.Time) (name string, reason haechi.Reason) {
	leaf := shown[0]
	name, ok := nameOf(leaf)
	if !ok {
		return "", haechi.ReasonClientCertName
	}
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return name, haechi.ReasonClientCertExpired
	}
	between := t.between
	if len(shown) > 1 {
		between = between.Clone()
		for _, c := range shown[1:] {
			between.AddCert(c)
		}
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return name, haechi.ReasonClientCertUntrusted
	}
	reason = haechi.ReasonClientCertUnchecked
	for _, chain := range chains {
		switch t.revocation(chain, now) {
		case "":
			return name, ""
		case haechi.ReasonClientCertRevoked:
			reason = haechi.ReasonClientCertRevoked // says more than another way that nobody vouches for
		}
	}
	return name, reason
}

// revocation looks at each certificate of the chain but its root.
func (t *trust) revocation(chain []*x509.Certificate, now time.Time) (reason haechi.Reason) {
	if t.lists == nil {
		return ""
	}
	for i := range len(chain) - 1 {
		l := t.lists[string(chain[i+1].Raw)]
		if l == nil {
			reason = haechi.ReasonClientCertUnchecked
			continue
		}
		if _, ok := l.revoked[string(chain[i].SerialNumber.Bytes())]; ok {
			return haechi.ReasonClientCertRevoked
		}
		if l.over(now) {
			reason = haechi.ReasonClientCertUnchecked
		}
	}
	return reason
}

// maxName bounds a client's name, in bytes.
const maxName = 256

// nameOf is the name by which a certificate's holder is known: the first that there is
// of URI, DNS name, mail address and common name. False if it has none, or one that
// cannot be shown as it is.
func nameOf(c *x509.Certificate) (string, bool) {
	name := c.Subject.CommonName
	switch {
	case len(c.URIs) > 0:
		name = c.URIs[0].String()
	case len(c.DNSNames) > 0:
		name = c.DNSNames[0]
	case len(c.EmailAddresses) > 0:
		name = c.EmailAddresses[0]
	}
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return "", false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", false
		}
	}
	return name, true
}
