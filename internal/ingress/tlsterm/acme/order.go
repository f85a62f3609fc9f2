package acme

import (
	"crypto/x509"
	"net"
	"os"
	"strconv"

	"github.com/caddyserver/certmagic"

	"haechi"
)

// Challenge is how a name is proved.
type Challenge string

// The challenges: RFC 8555, sections 8.3 and 8.4, and RFC 8737.
const (
	HTTP01    Challenge = "http-01"
	TLSALPN01 Challenge = "tls-alpn-01"
	DNS01     Challenge = "dns-01"
)

// Order is one name whose certificate is to be kept.
type Order struct {
	Service string // for reports
	Host    string // a DNS name
	// Directory is the authority's URL, CAFile a PEM file of the roots that signed its
	// own certificate; empty: this machine's.
	Directory, CAFile string
	// Email is the account's; the authority writes to it.
	Email     string
	Challenge Challenge
	// Listen is where a gate answers the challenge, host:port; the gate must have bound
	// it. Not for dns-01.
	Listen string
	// Hook is the command that answers dns-01, the path of a program.
	Hook string
	// Renew is how much of its life is left when a certificate is renewed, in percent, 1
	// to 99. Where the authority suggests a time (RFC 9773), that counts.
	Renew int
}

// issuerKey is the name of the authority in the storage.
func (o *Order) issuerKey() string {
	return (&certmagic.ACMEIssuer{CA: o.Directory}).IssuerKey()
}

// issuer describes the authority to certmagic.
func (o *Order) issuer() (certmagic.ACMEIssuer, error) {
	out := certmagic.ACMEIssuer{
		CA: o.Directory, Email: o.Email, Agreed: true, // the configuration says so, or there is no order
		DisableHTTPChallenge: o.Challenge != HTTP01, DisableTLSALPNChallenge: o.Challenge != TLSALPN01,
		DisableDistributedSolvers: true,
	}
	if o.Challenge == DNS01 {
		out.DNS01Solver = hook{command: o.Hook}
	} else if err := listenAt(&out, o); err != nil {
		return out, err
	}
	if o.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	out.TrustedRoots = x509.NewCertPool()
	if err != nil || !out.TrustedRoots.AppendCertsFromPEM(pem) {
		return out, &haechi.Error{Kind: haechi.Invalid, Op: "service " + o.Service + ": read tls.acme.ca_file", Err: err,
			Msg: "no certificate in " + o.CAFile, Hint: "name a PEM file with the CA's certificate"}
	}
	return out, nil
}

// listenAt names the address that a gate holds: certmagic sees that it is taken, and
// leaves the answer to the gate.
func listenAt(out *certmagic.ACMEIssuer, o *Order) error {
	host, text, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	out.ListenHost, out.AltHTTPPort, out.AltTLSALPNPort = host, port, port
	return nil
}
