package httpgate

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/http1"
)

const bufferSize = 32 << 10

// Gate serves the sites of one [Config]. It is safe for concurrent use.
type Gate struct {
	cfg   Config
	deps  Deps
	hosts *hosts
	sites []*site
	srv   *http.Server
	tls   *tls.Config // nil: plain
	// abort cancels every request, upgraded ones included.
	abort context.CancelFunc

	// heir answers instead, once this gate has handed over; conns counts this
	// gate's own connections.
	heir  atomic.Pointer[Gate]
	conns sync.WaitGroup

	// lanes serve plain HTTP/1.1; slow takes the connections on which something else
	// comes to net/http.
	lanes  lanes
	multis multis
	slow   *handoff
	once   sync.Once
	served chan struct{} // closed once net/http's server has ended
	reader *http1.Reader
	date   date

	exchanges sync.Pool
	buffers   bufferPool
	values    headerValues
	upgrades  sync.WaitGroup
	held      atomic.Int64 // bytes for slow clients, see Config.MaxHeld
	reported  reported
	oneProxy  oneProxy
	pages     pages
	counts    counts
}

type counts struct {
	requests, refused, upstreamErrors, unresolved, reportsDropped, helloRefused, slowReads, notHeld, silent atomic.Uint64
	upgradesRefused, framesRefused, messagesRefused, upgradedRates, lifetimes                               atomic.Uint64
	handshakes, handedOver, unreadable, h2errors, h2cut, h3errors, h3cut, pagesLooked, pagesPassed          atomic.Uint64
	upgraded, delayed                                                                                       atomic.Int64
}

// New makes a gate. Errors are of kind Invalid or Conflict.
func New(cfg Config, deps Deps) (*Gate, error) {
	cfg = cfg.withDefaults()
	h, sites, err := newHosts(cfg.Sites)
	if err != nil {
		return nil, err
	}
	base, abort := context.WithCancel(context.Background())
	g := &Gate{cfg: cfg, deps: deps.withDefaults(), hosts: h, sites: sites, abort: abort,
		values: newHeaderValues(cfg.TLS != nil), slow: newHandoff(), served: make(chan struct{}), reader: http1.NewReader()}
	g.buffers.New = func() any { return new([bufferSize]byte) }
	g.exchanges.New = func() any { return newExchange(g) }
	g.tls = g.listen(cfg.TLS)
	g.srv = newServer(cfg, g.deps.Log)
	g.srv.Handler = g
	g.srv.ConnContext = withConn
	g.srv.ConnState = watch
	g.srv.BaseContext = func(net.Listener) context.Context { return base }
	return g, nil
}

func newServer(cfg Config, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(cfg.TLS != nil) // it gets h2 without the TLS, and only where that was agreed
	return &http.Server{
		Protocols:         protocols,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: cfg.MaxStreams,
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     cfg.WriteTimeout,
		},
		DisableGeneralOptionsHandler: true,
		// What net/http says is about single peers: noise while all is well.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve serves a listener, whose connections must be *ingress.Conn, until ctx
// ends, the listener is closed or Shutdown is called; then it returns nil. It may
// be called for several listeners. It closes the listener, but no connection.
func (g *Gate) Serve(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	if !g.lanes.listen(ln) {
		return ln.Close()
	}
	g.once.Do(func() {
		go func() {
			defer close(g.served)
			_ = g.srv.Serve(g.slow) // it ends with the handoff only
		}()
	})
	for d := (door{Listener: ln, g: g}); ; {
		c, err := d.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		go g.attend(c)
	}
}

// Shutdown stops accepting, closes idle connections, and waits until the active
// ones and the upgraded ones have ended. When ctx ends first, it cuts what is
// left and returns ctx's error.
func (g *Gate) Shutdown(ctx context.Context) error {
	g.lanes.stop()
	others := make(chan error, 2)
	go func() { others <- g.lanes.drain(ctx) }()
	go func() { others <- g.multis.drain(ctx) }()
	err := errors.Join(g.srv.Shutdown(ctx), <-others, <-others)
	g.once.Do(func() { close(g.served) }) // it never started
	ended := make(chan struct{})
	go func() {
		g.upgrades.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.abort()
	if err != nil {
		err = errors.Join(err, g.srv.Close())
	}
	<-ended
	<-g.served
	for _, s := range g.sites {
		s.transport.close()
	}
	return err
}

// Counters are the gate's counts since it was made; those named now are of now.
func (g *Gate) Counters() []haechi.Counter {
	c := &g.counts
	return append(g.loadCounters(), []haechi.Counter{
		{Name: "http_requests", Value: c.requests.Load()},
		{Name: "http_refused", Value: c.refused.Load()},
		{Name: "http_upstream_errors", Value: c.upstreamErrors.Load()},
		{Name: "http_unresolved_connections", Value: c.unresolved.Load()},
		{Name: "http_csp_reports_repeated", Value: c.reportsDropped.Load()},
		{Name: "http_pages_looked_at", Value: c.pagesLooked.Load()},
		{Name: "http_pages_not_looked_at", Value: c.pagesPassed.Load()},
		{Name: "http_hellos_refused", Value: c.helloRefused.Load()},
		{Name: "http_slow_reads_cut", Value: c.slowReads.Load()},
		{Name: "http_silent_cut", Value: c.silent.Load()},
		{Name: "http_upgrades_refused", Value: c.upgradesRefused.Load()},
		{Name: "http_frames_refused", Value: c.framesRefused.Load()},
		{Name: "http_messages_refused", Value: c.messagesRefused.Load()},
		{Name: "http_upgraded_rates_cut", Value: c.upgradedRates.Load()},
		{Name: "http_lifetimes_ended", Value: c.lifetimes.Load()},
		{Name: "http_held_full", Value: c.notHeld.Load()},
		{Name: "http_handed_over", Value: c.handedOver.Load()},
		{Name: "http_held_bytes_now", Value: uint64(max(0, g.held.Load()))},
		{Name: "http_handshakes_failed", Value: c.handshakes.Load()},
		{Name: "http_unreadable", Value: c.unreadable.Load()},
		{Name: "http2_errors", Value: c.h2errors.Load()},
		{Name: "http2_cut", Value: c.h2cut.Load()},
		{Name: "http3_errors", Value: c.h3errors.Load()},
		{Name: "http3_cut", Value: c.h3cut.Load()},
		{Name: "http_upgraded_now", Value: uint64(c.upgraded.Load())},
		{Name: "http_delayed_now", Value: uint64(c.delayed.Load())},
	}...)
}

// bufferPool implements httputil.BufferPool without an allocation a buffer.
type bufferPool struct{ sync.Pool }

// Get implements httputil.BufferPool.
func (p *bufferPool) Get() []byte { return p.Pool.Get().(*[bufferSize]byte)[:] }

// Put implements httputil.BufferPool.
func (p *bufferPool) Put(b []byte) { p.Pool.Put((*[bufferSize]byte)(b)) }
