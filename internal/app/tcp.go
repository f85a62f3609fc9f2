package app

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/ingress"
	"haechi/internal/ingress/tcpgate"
	"haechi/internal/ingress/tlsterm"
)

// tcpGuard is an opaque TCP service: its gate, its sockets, and a health check of each
// server behind.
type tcpGuard struct {
	svc    *config.Service
	e      *estate
	own    *world
	gate   *tcpgate.Gate
	behind []*upstream
	certs  *tlsterm.Set // nil: TLS does not end here
	doors  doors
	log    *slog.Logger

	done chan struct{}
	once sync.Once
}

// upstream is one server behind with its check.
type upstream struct {
	address string
	health  *ingress.Health
}

func newTCPGuard(s *config.Service, e *estate, w *world, log *slog.Logger) (*tcpGuard, error) {
	log = log.With("service", s.Name)
	g := &tcpGuard{svc: s, e: e, own: w, log: log, doors: doors{log: log}, done: make(chan struct{})}
	dialer := &net.Dialer{Timeout: s.Timeouts.Upstream, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", address)
	}
	g.watch(dial)
	var err error
	if g.certs, err = serviceCert(e.cfg, s, e.now()); err != nil {
		return nil, err
	}
	conf := tcpConfig(s, g.certs)
	clients, err := e.clients.of(s, e.now())
	if err != nil {
		return nil, err
	}
	conf.TLS, conf.Certificates = asking(conf.TLS, clients, true, e.now, g.certs), certificatesOf(clients)
	g.gate, err = tcpgate.New(conf, tcpgate.Deps{
		Inspector: presentLists{e, w}, Pacer: presentPacer{e, w}, Sink: e.pipeline, Sessions: e.session,
		Dial: dial, Suspect: g.suspect, Lot: e.yard.idle, Pipes: e.pipes, Now: e.now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	for _, addr := range s.Listen {
		if err := g.doors.listen(e.pool, listenConfig(addr, s, e, w.judges, s.TCP.CloseWhenDown)); err != nil {
			return nil, err
		}
	}
	g.doors.open.Store(!s.TCP.CloseWhenDown)
	return g, nil
}

func tcpConfig(s *config.Service, certs *tlsterm.Set) tcpgate.Config {
	l := &s.Limits
	out := tcpgate.Config{
		Service: s.Name, Upstream: s.Upstream, SendProxy: s.TCP.SendProxy,
		HelloTimeout: s.Timeouts.Handshake, Idle: s.Timeouts.Idle, DialTimeout: s.Timeouts.Upstream,
	}
	for _, n := range s.TCP.Names {
		out.Names = append(out.Names, tcpgate.Name(n))
	}
	if certs != nil {
		out.TLS = deviceTLS(s, certs)
	}
	if l.Mode == haechi.Off {
		return out
	}
	out.MinRate, out.Shadow = l.MinRate, l.Mode == haechi.Shadow
	out.Piece = 16 << 10
	if n := piece(l); n > 0 {
		out.Paced, out.Piece = true, n
	}
	return out
}

// piece is how many bytes at once are charged to the rates of bytes, which takes a
// fraction of a second; 0 where there are none.
func piece(l *config.Limits) (n int) {
	for _, rate := range []int64{l.BytesIn, l.BytesOut} {
		if rate > 0 {
			n = min(cmp.Or(n, 16<<10), max(int(rate/8), 1024))
		}
	}
	return n
}

// watch makes a check for each server behind.
func (g *tcpGuard) watch(dial func(context.Context, string) (net.Conn, error)) {
	seen := map[string]bool{"": true}
	add := func(address string) {
		if seen[address] {
			return
		}
		seen[address] = true
		g.behind = append(g.behind, &upstream{address: address, health: ingress.NewHealth(ingress.HealthConfig{
			Dial:    func(ctx context.Context) (net.Conn, error) { return dial(ctx, address) },
			SetOpen: func(bool) { g.follow() }, Log: g.log.With("upstream", address),
		})})
	}
	add(g.svc.Upstream)
	for _, n := range g.svc.TCP.Names {
		add(n.Upstream)
	}
}

// follow opens the sockets while any server behind answers.
func (g *tcpGuard) follow() {
	if g.svc.TCP.CloseWhenDown {
		g.doors.set(g.healthy())
	}
}

func (g *tcpGuard) healthy() bool {
	for _, u := range g.behind {
		if u.health.Healthy() {
			return true
		}
	}
	return false
}

// suspect asks for a check of the server behind that failed.
func (g *tcpGuard) suspect(address string) {
	for _, u := range g.behind {
		if u.address == address {
			u.health.Nudge()
		}
	}
}

func (g *tcpGuard) run(conns context.Context) {
	g.e.opaque.Store(g, nil)
	defer g.e.opaque.Delete(g)
	checks, stop := context.WithCancel(conns)
	defer stop()
	var all sync.WaitGroup
	for _, u := range g.behind {
		all.Go(func() { _ = u.health.Run(checks) }) // it ends with its context only
	}
	if g.certs != nil {
		all.Go(func() { _ = g.certs.Run(checks, tlsterm.RefreshEvery, g.log) }) // so does this
	}
	g.doors.accept(&all, g.gate.Serve)
	end := context.AfterFunc(conns, g.gate.Shutdown)
	defer end()
	<-g.done
	stop()
	all.Wait()
	g.gate.Wait() // those that are parked
}

// review asks about the live connections of all opaque services again, for which
// nothing else would: the lists of the world that counts have changed.
func (e *estate) review() {
	e.opaque.Range(func(g, _ any) bool {
		t := g.(*tcpGuard)
		t.gate.Review(presentLists{e, t.own}, e.list.allowed)
		return true
	})
}

func (g *tcpGuard) retire() {
	g.once.Do(func() {
		if err := g.doors.close(); err != nil {
			g.log.Error("a listening socket did not close", "err", err)
		}
		close(g.done)
	})
}

func (g *tcpGuard) status() []haechi.ServiceStatus {
	var behind []string
	for _, u := range g.behind {
		behind = append(behind, u.address)
	}
	return []haechi.ServiceStatus{{Name: g.svc.Name, Kind: kindTCP, Listen: addrs(g.doors.sockets), Open: g.doors.open.Load(),
		Upstream: strings.Join(behind, ", "), Healthy: g.healthy(), Live: g.gate.Live()}}
}

func (g *tcpGuard) stats() []haechi.Counter {
	return slices.Concat(g.gate.Stats(), g.doors.stats(), g.e.clients.counters(g.svc.Name))
}
