package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"haechi"
)

// WebConfig says which web service a client visits and from where.
type WebConfig struct {
	// Target is the loopback address that is dialled, whatever the host is called.
	Target string
	// Host is the name in requests; empty means Target.
	Host string
	// TLS is used if it is not nil; set RootCAs to the gateway's development CA.
	TLS *tls.Config
	// Source is the address the client dials from.
	Source netip.Addr
	Agent  string // User-Agent
}

// Browser is one HTTP client with an address and cookies of its own. Every
// connection it makes goes to its target, also after a redirect.
type Browser struct {
	cfg    WebConfig
	base   string
	client *http.Client
	tally  tally
}

type tally struct{ passed, refused, failed atomic.Uint64 }

// Tally is what came of a client's requests. A refusal is an answer 403, 421,
// 429 or 503, a failure no answer at all.
type Tally struct{ Passed, Refused, Failed uint64 }

// NewBrowser checks that the client stays on loopback.
func NewBrowser(cfg WebConfig) (*Browser, error) {
	if err := CheckTarget(cfg.Target); err != nil {
		return nil, err
	}
	if err := checkSource(cfg.Source); err != nil {
		return nil, err
	}
	if cfg.Host == "" {
		cfg.Host = cfg.Target
	}
	if cfg.Agent == "" {
		cfg.Agent = "Mozilla/5.0 (X11; Linux x86_64) DemoVisitor/1.0"
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, &haechi.Error{Op: "make a browser", Err: err}
	}
	dial := dialFrom(cfg.Source)
	b := &Browser{cfg: cfg, base: "http://" + cfg.Host}
	if cfg.TLS != nil {
		b.base = "https://" + cfg.Host
	}
	b.client = &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{
		Proxy:           nil, // never what the environment says
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, cfg.Target) },
		TLSClientConfig: cfg.TLS, MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
	}}
	return b, nil
}

// Tally is what came of the requests so far.
func (b *Browser) Tally() Tally {
	return Tally{b.tally.passed.Load(), b.tally.refused.Load(), b.tally.failed.Load()}
}

// Close drops idle connections.
func (b *Browser) Close() { b.client.CloseIdleConnections() }

// Get fetches a path and reads the answer, at most 1 MiB of it. The status is 0
// if there was no answer.
func (b *Browser) Get(ctx context.Context, path string) (status int) {
	return b.do(ctx, http.MethodGet, path, "", nil)
}

// Post sends a form.
func (b *Browser) Post(ctx context.Context, path string, form url.Values) (status int) {
	return b.do(ctx, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (b *Browser) do(ctx context.Context, method, path, kind string, body io.Reader) int {
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		b.tally.failed.Add(1)
		return 0
	}
	r.Header.Set("User-Agent", b.cfg.Agent)
	r.Header.Set("Accept-Language", "ko,en;q=0.8")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			b.tally.failed.Add(1)
		}
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	switch answer.StatusCode {
	case http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		b.tally.refused.Add(1)
	default:
		b.tally.passed.Add(1)
	}
	return answer.StatusCode
}
