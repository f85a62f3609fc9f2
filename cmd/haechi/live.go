package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"haechi"
)

const (
	liveWait   = 10 * time.Second // each of the few requests
	liveBody   = 1 << 20
	liveExpiry = 14 * 24 * time.Hour
	// liveMissing is asked for to see a page of error.
	liveMissing = "/.well-known/haechi/no-such-page"
)

// seen is one finding of `haechi check --live`: a text of the catalogue with what was
// found in it.
type seen struct {
	Level string `json:"level"` // good, note, bad
	Check string `json:"check"`
	Text  string `json:"text"`
}

// live looks at a web service from outside, as a browser meets it.
type live struct {
	p     *printer
	url   *url.URL
	plain string // URL of the same service by plain HTTP; empty: not asked
	roots *x509.CertPool
	found []seen
}

// runLive checks a URL and tells what it found. Something bad is a failure.
func runLive(ctx context.Context, p *printer, target, plain, ca string) error {
	l, err := newLive(p, target, plain, ca)
	if err != nil {
		return err
	}
	state, err := l.handshake(ctx)
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "check " + target, Err: err, Hint: "name an https URL that this machine reaches; --ca FILE trusts a CA of yours"}
	}
	l.certificate(state)
	l.oldVersions(ctx)
	for _, path := range []string{l.url.RequestURI(), liveMissing} {
		if err := l.page(ctx, path); err != nil {
			return err
		}
	}
	l.redirect(ctx)
	if err := p.show(l.found, l.print); err != nil {
		return err
	}
	for _, f := range l.found {
		if f.Level == "bad" {
			return reported{errors.New("not everything is good")}
		}
	}
	return nil
}

func newLive(p *printer, target, plain, ca string) (*live, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, &usageError{msg: p.t("usage.value", "haechi check", quoted(target), "--live"), hint: "haechi check --live https://shop.example.com/"}
	}
	l := &live{p: p, url: u, plain: plain}
	if plain == "" && (u.Port() == "" || u.Port() == "443") {
		l.plain = "http://" + u.Host + u.RequestURI()
	}
	if ca == "" {
		return l, nil
	}
	pem, err := os.ReadFile(ca)
	l.roots = x509.NewCertPool()
	if err != nil || !l.roots.AppendCertsFromPEM(pem) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "read " + ca, Err: err, Msg: "no certificate", Hint: "name a PEM file with the CA's certificate"}
	}
	return l, nil
}

// tell notes a finding; the rest of the key and the arguments are those of the text.
func (l *live) tell(level, check string, args ...any) {
	l.found = append(l.found, seen{level, check, l.p.t("live."+check+"."+level, args...)})
}

func (l *live) address() string {
	if l.url.Port() == "" {
		return net.JoinHostPort(l.url.Hostname(), "443")
	}
	return l.url.Host
}

func (l *live) dial(ctx context.Context, conf *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, liveWait)
	defer cancel()
	conf.ServerName = l.url.Hostname()
	c, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", l.address())
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil
}

