package httpgate

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// Config describes one gate: what is served on one or more equal listeners.
type Config struct {
	// Name is the service name of what belongs to no site: the connections of a
	// gate with several sites, and requests for unknown hosts. Empty means the
	// first site's service.
	Name string
	// Sites are the services behind the gate, at least one.
	Sites []Site
	// TLS terminates TLS; nil serves plain HTTP.
	TLS *tls.Config
	// Certificates judge those of clients, which TLS must ask for; nil: nobody asks. A
	// client whose certificate is not good enough gets an answer that refuses it.
	Certificates ingress.Certificates
	// V6Bits is the prefix length of an IPv6 client key, 0 means 64.
	V6Bits int
	// HeaderTimeout bounds the TLS handshake and the wait for a request's header, 0 means 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next request, 0 means 75 s.
	IdleTimeout time.Duration
	// MinRate is how many bytes a second a client must send of a body and take of an
	// answer, 0 means 1,024.
	MinRate int64
	// BodyTimeout is how far a request body may fall behind MinRate at any moment, 0
	// means 20 s. Time in which the upstream does not read is not counted.
	BodyTimeout time.Duration
	// WriteTimeout is the time over which an answer that waits for its client is held
	// to MinRate, 0 means 30 s.
	WriteTimeout time.Duration
	// MaxHeld bounds the memory for what slow clients send and do not take, and for
	// bodies that are held to be judged, in bytes,
	// 0 means 64 MiB.
	MaxHeld int64
	// MaxHeaderBytes bounds a request's header, 0 means 32 KiB. net/http adds 4 KiB.
	MaxHeaderBytes int
	// MaxStreams bounds the concurrent HTTP/2 streams of a connection, 0 means 128.
	MaxStreams int
	// MaxDelay bounds the wait that a throttle verdict imposes, 0 means 5 s;
	// MaxDelayed bounds how many requests wait at once, 0 means 1,024. What exceeds
	// either is refused with Retry-After.
	MaxDelay   time.Duration
	MaxDelayed int
}

// Site is one service.
type Site struct {
	// Service is the name under services: in the configuration.
	Service string
	// Hosts are the names it answers to, "*.example.com" covers one label; none:
	// every host, which at most one site of a gate may claim.
	Hosts []string
	// Upstream is http://host:port, https://host:port (HTTP/2 where the server offers it
	// by ALPN) or h2c://host:port (HTTP/2 without TLS).
	Upstream string
	// Others are further servers like Upstream, of the same scheme: any of them may
	// answer any request. At most 63.
	Others []string
	// Drains marks the servers that get nothing new; nil: none does.
	Drains *ingress.Drains
	// UpstreamTLS is for an https upstream; nil means the system's roots.
	UpstreamTLS *tls.Config
	// SecureAt is ":port" where the site is served over TLS, or ":443"; every
	// request is sent there and none reaches the upstream. Empty: it is served here.
	SecureAt string
	// Protection completes every answer; nil: answers pass as the upstream made them.
	Protection *Protection
	// Routes give classes to paths.
	Routes []Route
	// MaxBody bounds a request body in bytes, 0 means 10 MiB, below 0 no bound.
	MaxBody int64
	// AnswerTimeout bounds the wait for the header of the upstream's answer, 0 means 60 s.
	AnswerTimeout time.Duration
	// UpgradedIdle bounds the silence, of both sides, on a connection that became a
	// WebSocket; 0 means 10 min.
	UpgradedIdle time.Duration
	// Upgraded bounds such connections otherwise.
	Upgraded Upgraded
	// Load bounds what the servers behind are given at once.
	Load Load
	// MaxIdleUpstream bounds idle connections to the upstream, 0 means 512.
	MaxIdleUpstream int
}

// Load says how many requests the servers behind a site may have at once, and who is
// refused first when that is too much. Mode off counts nothing, shadow only reports.
type Load struct {
	Mode     haechi.Mode // unset: enforce
	InFlight int         // 0 means 2,048, at least 8
	Each     int         // of one client, 0 means 100
}

// Route gives a limit class to the path and all below it, whatever the case of
// its letters; of several the longest wins.
type Route struct {
	Path string
	// Limit names the route's own limit, empty without one.
	Limit string
	Class string // "asset", "page", "api", "login", or any name
}

// ClassLogin marks routes whose 401 and 403 answers are failed logins.
const ClassLogin = "login"

// Clients finds the client behind trusted proxies.
type Clients interface {
	// Trusted reports whether the address is a trusted proxy.
	Trusted(peer netip.Addr) bool
	// Client is who sent the request that the peer passed on.
	Client(peer netip.Addr, forwardedFor []string) netip.Addr
}

