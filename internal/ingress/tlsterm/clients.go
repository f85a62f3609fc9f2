package tlsterm

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"
)

// Authorities are those whose certificates clients are asked for.
type Authorities interface {
	// Pool are the authorities; another one after a change.
	Pool() *x509.CertPool
	// Sum stands for what their certificates are judged by: it changes with it.
	Sum() [sha256.Size]byte
}

// Ask makes a configuration of the sets ask clients for a certificate, of which who
// serves the connection decides: by itself it refuses nothing. Sessions are resumed only
// while what certificates are judged by is the same, so a client has to show anew that it
// has its key once anything was revoked. Call it after everything else was set.
func Ask(c *tls.Config, a Authorities, sets ...*Set) *tls.Config {
	c.ClientAuth = tls.RequestClientCert
	resume(c, func() [sha256.Size]byte {
		under, by := generation(sets), a.Sum()
		return sha256.Sum256(append(under[:], by[:]...))
	}, time.Now)
	before := c.GetConfigForClient
	var latest atomic.Pointer[tls.Config]
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if before != nil {
			if other, err := before(hello); other != nil || err != nil {
				return other, err
			}
		}
		pool := a.Pool()
		if conf := latest.Load(); conf != nil && conf.ClientCAs == pool {
			return conf, nil
		}
		conf := c.Clone()
		conf.ClientCAs, conf.GetConfigForClient = pool, nil
		latest.Store(conf)
		return conf, nil
	}
	return c
}