// handshake meets the server without verifying; certificate verifies what it showed.
func (l *live) handshake(ctx context.Context) (*tls.ConnectionState, error) {
	c, err := l.dial(ctx, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // nothing was sent
	s := c.ConnectionState()
	return &s, nil
}

func (l *live) certificate(s *tls.ConnectionState) {
	l.tell("good", "version", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID.String())
	leaf := s.PeerCertificates[0]
	opts := x509.VerifyOptions{DNSName: l.url.Hostname(), Roots: l.roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(opts)
	left := time.Until(leaf.NotAfter)
	switch {
	case err != nil:
		l.tell("bad", "certificate", err)
	case left < liveExpiry:
		l.tell("bad", "expiry", l.p.when(leaf.NotAfter))
	default:
		l.tell("good", "certificate", l.p.when(leaf.NotAfter))
	}
}

// oldVersions asks for what must be refused.
func (l *live) oldVersions(ctx context.Context) {
	c, err := l.dial(ctx, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		l.tell("good", "old")
		return
	}
	_ = c.Close() // nothing was sent
	l.tell("bad", "old")
}

// page looks at the headers of one answer.
func (l *live) page(ctx context.Context, path string) error {
	client := &http.Client{Timeout: liveWait, CheckRedirect: noRedirect, Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := ask(ctx, client, "https://"+l.url.Host+path)
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "ask for " + path, Err: err, Hint: "see haechi status whether the service answers"}
	}
	l.tell("good", "answer", path, res.StatusCode)
	l.headers(res.Header)
	l.cookies(res.Cookies())
	return nil
}

func ask(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, liveBody))
	return res, errors.Join(err, res.Body.Close())
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// headers judges what every answer should say.
func (l *live) headers(h http.Header) {
	l.want(h, "hsts", "Strict-Transport-Security", func(v string) bool { return strings.Contains(v, "max-age=") && !strings.Contains(v, "max-age=0") })
	l.want(h, "nosniff", "X-Content-Type-Options", func(v string) bool { return strings.EqualFold(v, "nosniff") })
	l.want(h, "referrer", "Referrer-Policy", func(v string) bool { return v != "" && v != "unsafe-url" })
	csp := h.Get("Content-Security-Policy")
	if h.Get("X-Frame-Options") == "" && !strings.Contains(csp, "frame-ancestors") {
		l.tell("bad", "frames")
	} else {
		l.tell("good", "frames")
	}
	if v := h.Get("X-Xss-Protection"); v != "" && v != "0" {
		l.tell("bad", "xss", v)
	}
	switch only := h.Get("Content-Security-Policy-Report-Only"); {
	case strings.Contains(csp, "'unsafe-inline'") && !strings.Contains(csp, "'nonce-"):
		l.tell("bad", "csp", csp)
	case csp != "":
		l.tell("good", "csp", csp)
	case strings.Contains(h.Get("Content-Type"), "html"):
		l.tell("note", "csp", only)
	}
}

func (l *live) want(h http.Header, check, name string, good func(string) bool) {
	v := strings.Join(h.Values(name), ", ")
	if good(v) {
		l.tell("good", check, v)
	} else {
		l.tell("bad", check, v)
	}
}

func (l *live) cookies(all []*http.Cookie) {
	for _, c := range all {
		var missing []string
		for _, a := range []struct {
			name string
			has  bool
		}{{"Secure", c.Secure}, {"HttpOnly", c.HttpOnly}, {"SameSite", c.SameSite != 0}} {
			if !a.has {
				missing = append(missing, a.name)
			}
		}
		switch {
		case !c.Secure:
			l.tell("bad", "cookie", c.Name, strings.Join(missing, ", "))
		case len(missing) > 0:
			l.tell("note", "cookie", c.Name, strings.Join(missing, ", "))
		default:
			l.tell("good", "cookie", c.Name)
		}
	}
}

// redirect visits the same place by plain HTTP.
func (l *live) redirect(ctx context.Context) {
	if l.plain == "" {
		l.tell("note", "plain")
		return
	}
	res, err := ask(ctx, &http.Client{Timeout: liveWait, CheckRedirect: noRedirect, Transport: &http.Transport{DisableKeepAlives: true}}, l.plain)
	switch {
	case err != nil:
		l.tell("note", "closed", err)
	case res.StatusCode/100 == 3 && strings.HasPrefix(res.Header.Get("Location"), "https://"):
		l.tell("good", "plain", res.Header.Get("Location"))
	default:
		l.tell("bad", "plain", fmt.Sprint(res.StatusCode))
	}
}

func (l *live) print() {
	marks := map[string]string{"good": "✓", "note": "·", "bad": "✗"}
	for _, f := range l.found {
		l.p.line(marks[f.Level] + " " + f.Text)
	}
}