// BodyInspector judges a request together with its body, after the Inspector let it
// pass. A body is held until it has answered.
type BodyInspector interface {
	ingress.Inspector
	// Wants is how much of the body it needs at most, in bytes; 0: it does not judge
	// the request.
	Wants(r *haechi.Request) int
	// Answered says how a request that it let pass was answered. Its Body is gone.
	Answered(r *haechi.Request, status int, now time.Time)
}

// Deps are what a gate needs of the rest of the house. Nil ones do nothing: no
// inspector passes everybody, no Clients trusts no proxy.
type Deps struct {
	Inspector ingress.Inspector
	Bodies    BodyInspector
	Answers   AnswerInspector
	Sink      ingress.Sink
	Sessions  ingress.Sessions
	Clients   Clients
	Costs     Costs
	Pacer     Pacer // nil: bytes of WebSockets have no rates
	// Loops serve what a lane can; they outlive the gate.
	Loops Loops
	// Allowed is the allow list for clients behind proxies; direct peers were
	// marked by the listener.
	Allowed func(netip.Addr) bool
	// Challenge is the answer to a certificate authority that asks for a proof of one of
	// the sites' hosts; nil: there is none.
	Challenge func(host, path string) (string, bool)
	Now       func() time.Time
	Log       *slog.Logger
}

func orDefault[T int | int64 | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

func (c Config) withDefaults() Config {
	if c.Name == "" && len(c.Sites) > 0 {
		c.Name = c.Sites[0].Service
	}
	c.HeaderTimeout = orDefault(c.HeaderTimeout, 10*time.Second)
	c.IdleTimeout = orDefault(c.IdleTimeout, 75*time.Second)
	c.BodyTimeout = orDefault(c.BodyTimeout, 20*time.Second)
	c.MinRate = orDefault(c.MinRate, 1024)
	c.WriteTimeout = orDefault(c.WriteTimeout, 30*time.Second)
	c.MaxHeld = orDefault(c.MaxHeld, 64<<20)
	c.MaxHeaderBytes = orDefault(c.MaxHeaderBytes, 32<<10)
	c.MaxStreams = orDefault(c.MaxStreams, 128)
	c.MaxDelay = orDefault(c.MaxDelay, 5*time.Second)
	c.MaxDelayed = orDefault(c.MaxDelayed, 1024)
	return c
}

func (s Site) withDefaults() Site {
	s.MaxBody = orDefault(s.MaxBody, 10<<20)
	s.AnswerTimeout = orDefault(s.AnswerTimeout, time.Minute)
	s.UpgradedIdle = orDefault(s.UpgradedIdle, 10*time.Minute)
	s.Load.InFlight = orDefault(s.Load.InFlight, 2048)
	s.Load.Each = orDefault(s.Load.Each, 100)
	s.MaxIdleUpstream = orDefault(s.MaxIdleUpstream, 512)
	return s
}

func (d Deps) withDefaults() Deps {
	if d.Inspector == nil {
		d.Inspector = nothing{}
	}
	if d.Bodies == nil {
		d.Bodies = nothing{}
	}
	if d.Answers == nil {
		d.Answers = nothing{}
	}
	if d.Sink == nil {
		d.Sink = nothing{}
	}
	if d.Sessions == nil {
		d.Sessions = nothing{}
	}
	if d.Clients == nil {
		d.Clients = nothing{}
	}
	if d.Costs == nil {
		d.Costs = nothing{}
	}
	if d.Allowed == nil {
		d.Allowed = func(netip.Addr) bool { return false }
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

// nothing stands in for every dependency that was not given.
type nothing struct{}

func (nothing) Inspect(*haechi.Request, time.Time) haechi.Verdict { return haechi.Verdict{} }
func (nothing) Wants(*haechi.Request) int                         { return 0 }
func (nothing) Answered(*haechi.Request, int, time.Time)          {}
func (nothing) WantsAnswer(*haechi.Request) (int, bool)           { return 0, false }
func (nothing) InspectAnswer(*haechi.Request, *haechi.Answer, time.Time) haechi.Verdict {
	return haechi.Verdict{}
}
func (nothing) Emit(*haechi.Event)                                           {}
func (nothing) Open(string, haechi.Actor, func(haechi.Verdict)) uint64       { return 0 }
func (nothing) Identify(uint64, haechi.Actor)                                {}
func (nothing) Close(uint64)                                                 {}
func (nothing) Afford(string, *haechi.Actor, time.Time) haechi.Verdict       { return haechi.Verdict{} }
func (nothing) Spend(string, *haechi.Actor, time.Duration, int64, time.Time) {}
func (nothing) Trusted(netip.Addr) bool                                      { return false }
func (nothing) Client(peer netip.Addr, _ []string) netip.Addr                { return peer }
