package tlsterm

import (
	"context"
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
	source  source
	mu      sync.Mutex // one refresh at a time
	current atomic.Pointer[entry]
	ca      string
}

// entry is one generation of a set, ready to be looked up.
type entry struct {
	cert  *tls.Certificate
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
	return true, nil
}

// Run refreshes the set every interval until ctx ends. A failed refresh is logged
// and tried again.
func (s *Set) Run(ctx context.Context, every time.Duration, log *slog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			changed, err := s.Refresh(now)
			switch {
			case err != nil:
				log.Error("certificate not renewed; the old one stays in use", "expires", s.Expires(), "error", err)
			case changed:
				log.Info("certificate renewed", "expires", s.Expires())
			}
		}
	}
}

// Expires is when the certificate in use ends.
func (s *Set) Expires() time.Time { return s.current.Load().cert.Leaf.NotAfter }

// CAFile is the path of the development CA's certificate, to be trusted by the
// clients; empty for certificates from files.
func (s *Set) CAFile() string { return s.ca }

// Certificate is the certificate in use.
func (s *Set) Certificate() *tls.Certificate { return s.current.Load().cert }

// Leaf is the certificate in use.
func (s *Set) Leaf() *x509.Certificate { return s.current.Load().cert.Leaf }

func newEntry(cert *tls.Certificate) *entry {
	e := &entry{cert: cert, exact: make(map[string]struct{}), wild: make(map[string]struct{}), addrs: make(map[netip.Addr]struct{})}
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
