package tlsterm

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"haechi"
)

// Flaw is something about a certificate of ours that an operator should know (rows B119
// and B120).
type Flaw struct {
	Reason haechi.Reason
	Text   string
	// Days is the stage of ReasonCertificateExpiring that has begun: 30, 14, 7 or 1.
	Days int
}

const (
	leastRSA   = 2048 // bits, of a key
	leastCurve = 256
	day        = 24 * time.Hour
)

// stages are the days before an end at which it is told.
func stages() []int { return []int{1, 7, 14, 30} }

// samples are names in certificates that come with software, which everybody has the
// keys of or nobody chose.
func samples() []string {
	return []string{"Internet Widgits Pty Ltd", "Acme Co", "Default Company Ltd", "SomeOrganization", "TRAEFIK DEFAULT CERT",
		"Kubernetes Ingress Controller Fake Certificate", "Snake Oil", "Haechi development CA"}
}

// Flaws are those of the certificate in use. Hosts are the names that it must hold, none
// where clients dial addresses. Renewed says that it is replaced by itself in time: its
// end is then told only when that is late.
func (s *Set) Flaws(hosts []string, renewed bool, now time.Time) (out []Flaw) {
	leaf := s.Leaf()
	if leaf == nil {
		return nil
	}
	add := func(reason haechi.Reason, format string, args ...any) {
		out = append(out, Flaw{Reason: reason, Text: fmt.Sprintf(format, args...)})
	}
	if now.After(leaf.NotAfter) {
		add(haechi.ReasonCertificateExpired, "it ended on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	} else if days := ending(leaf, renewed, now); days > 0 {
		out = append(out, Flaw{Reason: haechi.ReasonCertificateExpiring, Days: days,
			Text: fmt.Sprintf("it ends on %s, in less than %d days", leaf.NotAfter.UTC().Format(time.DateOnly), days)})
	}
	if name := sample(leaf); name != "" {
		add(haechi.ReasonCertificateDefault, "it is a sample or for development: %q", name)
	} else if slices.Equal(leaf.RawIssuer, leaf.RawSubject) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
		add(haechi.ReasonCertificateSelfSigned, "it is signed by itself")
	}
	if text := weak(leaf); text != "" {
		add(haechi.ReasonCertificateWeak, "%s", text)
	}
	for _, h := range hosts {
		if leaf.VerifyHostname(h) != nil {
			add(haechi.ReasonCertificateWrongHost, "it does not name %s", h)
		}
	}
	if s.Revoked() {
		add(haechi.ReasonCertificateRevoked, "its authority revoked it")
	}
	return out
}

// ending is the stage that has begun, 0 for none. A stage counts only where it is late
// in a certificate's life: in its last third, or its last sixth where it renews itself in
// the last third.
func ending(leaf *x509.Certificate, renewed bool, now time.Time) int {
	late := leaf.NotAfter.Sub(leaf.NotBefore) / 3
	if renewed {
		late /= 2
	}
	for _, days := range stages() {
		left := time.Duration(days) * day
		if left <= late && leaf.NotAfter.Sub(now) < left {
			return days
		}
	}
	return 0
}

func sample(leaf *x509.Certificate) string {
	names := slices.Concat([]string{leaf.Issuer.CommonName, leaf.Subject.CommonName}, leaf.Issuer.Organization, leaf.Subject.Organization)
	for _, known := range samples() {
		for _, name := range names {
			if strings.HasPrefix(name, known) {
				return name
			}
		}
	}
	return ""
}

// weak says what is weak about a certificate: keys below 112 bits of strength (NIST SP
// 800-57, part 1) and signatures over hashes that collide.
func weak(leaf *x509.Certificate) string {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < leastRSA {
			return fmt.Sprintf("its RSA key has %d bits; %d at least", n, leastRSA)
		}
	case *ecdsa.PublicKey:
		if n := key.Curve.Params().BitSize; n < leastCurve {
			return fmt.Sprintf("its curve has %d bits; %d at least", n, leastCurve)
		}
	}
	switch leaf.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return "it is signed with " + leaf.SignatureAlgorithm.String()
	}
	return ""
}
