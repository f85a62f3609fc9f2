package httpgate

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// site is a [Site] made ready.
type site struct {
	service    string
	scheme     string
	host       string // of the upstream
	routes     []Route
	maxBody    int64
	transport  *servers
	secureAt   string      // ":port" of the site over TLS, to which every request is sent; empty: it is served here
	protection *protection // nil: answers pass as they are
	load       atomic.Pointer[load]
	down       atomic.Bool // the last request found no upstream
	quick      bool        // a lane can serve it
	upgraded   time.Duration
	upgrades   Upgraded
	places     atomic.Pointer[places]
}

func newSite(s Site) (*site, error) {
	s = s.withDefaults()
	to, err := newServers(s)
	if err != nil {
		return nil, err
	}
	t := &site{service: s.Service, scheme: to.wire(), host: to.first(), maxBody: s.MaxBody, upgraded: s.UpgradedIdle, secureAt: s.SecureAt, transport: to,
		quick: s.SecureAt != "" || to.scheme == "http"}
	t.load.Store(newLoad(s, time.Now()))
	t.upgrades = s.Upgraded
	t.places.Store(newPlaces())
	if s.Protection != nil {
		t.protection = newProtection(*s.Protection)
	}
	for _, r := range s.Routes {
		t.routes = append(t.routes, Route{Path: strings.TrimSuffix(plainPath(r.Path), "/"), Class: r.Class, Limit: r.Limit})
	}
	slices.SortStableFunc(t.routes, func(a, b Route) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	return t, nil
}

func newTransport(s Site, scheme string) *http.Transport {
	dialer := newDialer()
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableCompression:     true, // pass on what the client and the upstream agreed
		MaxIdleConns:           s.MaxIdleUpstream,
		MaxIdleConnsPerHost:    s.MaxIdleUpstream,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  s.AnswerTimeout,
		TLSHandshakeTimeout:    5 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	if scheme == schemeH2C {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	if scheme == "https" {
		t.ForceAttemptHTTP2 = true
		t.TLSClientConfig = s.UpstreamTLS
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	return t
}

// route is the limit class of a path, and the name of its route's own limit. It matches generously, since a request that
// slips out of its class escapes its limit: letters of any case, and the path as
// an upstream would clean it up.
func (s *site) route(p string) (class, own string) {
	if len(s.routes) == 0 {
		return "", ""
	}
	p = plainPath(p)
	for i := range s.routes {
		if below(p, s.routes[i].Path) {
			return s.routes[i].Class, s.routes[i].Limit
		}
	}
	return "", ""
}

// plainPath is a path as the most generous upstream would read it: a backslash is a
// slash, path parameters are cut out of every segment, and then doubled slashes and
// dot segments go.
func plainPath(p string) string {
	if strings.ContainsAny(p, `\;`) {
		p = withoutParameters(strings.ReplaceAll(p, `\`, "/"))
	}
	if strings.Contains(p, "//") || strings.Contains(p, "/.") || !strings.HasPrefix(p, "/") {
		return path.Clean("/" + p)
	}
	return p
}

// withoutParameters cuts from each semicolon to the end of its segment.
func withoutParameters(p string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(p, ';')
		if i < 0 {
			b.WriteString(p)
			return b.String()
		}
		b.WriteString(p[:i])
		if p = p[i:]; strings.IndexByte(p, '/') < 0 {
			return b.String()
		}
		p = p[strings.IndexByte(p, '/'):]
	}
}

// below reports whether p is the prefix or lies under it. A dot ends a segment too,
// since frameworks answer /login.json as /login, and so do blanks and control
// characters, where servers cut a path off or trim it.
func below(p, prefix string) bool {
	if len(p) < len(prefix) || !strings.EqualFold(p[:len(prefix)], prefix) {
		return false
	}
	return len(p) == len(prefix) || p[len(prefix)] == '/' || p[len(prefix)] == '.' || p[len(prefix)] <= ' '
}
