package tlsterm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	stapleWait  = 10 * time.Second
	stapleBytes = 64 << 10    // of a responder's answer
	stapleSkew  = time.Minute // of a responder's clock
	stapleAlone = time.Hour   // how long an answer is used that names no end
	retryFirst  = time.Minute // after a failure; doubled each time
	retryLast   = time.Hour
	askAtLeast  = 10 * time.Second // between two questions, whatever the answers say
)

// stapling is what is known of a certificate from its authority's OCSP responder (RFC
// 6960). It is of one certificate: another begins anew.
type stapling struct {
	ask    time.Time // when to ask next
	until  time.Time // when the staple must go; zero without one
	fails  int
	failed failure // what is logged
}

// staple keeps a fresh answer of the responder beside the certificate, where the
// certificate names one. What cannot be had, is over or is not of the authority is not
// served: clients then do without, as most do.
func (s *Set) staple(ctx context.Context, now time.Time, log *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.current.Load()
	if e.cert == nil || len(e.cert.Leaf.OCSPServer) == 0 || len(e.cert.Certificate) < 2 {
		return
	}
	p := &s.stapling
	if !p.until.IsZero() && !now.Before(p.until) {
		p.until = time.Time{}
		s.attach(e, nil)
	}
	if now.Before(p.ask) {
		return
	}
	answer, raw, err := askResponder(ctx, e.cert, now)
	if err != nil {
		p.ask = now.Add(min(retryFirst<<p.fails, retryLast))
		p.fails = min(p.fails+1, 6)
		if p.failed.tells(err) {
			log.Warn("no OCSP answer to staple; it is tried again", "err", err)
		}
		return
	}
	p.fails, p.failed = 0, failure{}
	s.revoked.Store(answer.Status == ocsp.Revoked)
	end := answer.NextUpdate
	if end.IsZero() {
		end = now.Add(stapleAlone)
	}
	p.ask = now.Add(max(end.Sub(now)/2, askAtLeast))
	if answer.Status != ocsp.Good { // clients that ask for themselves will hear it
		p.until = time.Time{}
		s.attach(e, nil)
		return
	}
	p.until = end
	s.attach(e, raw)
}

// attach puts a copy of the entry with that staple in its place.
func (s *Set) attach(e *entry, raw []byte) {
	next, cert := *e, *e.cert
	cert.OCSPStaple = raw
	next.cert = &cert
	s.current.Store(&next)
}

// Revoked reports whether the authority's responder last said that the certificate in
// use is revoked.
func (s *Set) Revoked() bool { return s.revoked.Load() }

func askResponder(ctx context.Context, cert *tls.Certificate, now time.Time) (*ocsp.Response, []byte, error) {
	issuer, err := x509.ParseCertificate(cert.Certificate[1])
	if err != nil {
		return nil, nil, err
	}
	question, err := ocsp.CreateRequest(cert.Leaf, issuer, nil)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stapleWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cert.Leaf.OCSPServer[0], bytes.NewReader(question))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	tr := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, stapleBytes+1))
	switch {
	case err != nil:
		return nil, nil, err
	case resp.StatusCode != http.StatusOK || len(raw) > stapleBytes:
		return nil, nil, fmt.Errorf("%s answered %s with %d bytes", req.URL.Host, resp.Status, len(raw))
	}
	answer, err := believe(raw, cert.Leaf, issuer, now)
	return answer, raw, err
}

// believe reads an answer and wants it to be of the authority, about the certificate and
// of this time.
func believe(raw []byte, leaf, issuer *x509.Certificate, now time.Time) (*ocsp.Response, error) {
	a, err := ocsp.ParseResponseForCert(raw, leaf, issuer)
	if err != nil {
		return nil, err
	}
	// The authority's signature on the responder's certificate alone would let any
	// certificate of the authority answer (RFC 6960, section 4.2.2.2).
	if c := a.Certificate; c != nil && !c.Equal(issuer) &&
		(!slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(c.NotBefore) || now.After(c.NotAfter)) {
		return nil, errors.New("the OCSP answer is signed by a certificate that may not")
	}
	if a.Status == ocsp.Unknown { // as of a certificate that was issued a moment ago
		return nil, errors.New("the OCSP responder does not know the certificate")
	}
	if a.ThisUpdate.After(now.Add(stapleSkew)) || !a.NextUpdate.IsZero() && !now.Before(a.NextUpdate) {
		return nil, fmt.Errorf("the OCSP answer is from %s to %s", a.ThisUpdate, a.NextUpdate)
	}
	return a, nil
}
