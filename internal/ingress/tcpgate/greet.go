package tcpgate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// Rule ids of the refusals that the gate makes itself.
const (
	RuleNotTLS    = "tcp/not-tls"       // no TLS where TLS is asked for
	RuleTimeout   = "tcp/hello-timeout" // handshake or hello not done in time
	RuleSize      = "tcp/hello-size"    // hello over its bound
	RuleHandshake = "tcp/handshake"     // TLS that failed
	RuleOverload  = "tcp/hello-memory"  // hellos of all together over their bound
	RuleName      = "tcp/unknown-name"  // nobody serves the name
	RuleSlow      = "tcp/min-rate"      // slower than the least rate
	RuleUnread    = "tcp/unread"        // took nothing for too long
	RuleIdle      = "tcp/idle"          // silent for too long
)

// greet does what comes before the upstream: the TLS handshake, or reading the hello
// for its name.
func (s *session) greet() bool {
	g := s.gate
	if g.cfg.TLS == nil && !g.routes.byName() {
		return !s.ended()
	}
	c := s.conn.Conn
	_ = c.SetDeadline(time.Now().Add(g.cfg.HelloTimeout)) // a closed connection fails at the read
	if !s.interruptible(func() { _ = c.SetDeadline(past()) }) {
		return false
	}
	var err error
	if g.cfg.TLS != nil {
		err = s.terminate(c)
	} else {
		s.name, s.hello, err = peekHello(c, g.cfg.MaxHello, s.room)
	}
	if err != nil {
		s.misgreeted(err)
		return false
	}
	s.tls = true
	_ = c.SetDeadline(time.Time{})
	return !s.ended()
}

func (s *session) terminate(c net.Conn) error {
	secured := tls.Server(c, s.gate.cfg.TLS)
	if err := secured.Handshake(); err != nil {
		return err
	}
	state := secured.ConnectionState()
	s.name = strings.ToLower(state.ServerName)
	s.up.from = newSide(secured)
	return s.certify(state.PeerCertificates)
}

// certify takes over who the client's certificate says it is.
func (s *session) certify(shown []*x509.Certificate) error {
	by := s.gate.cfg.Certificates
	if by == nil {
		return nil
	}
	name, v, release := by.Hold(shown, s.gate.deps.Now(), s.cut)
	s.uncertify = release
	if v.Refuses() { // a list came since the handshake
		return &ingress.Uncertified{Verdict: v}
	}
	if name != "" {
		s.conn.Actor.Certificate, s.conn.Actor.Assurance = name, haechi.Authenticated
		s.gate.deps.Sessions.Identify(s.id, s.conn.Actor)
	}
	return nil
}

// room takes so many bytes of the bound on hellos.
func (s *session) room(n int) bool {
	s.held += int64(n)
	total := s.gate.counts.hellos.Add(int64(n))
	return s.conn.Actor.Allowed || total <= s.gate.cfg.Hellos
}

// misgreeted refuses a client that did not say a proper hello. One that left without a
// word, as balancers do who look whether somebody is there, is no offender.
func (s *session) misgreeted(err error) {
	var header tls.RecordHeaderError
	var bad *ingress.Uncertified
	cfg, e := &s.gate.cfg, ending{verdict: haechi.Deny}
	switch {
	case s.ended():
		return
	case errors.Is(err, io.EOF) && len(s.hello) == 0:
		s.finish(ending{reason: haechi.ReasonPeerClosed})
		return
	case errors.Is(err, errRoom):
		e.reason, e.rule, e.observed, e.threshold = haechi.ReasonOverload, RuleOverload, float64(s.gate.counts.hellos.Load()), float64(cfg.Hellos)
	case errors.Is(err, errBound):
		e.reason, e.rule, e.observed, e.threshold = haechi.ReasonOversize, RuleSize, float64(cfg.MaxHello)+1, float64(cfg.MaxHello)
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.reason, e.rule, e.observed, e.threshold = haechi.ReasonTimeout, RuleTimeout, cfg.HelloTimeout.Seconds(), cfg.HelloTimeout.Seconds()
	case errors.As(err, &bad):
		e = fromVerdict(bad.Verdict)
	case errors.As(err, &header):
		e.reason, e.rule = haechi.ReasonMalformed, RuleNotTLS
	default:
		e.reason, e.rule = haechi.ReasonHandshake, RuleHandshake
	}
	count := &s.gate.counts.hello
	if e.reason == haechi.ReasonOverload {
		count = &s.gate.counts.overload
	}
	s.refuse(haechi.KindHandshake, e, count)
}

// choose finds the server behind for the name.
func (s *session) choose() bool {
	up, ok := s.gate.routes.choose(s.name)
	if ok {
		s.upstream = up
		return true
	}
	if s.gate.cfg.TLS == nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = s.conn.Write(unrecognizedName()) // one that is gone is told nothing
	}
	s.refuse(haechi.KindHandshake, ending{reason: haechi.ReasonUnknownHost, rule: RuleName, verdict: haechi.Deny}, &s.gate.counts.name)
	return false
}

func (s *session) peer() netip.AddrPort { return netip.AddrPortFrom(s.conn.Actor.Addr, s.conn.Port) }

// past is a deadline that is over.
func past() time.Time { return time.Unix(1, 0) }
