package tlsterm

import "crypto/tls"

// Policy is a named choice of TLS versions and cipher suites. All of them have
// forward secrecy, and the hybrid key exchange with ML-KEM where the client has it.
type Policy string

// The policies. The zero value means Intermediate.
const (
	// Modern speaks TLS 1.3 only.
	Modern Policy = "modern"
	// Intermediate speaks TLS 1.2 too, with the six suites of row B19.
	Intermediate Policy = "intermediate"
)

// Apply sets the policy on a configuration, and returns it.
func (p Policy) Apply(c *tls.Config) *tls.Config {
	c.MinVersion, c.CipherSuites = tls.VersionTLS12, suites()
	if p == Modern {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

// suites are those for TLS 1.2; crypto/tls chooses among them by what the client's
// hardware does fast, and does not let those of TLS 1.3 be chosen, which are all good.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	}
}
