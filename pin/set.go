package pin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Config describes a set of pins.
type Config struct {
	// Pins are the accepted keys: that of the server, or of a CA above it, and at
	// least one backup whose private key lies elsewhere.
	Pins []Pin
	// ReportOnly lets a mismatch pass after telling Report.
	ReportOnly bool
	// Until is when the set stops refusing and only reports; zero: never.
	Until time.Time
	// Report is told every mismatch, also those that are refused. It must not
	// block; nil: nobody is told.
	Report func(*Mismatch)
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Mismatch is a server none of whose keys is pinned: the error of a refused
// handshake, and what Report is told.
type Mismatch struct {
	Server string // the name that was asked for
	Seen   []Pin  // leaf first, without repetitions
	Want   []Pin
	// Passed says that the connection went on, because the set only reports;
	// Expired, that it does so because its time is over.
	Passed, Expired bool
}

// Error implements error.
func (m *Mismatch) Error() string {
	seen := make([]string, len(m.Seen))
	for i, p := range m.Seen {
		seen[i] = p.String()
	}
	return fmt.Sprintf("the key of %s is not pinned: possible interception (MITM); it showed %s", m.Server, strings.Join(seen, ", "))
}

// Untrusted tells it apart from an ordinary failure of a connection, without an
// import of this package.
func (m *Mismatch) Untrusted() bool { return true }

// Set checks connections. It may be used by any number of goroutines.
type Set struct{ cfg Config }

// New makes a set. It needs two different pins at least.
func New(cfg Config) (*Set, error) {
	cfg.Pins = distinct(cfg.Pins)
	if len(cfg.Pins) < 2 {
		return nil, errors.New("pins: give two at least, one of them of a backup key that is kept elsewhere: with one alone the loss of its key locks everybody out")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Set{cfg: cfg}, nil
}

func distinct(in []Pin) (out []Pin) {
	for _, p := range in {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// TLS returns a copy of base (nil: an empty one) whose handshakes check the pins
// after everything that base itself checks.
func (s *Set) TLS(base *tls.Config) *tls.Config {
	if base == nil {
		base = &tls.Config{}
	}
	c := base.Clone()
	before := base.VerifyConnection
	// VerifyConnection also runs when a session is resumed; VerifyPeerCertificate
	// does not.
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if before != nil {
			if err := before(cs); err != nil {
				return err
			}
		}
		return s.Check(&cs)
	}
	return c
}

// Transport returns a copy of base (nil: of http.DefaultTransport) that checks the
// pins of every TLS server, a proxy's included. It refuses a base with a DialTLS
// function of its own, which would bypass the check.
func (s *Set) Transport(base *http.Transport) (*http.Transport, error) {
	if base == nil {
		d, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("http.DefaultTransport was replaced: give the transport to pin")
		}
		base = d
	}
	t := base.Clone()
	//lint:ignore SA1019 the deprecated one bypasses the check as well
	if t.DialTLSContext != nil || t.DialTLS != nil {
		return nil, errors.New("the transport makes its TLS connections itself, so pins would not be checked: use Set.TLS there")
	}
	t.TLSClientConfig = s.TLS(t.TLSClientConfig)
	return t, nil
}

// Check judges a connection whose handshake is complete or just ending. Its error
// is a *Mismatch.
func (s *Set) Check(cs *tls.ConnectionState) error {
	seen := keys(cs)
	if slices.ContainsFunc(seen, func(p Pin) bool { return slices.Contains(s.cfg.Pins, p) }) {
		return nil
	}
	m := &Mismatch{Server: cs.ServerName, Seen: seen, Want: slices.Clone(s.cfg.Pins)}
	m.Expired = !s.cfg.Until.IsZero() && !s.cfg.Now().Before(s.cfg.Until)
	m.Passed = s.cfg.ReportOnly || m.Expired
	if s.cfg.Report != nil {
		s.cfg.Report(m)
	}
	if m.Passed {
		return nil
	}
	return m
}

// keys are the pins of the verified chains. Of an unverified connection only the
// leaf's key was proved to be in the server's hands.
func keys(cs *tls.ConnectionState) (out []Pin) {
	chains := cs.VerifiedChains
	if len(chains) == 0 && len(cs.PeerCertificates) > 0 {
		chains = [][]*x509.Certificate{cs.PeerCertificates[:1]}
	}
	for _, chain := range chains {
		for _, c := range chain {
			out = append(out, Of(c))
		}
	}
	return distinct(out)
}
