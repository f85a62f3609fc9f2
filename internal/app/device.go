package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/prefixset"
	"haechi/internal/config"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
	"haechi/internal/ingress/listener"
	"haechi/internal/ingress/tlsterm"
)

// deviceGuard is a device service: its gate, its sockets, and the health check that
// closes the sockets while the upstream is down.
type deviceGuard struct {
	svc       *config.Service
	gate      *devicegate.Gate
	health    *ingress.Health
	upstreams *ingress.Upstreams
	tls       *frontTLS // nil: plain
	clients   *clientCerts
	sockets   []*listener.Listener
	open      atomic.Bool
	log       *slog.Logger

	done chan struct{}
	once sync.Once
}

func newDeviceGuard(s *config.Service, e *estate, judges ingress.Inspector, log *slog.Logger) (*deviceGuard, error) {
	g := &deviceGuard{svc: s, clients: &e.clients, log: log.With("service", s.Name), done: make(chan struct{})}
	g.upstreams = e.upstreams(s)
	g.health = ingress.NewHealth(ingress.HealthConfig{Dial: g.upstreams.Check, SetOpen: g.setOpen, Log: g.log})
	var err error
	if g.tls, err = newFrontTLS(s, e); err != nil {
		return nil, err
	}
	profile, err := LoadProfile(s.Profile)
	if err != nil {
		return nil, err
	}
	if s.TLS.Plain && !tellsTLS(&profile.Profile.Framing) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "service " + s.Name, Msg: "the first byte of a frame of profile " + s.Profile + " may look like TLS",
			Hint: "leave out tls.plain: allow, and give devices without TLS a service of their own"}
	}
	prover, err := proverOf(s, &profile.Profile, e)
	if err != nil {
		return nil, err
	}
	g.gate, err = devicegate.New(devicegate.Config{
		Service: s.Name, Profile: &profile.Profile, Binding: s.Device.Binding, Pin: s.Device.Pin, Exempt: s.Device.Exempt, LineIn: s.Limits.FrameIn, LineOut: int64(s.Limits.FrameOut),
		HandshakeTimeout: s.Timeouts.Handshake, ProofTimeout: s.Timeouts.Handshake, Idle: s.Timeouts.Idle, DialTimeout: s.Timeouts.Upstream,
		Hold: s.Device.Hold,
	}, devicegate.Deps{
		Certificates: g.tls.certificates(),
		Registry:     e.registry.At(s.Name), Prover: prover, Enroller: enroller{e}, Inspector: judges, Sink: e.pipeline, Sessions: e.session,
		Idle: e.yard.idle, Blocked: e.yard.blocked, Winners: e.winners, Dial: g.upstreams.Dial, Suspect: g.health.Nudge, Now: e.now, Log: g.log,
	})
	if err != nil {
		return nil, err
	}
	for _, addr := range s.Listen {
		l, err := e.pool.Listen(listenConfig(addr, s, e, judges, true))
		if err != nil {
			return nil, errors.Join(err, g.closeSockets())
		}
		g.sockets = append(g.sockets, l)
	}
	return g, nil
}

// enroller is the registry and control as a gate asks about enrolment codes.
type enroller struct{ e *estate }

// Enrolling implements devicegate.Enroller.
func (n enroller) Enrolling(service, device string, from netip.Addr, now time.Time) []haechi.Key {
	return n.e.registry.Enrolling(service, device, from, now)
}

// Enrol implements devicegate.Enroller.
func (n enroller) Enrol(ctx context.Context, code string, d haechi.Device) error {
	return n.e.enrol(ctx, code, d)
}

// listenConfig is how any service listens. A device service starts with its socket
// closed: it opens once the upstream has answered.
func listenConfig(addr string, s *config.Service, e *estate, judges ingress.Inspector, suspended bool) listener.Config {
	c := listener.Config{
		Addr: addr, Service: s.Name, V6Bits: e.cfg.Client.IPv6Prefix, Allowed: e.list.allowed, TrustedProxy: e.list.trusted,
		Cap: e.cap, Judge: judges, Sink: e.pipeline, Suspended: suspended, MaxConns: s.Limits.MaxConnections, Now: e.now, Log: e.log,
	}
	if len(s.ProxyProtocol) > 0 {
		c.ProxyProtocol = prefixset.New(s.ProxyProtocol...).Contains
	}
	return c
}

func (g *deviceGuard) run(conns context.Context) {
	health, stop := context.WithCancel(conns)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { _ = g.health.Run(health) }) // it ends with its context only
	if g.tls != nil {
		all.Go(func() { _ = g.tls.certs.Run(health, tlsterm.RefreshEvery, g.log) }) // so does this
	}
	for _, l := range g.sockets {
		all.Go(func() { g.accept(conns, l, &all) })
	}
	end := context.AfterFunc(conns, g.gate.Shutdown)
	defer end()
	<-g.done
	stop()
	all.Wait()
	g.gate.Wait() // those that are parked have no goroutine
}

func (g *deviceGuard) accept(conns context.Context, l *listener.Listener, all *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // retired
		}
		all.Go(func() { g.serve(conns, c.(*ingress.Conn)) })
	}
}

// serve runs one connection; where the service has a certificate, TLS comes first.
func (g *deviceGuard) serve(conns context.Context, c *ingress.Conn) {
	if g.tls == nil || g.tls.greet(conns, c) {
		g.gate.Serve(c)
	}
}

// setOpen opens or closes the sockets with the upstream's health, so that a client
// sees a refused connection and not one that is accepted and dropped.
func (g *deviceGuard) setOpen(open bool) {
	for _, l := range g.sockets {
		var err error
		if open {
			err = l.Resume()
		} else {
			err = l.Suspend()
		}
		if err != nil {
			g.log.Error("a listening socket could not follow the upstream's health", "addr", l.Addr().String(), "open", open, "err", err)
		}
	}
	if g.open.Swap(open) != open {
		g.log.Info("upstream health changed", "upstream", g.behind(), "up", open)
	}
}

func (g *deviceGuard) retire() {
	g.once.Do(func() {
		if err := g.closeSockets(); err != nil {
			g.log.Error("a listening socket did not close", "err", err)
		}
		close(g.done)
	})
}

func (g *deviceGuard) closeSockets() error {
	var errs []error
	for _, l := range g.sockets {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (g *deviceGuard) status() []haechi.ServiceStatus {
	return []haechi.ServiceStatus{{Name: g.svc.Name, Kind: kindDevice, Listen: addrs(g.sockets), Open: g.open.Load(),
		Upstream: g.behind(), Healthy: g.open.Load(), Live: g.gate.Live()}}
}

// behind names the servers, for people.
func (g *deviceGuard) behind() string { return strings.Join(g.upstreams.Addrs(), ", ") }

func (g *deviceGuard) stats() []haechi.Counter {
	out := slices.Concat(g.gate.Stats(), g.tls.stats(), g.clients.counters(g.svc.Name))
	for _, l := range g.sockets {
		out = append(out, named(l.Addr().String()+"/", l.Counters())...)
	}
	return out
}

func addrs(ls []*listener.Listener) (out []string) {
	for _, l := range ls {
		out = append(out, l.Addr().String())
	}
	return out
}
