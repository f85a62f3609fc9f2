package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Config says whose certificates are believed.
type Config struct {
	// CA is a PEM file of authorities: those that signed themselves are the roots, the
	// others stand between a root and a client. Without any root all are roots.
	CA string
	// CRL is a file of revocation lists, PEM or one in DER, one of each authority at
	// least; empty: nothing is revoked.
	CRL string
	// Require refuses who shows no certificate.
	Require bool
}

// Clients are the clients that certificates let in. It is safe for concurrent use.
type Clients struct {
	cfg     Config
	current atomic.Pointer[trust]

	refresh sync.Mutex // one at a time
	mu      sync.Mutex
	held    map[*held]struct{}
	fault   string // of the files, as seen last; under refresh
	seen    looked // as above
	told    atomic.Pointer[string]

	passed, missing, refused, cut atomic.Uint64
}

// Open reads the files. Errors are of kind Invalid.
func Open(cfg Config, now time.Time) (*Clients, error) {
	t, err := read(cfg, now)
	if err != nil {
		return nil, err
	}
	c := &Clients{cfg: cfg, held: map[*held]struct{}{}}
	c.current.Store(t)
	return c, nil
}

// Pool are the authorities, of which clients are told whose certificates are asked for.
// It is another one after a change.
func (c *Clients) Pool() *x509.CertPool { return c.current.Load().named }

// Sum stands for the contents of both files: it changes when one of them does.
func (c *Clients) Sum() [sha256.Size]byte { return c.current.Load().sum }

// Refresh takes over changed files, and then ends the connections whose certificates are
// refused by now or are over. On error what counted goes on to count; a file that is
// being written may be met half, so the error is worth telling once it comes again, which
// told says.
func (c *Clients) Refresh(now time.Time) (changed, told bool, err error) {
	c.refresh.Lock()
	defer c.refresh.Unlock()
	look := lookAt(c.cfg, now)
	if c.fault == "" && look.same(&c.seen) {
		c.endHeld(c.current.Load(), false, now)
		return false, false, nil
	}
	t, err := read(c.cfg, now)
	if err != nil {
		text := err.Error()
		if told = text == c.fault && c.told.Load() == nil; told {
			c.told.Store(&text)
		}
		c.fault = text
		c.endHeld(c.current.Load(), false, now)
		return false, told, err
	}
	c.fault, c.seen = "", look
	c.told.Store(nil)
	if changed = t.sum != c.current.Load().sum; changed {
		c.current.Store(t)
	}
	c.endHeld(c.current.Load(), changed, now)
	return changed, false, nil
}

// Judge says who showed these certificates, its own first, and whether it may come in.
// The name is empty where nothing was shown and nothing is required.
func (c *Clients) Judge(shown []*x509.Certificate, now time.Time) (name string, v haechi.Verdict) {
	if len(shown) == 0 {
		if !c.cfg.Require {
			return "", haechi.Verdict{}
		}
		c.missing.Add(1)
		return "", refusal(haechi.ReasonClientCertMissing)
	}
	name, reason := c.current.Load().judge(shown, now)
	if reason != "" {
		c.refused.Add(1)
		return name, refusal(reason)
	}
	return name, haechi.Verdict{}
}

// refusal is the verdict for a reason, whose rule has the reason's name.
func refusal(r haechi.Reason) haechi.Verdict {
	return haechi.Verdict{Action: haechi.Deny, Reason: r, Rule: "tls/" + string(r)}
}

// Counters are the counts since the files were first opened; the last is of now.
func (c *Clients) Counters() []haechi.Counter {
	return []haechi.Counter{
		{Name: "client_certificates_passed", Value: c.passed.Load()},
		{Name: "client_certificates_missing", Value: c.missing.Load()},
		{Name: "client_certificates_refused", Value: c.refused.Load()},
		{Name: "client_certificates_cut", Value: c.cut.Load()},
		{Name: "client_certificates_now", Value: uint64(c.Held())},
	}
}
