package tlsterm

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// source makes or reads a certificate. It returns nil when the one that is in
// use needs no change.
type source interface {
	load(now time.Time, current *tls.Certificate) (*tls.Certificate, error)
}

// Set is one certificate with the names it serves, kept fresh. It is safe for
// concurrent use.
type Set struct {
	source   source
	mu       sync.Mutex // one refresh at a time
	current  atomic.Pointer[entry]
	ca       string
	stapling stapling // under mu
	revoked  atomic.Bool
	prove    Prover // nil: nobody asks
}

// entry is one generation of a set, ready to be looked up.
type entry struct {
	cert  *tls.Certificate  // nil: there is none yet
	sum   [sha256.Size]byte // of the certificate
	exact map[string]struct{}
	wild  map[string]struct{} // "example.com" for *.example.com
	addrs map[netip.Addr]struct{}
}

func newSet(src source, now time.Time) (*Set, error) {
	s := &Set{source: src}
	if _, err := s.Refresh(now); err != nil {
		return nil, err
	}
	return s, nil
}

// Refresh takes over changed files, or renews a certificate that nears its end,
// and reports whether anything changed. On error the certificate in use stays.
func (s *Set) Refresh(now time.Time) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var current *tls.Certificate
	if e := s.current.Load(); e != nil {
		current = e.cert
	}
	cert, err := s.source.load(now, current)
	if err != nil || cert == nil {
		return false, err
	}
	s.current.Store(newEntry(cert))
	s.stapling = stapling{}
	s.revoked.Store(false)
	return true, nil
}

// RefreshEvery is how often a set of files is to be looked at: what an operator or a
// tool of theirs put there is served within twice this.
const RefreshEvery = 5 * time.Second

// Run refreshes the set every interval until ctx ends, and keeps an OCSP answer stapled
// where the certificate names a responder. A failure is tried again each
// time, and logged once it came twice: a certificate and its key are two files, and may
// be met between one and the other.
func (s *Set) Run(ctx context.Context, every time.Duration, log *slog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var failed failure
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			changed, err := s.Refresh(now)
			if failed.tells(err) {
				log.Error("certificate not renewed; the old one stays in use", "expires", s.Expires(), "error", err)
			}
			if changed {
				log.Info("certificate renewed", "expires", s.Expires())
			}
			s.staple(ctx, now, log)
		}
	}
}

// failure tells an error that stays from one that passes.
type failure struct {
	text string
	told bool
}

// tells reports whether the error is to be logged now: when it comes a second time.
func (f *failure) tells(err error) bool {
	if err == nil {
		*f = failure{}
		return false
	}
	if err.Error() != f.text {
		*f = failure{text: err.Error()}
		return false
	}
	first := !f.told
	f.told = true
	return first
}

// Expires is when the certificate in use ends; zero while there is none.
func (s *Set) Expires() time.Time {
	if leaf := s.Leaf(); leaf != nil {
		return leaf.NotAfter
	}
	return time.Time{}
}

// CAFile is the path of the development CA's certificate, to be trusted by the
// clients; empty for certificates from files.
func (s *Set) CAFile() string { return s.ca }

// Certificate is the certificate in use; nil while there is none.
func (s *Set) Certificate() *tls.Certificate { return s.current.Load().cert }

// fingerprint is the SHA-256 of the certificate in use.
func (s *Set) fingerprint() [sha256.Size]byte { return s.current.Load().sum }

// Leaf is the certificate in use; nil while there is none.
func (s *Set) Leaf() *x509.Certificate {
	if c := s.Certificate(); c != nil {
		return c.Leaf
	}
	return nil
}

// waiting is the entry of a name whose certificate is not there yet.
func waiting(name string) *entry {
	return &entry{exact: map[string]struct{}{strings.ToLower(name): {}}}
}

func newEntry(cert *tls.Certificate) *entry {
	e := &entry{cert: cert, sum: sha256.Sum256(cert.Leaf.Raw), exact: make(map[string]struct{}), wild: make(map[string]struct{}), addrs: make(map[netip.Addr]struct{})}
	for _, name := range cert.Leaf.DNSNames {
		name = strings.ToLower(name)
		if parent, ok := strings.CutPrefix(name, "*."); ok {
			e.wild[parent] = struct{}{}
		} else {
			e.exact[name] = struct{}{}
		}
	}
	for _, ip := range cert.Leaf.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			e.addrs[addr.Unmap()] = struct{}{}
		}
	}
	return e
}

// serves reports whether the certificate is valid for the lower-case name.
func (e *entry) serves(name string) (exact, wild bool) {
	if _, ok := e.exact[name]; ok {
		return true, false
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		_, wild = e.wild[parent]
	}
	return false, wild
}
