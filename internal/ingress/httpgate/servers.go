package httpgate

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// maxTries bounds to how many servers one request is given: what kills three may kill
// them all.
const maxTries = 3

// MaxServers bounds the servers behind one site.
const MaxServers = 64

// servers are those behind one site, any of which may answer any request. An exchange asks
// them as its http.RoundTripper.
type servers struct {
	scheme string
	list   []*server
	next   atomic.Uint64
}

type server struct {
	url  string // as an operator names it
	host string // host:port, as in a URL
	addr string // the same with a port
	up   *upstream
	mark *ingress.Mark
	down atomic.Bool
}

func newServers(s Site) (*servers, error) {
	out, drains := &servers{}, cmp.Or(s.Drains, &ingress.Drains{})
	for _, text := range append([]string{s.Upstream}, s.Others...) {
		u, err := url.Parse(text)
		if err != nil || s.Service == "" || u.Host == "" || defaultPort(u.Scheme) == "" ||
			u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil || out.scheme != "" && u.Scheme != out.scheme {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "set up service " + s.Service, Err: err,
				Msg: "the upstream is no http(s) address", Hint: "write http://host:port, https://host:port or h2c://host:port, without a path, all of one scheme"}
		}
		out.scheme = u.Scheme
		one := &server{url: u.Scheme + "://" + u.Host, host: u.Host, addr: u.Host, up: newUpstream(s, u)}
		one.mark = drains.Of(s.Service, one.url)
		if u.Port() == "" {
			one.addr = net.JoinHostPort(u.Hostname(), defaultPort(u.Scheme))
		}
		out.list = append(out.list, one)
	}
	if len(out.list) > MaxServers {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "set up service " + s.Service, Msg: "too many upstreams", Hint: "name 64 at most"}
	}
	return out, nil
}

// schemeH2C is HTTP/2 without TLS from the first byte on (RFC 9113, 3.3), for servers
// that speak nothing else.
const schemeH2C = "h2c"

// defaultPort is that of an upstream's scheme; empty for one that is none.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", schemeH2C:
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// wire is the scheme that the transport is given.
func (s *servers) wire() string {
	if s.scheme == schemeH2C {
		return "http"
	}
	return s.scheme
}

// first is the one that a single-server site has; the request's URL names it.
func (s *servers) first() string { return s.list[0].host }

// relayed is the http.RoundTripper of one exchange.
type relayed exchange

// RoundTrip implements http.RoundTripper: in turn, and a server that did not answer
// last only when no other is left. A request that changes nothing and has no body is
// given to the next server when one fails before it answered.
func (o *relayed) RoundTrip(r *http.Request) (*http.Response, error) {
	x := (*exchange)(o)
	s := x.site.transport
	if len(s.list) == 1 {
		return s.list[0].up.RoundTrip(r)
	}
	tries := 0
	var last error
	for one := range s.turn {
		x.use(one)
		res, err := one.ask(r)
		if tries++; err == nil || tries == maxTries || !repeatable(r) || r.Context().Err() != nil {
			return res, err
		}
		last = err
	}
	return nil, last
}

// turn yields the servers in the order in which to try them. Those being drained are
// left out, unless a reload took all the others away: a site without any is nobody's wish.
func (s *servers) turn(yield func(*server) bool) {
	first, spare := s.next.Add(1), s.anyUndrained()
	for _, wantDown := range []bool{false, true} {
		for i := range s.list {
			one := s.list[(first+uint64(i))%uint64(len(s.list))]
			if one.down.Load() == wantDown && !(spare && one.mark.Drained()) && !yield(one) {
				return
			}
		}
	}
}

func (s *servers) anyUndrained() bool {
	return slices.ContainsFunc(s.list, func(one *server) bool { return !one.mark.Drained() })
}

// ask sends the request to this server.
func (s *server) ask(r *http.Request) (*http.Response, error) {
	// A RoundTripper must not change its request.
	to, u := *r, *r.URL
	u.Host = s.host
	to.URL = &u
	res, err := s.up.RoundTrip(&to)
	if err == nil || r.Context().Err() == nil {
		s.down.Store(err != nil)
	}
	return res, err
}

// repeatable reports whether a request may be sent again: its method is safe by RFC
// 9110, it has no body, and nothing was upgraded.
func repeatable(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody || r.Header["Upgrade"] != nil {
		return false
	}
	return safe(r.Method)
}

// safe reports whether a method changes nothing by RFC 9110.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// probe connects to every server and notes which of them are there, so that a request
// that cannot be repeated meets one that is.
func (s *servers) probe(ctx context.Context, within time.Duration) (up int) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all sync.WaitGroup
	var n atomic.Int64
	for _, one := range s.list {
		all.Go(func() {
			c, err := one.up.dialer.DialContext(ctx, "tcp", one.addr)
			one.down.Store(err != nil)
			if err == nil {
				n.Add(1)
				_ = c.Close() // it has told what it is for
			}
		})
	}
	all.Wait()
	return int(n.Load())
}

func (s *servers) close() {
	for _, one := range s.list {
		one.up.close()
	}
}

// ProbeEvery is how often Probe should be called.
const ProbeEvery = 2 * time.Second

// Probe looks which servers of the sites with several are there. It returns after a
// second at the latest.
func (g *Gate) Probe(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range g.sites {
		if len(s.transport.list) < 2 || s.secureAt != "" {
			continue
		}
		all.Go(func() { s.transport.probe(ctx, time.Second) })
	}
	all.Wait()
}

// Server is one server behind a site: whether it answered last, whether it gets nothing
// new, and how many requests and upgraded connections it has. Of a site with one server
// they are not counted.
type Server struct {
	URL     string
	Up      bool
	Drained bool
	Busy    int64
}

// Servers are those behind the n-th site of the configuration.
func (g *Gate) Servers(n int) (out []Server) {
	for _, one := range g.sites[n].transport.list {
		out = append(out, Server{one.url, !one.down.Load(), one.mark.Drained(), one.mark.Busy()})
	}
	return out
}
