package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/identity/clientcert"
	"haechi/internal/ingress"
	"haechi/internal/ingress/tlsterm"
)

// Rule ids of the refusals before a device is heard.
const (
	ruleTLSRequired  = "tls/required"  // plain text where TLS is asked for
	ruleTLSHandshake = "tls/handshake" // TLS that failed, or was not there in time
)

// frontTLS ends TLS in front of a device gate. Where the service allows it, devices
// that speak plain text come in at the same port.
type frontTLS struct {
	service string
	certs   *tlsterm.Set
	conf    *tls.Config
	clients *clientcert.Clients // nil: they are not asked for certificates
	plain   bool
	wait    time.Duration
	sink    ingress.Sink
	now     func() time.Time

	encrypted, open, refused, failed atomic.Uint64
}

// newFrontTLS returns nil for a plain service.
func newFrontTLS(s *config.Service, e *estate) (*frontTLS, error) {
	certs, err := serviceCert(e.cfg, s, e.now())
	if err != nil || certs == nil {
		return nil, err
	}
	clients, err := e.clients.of(s, e.now())
	if err != nil {
		return nil, err
	}
	return &frontTLS{service: s.Name, certs: certs, conf: asking(deviceTLS(s, certs), clients, true, e.now, certs), clients: clients, plain: s.TLS.Plain,
		wait: s.Timeouts.Handshake, sink: e.pipeline, now: e.now}, nil
}

// deviceTLS serves the service's certificate under any name, since phones dial
// addresses, and speaks no HTTP.
func deviceTLS(s *config.Service, certs *tlsterm.Set) *tls.Config {
	return tlsterm.Policy(s.TLS.Policy).Apply(tlsterm.Any(certs))
}

// tlsHello is the first byte of a TLS hello. No frame of a text protocol begins so.
const tlsHello = 0x16

// tellsTLS reports whether the first byte tells a frame from a TLS hello: of a length
// before the frame that holds for four bytes only, the highest first, for no frame is
// so large.
func tellsTLS(f *haechi.Framing) bool {
	return f.Kind != haechi.LengthPrefix || f.PrefixBytes == 4 && !f.LittleEndian
}

// greet looks at the first byte and does the TLS handshake, both within the time that a
// device has for its own. False means that the connection was refused or is gone, and
// closed.
func (f *frontTLS) greet(conns context.Context, c *ingress.Conn) bool {
	ctx, cancel := context.WithTimeout(conns, f.wait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	first, err := c.First()
	if !stop() {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, io.EOF), conns.Err() != nil: // a balancer that looks whether somebody is there; the end
		_ = c.Close() // there is nobody left to tell
		return false
	case err != nil:
		return f.refuse(c, haechi.ReasonHandshake, ruleTLSHandshake, &f.failed)
	case first == tlsHello:
		return f.encrypt(ctx, c)
	case !f.plain:
		return f.refuse(c, haechi.ReasonMalformed, ruleTLSRequired, &f.refused)
	}
	f.open.Add(1)
	return true
}

func (f *frontTLS) encrypt(ctx context.Context, c *ingress.Conn) bool {
	secured := tls.Server(c.Conn, f.conf)
	err := secured.HandshakeContext(ctx)
	var bad *ingress.Uncertified
	switch {
	case errors.As(err, &bad):
		return f.refuse(c, bad.Verdict.Reason, bad.Verdict.Rule, &f.failed)
	case err != nil:
		return f.refuse(c, haechi.ReasonHandshake, ruleTLSHandshake, &f.failed)
	}
	c.Conn, c.TLS = secured, true
	f.encrypted.Add(1)
	return true
}

// refuse closes the connection: who does not speak our language cannot be told.
func (f *frontTLS) refuse(c *ingress.Conn, reason haechi.Reason, rule string, count *atomic.Uint64) bool {
	count.Add(1)
	now := f.now()
	about := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: c.Actor.Client}
	f.sink.Emit(&haechi.Event{Time: now.UTC(), Kind: haechi.KindHandshake, Outcome: haechi.Failure, Service: f.service, Reason: reason,
		Actor: c.Actor, Port: c.Port, LocalPort: c.LocalPort, Verdict: haechi.Deny, Rule: rule, Ref: haechi.NewReference(rule, about.String(), now)})
	_ = c.Close() // closing is all that is left to do
	return false
}

// certificates are those of clients; nil for a plain service, and where nobody asks.
func (f *frontTLS) certificates() ingress.Certificates {
	if f == nil {
		return nil
	}
	return certificatesOf(f.clients)
}

// stats are the counters; none for a plain service.
func (f *frontTLS) stats() []haechi.Counter {
	if f == nil {
		return nil
	}
	p := "device/" + f.service + "/"
	return []haechi.Counter{
		{Name: p + "tls", Value: f.encrypted.Load()},
		{Name: p + "plain", Value: f.open.Load()},
		{Name: p + "plain_refused", Value: f.refused.Load()},
		{Name: p + "tls_failed", Value: f.failed.Load()},
	}
}
