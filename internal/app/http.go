package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/config"
	"haechi/internal/identity/clientip"
	"haechi/internal/ingress/h3"
	"haechi/internal/ingress/httpgate"
	"haechi/internal/ingress/listener"
	"haechi/internal/ingress/tlsterm"
	"haechi/internal/ingress/tlsterm/acme"
)

// httpGroup are the HTTP services that share a listening address.
type httpGroup struct {
	addr     string
	services []*config.Service
	redirect []bool // of each service: this address only sends on to https
}

// take adds a service to the group.
func (g *httpGroup) take(s *config.Service, redirect bool) {
	g.services, g.redirect = append(g.services, s), append(g.redirect, redirect)
}

// httpGroups orders the HTTP services by the addresses they listen on.
func httpGroups(cfg *config.Config) (groups []*httpGroup) {
	at := map[string]*httpGroup{}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Kind != kindHTTP {
			continue
		}
		for i, addr := range slices.Concat(s.Listen, s.Redirect) {
			g := at[addr]
			if g == nil {
				g = &httpGroup{addr: addr}
				at[addr] = g
				groups = append(groups, g)
			}
			g.take(s, i >= len(s.Listen))
		}
	}
	return groups
}

// names are those of the services.
func (g *httpGroup) names() (out []string) {
	for _, s := range g.services {
		out = append(out, s.Name)
	}
	return out
}

// httpGuard is one listening address with the HTTP services behind it.
type httpGuard struct {
	group  *httpGroup
	gate   *httpgate.Gate
	socket *listener.Listener
	udp    *h3.Listener // nil: no HTTP/3
	certs  []*tlsterm.Set
	owned  []ownCert
	behind []*behind // one for each service of the group
	log    *slog.Logger

	clients *clientCerts
	handed  atomic.Bool // to the next world's gate
	done    chan struct{}
	once    sync.Once
}

func newHTTPGuard(cfg *config.Config, group *httpGroup, e *estate, w *world, log *slog.Logger) (*httpGuard, error) {
	g := &httpGuard{group: group, log: log.With("addr", group.addr), done: make(chan struct{}), clients: &e.clients}
	first := group.services[0]
	conf := httpgate.Config{
		Name: first.Name, V6Bits: cfg.Client.IPv6Prefix, HeaderTimeout: first.Timeouts.Header, IdleTimeout: first.Timeouts.Idle,
		BodyTimeout: first.Timeouts.Body, WriteTimeout: first.Timeouts.Send, MinRate: first.Limits.MinRate, MaxHeaderBytes: first.Limits.Header,
	}
	for i, s := range group.services {
		up, err := newBehind(s, e.now, g.log)
		if err != nil {
			return nil, err
		}
		g.behind = append(g.behind, up)
		served := site(s, up)
		served.Drains = &e.drains
		if served.Protection != nil {
			served.Protection.AltSvc = altSvc(s, group.addr)
		}
		if group.redirect[i] {
			served.SecureAt = secureAt(s)
			conf.Sites = append(conf.Sites, served)
			continue
		}
		conf.Sites = append(conf.Sites, served)
		sets, err := serviceCerts(cfg, s, e)
		if err != nil {
			return nil, err
		}
		g.own(s, sets)
	}
	if len(g.certs) > 0 {
		conf.TLS = tlsterm.Policy(first.TLS.Policy).Apply(tlsterm.Config(g.certs...))
		clients, err := e.clients.of(g.encrypted(), e.now()) // of services that share an address they are the same
		if err != nil {
			return nil, err
		}
		conf.TLS, conf.Certificates = asking(conf.TLS, clients, false, e.now, g.certs...), certificatesOf(clients)
	}
	var err error
	g.gate, err = httpgate.New(conf, httpgate.Deps{
		Inspector: w.judges, Bodies: w.waf, Answers: w.waf, Costs: w.limiter, Pacer: presentPacer{e, w}, Loops: e.yard.loops, Sink: e.pipeline, Sessions: e.session,
		Clients: clientip.New(clientip.Config{Trusted: e.list.trusted}), Allowed: e.list.allowed, Challenge: acme.Answer, Now: e.now, Log: g.log,
	})
	if err != nil {
		return nil, err
	}
	listen := listenConfig(group.addr, first, e, anyOf{w.judges, group.names()}, false)
	listen.Announce = true // a device gate announces its connections itself
	listen.Lists = anyOf{w.lists, group.names()}
	if g.socket, err = e.pool.Listen(listen); err != nil {
		return nil, err
	}
	return g, g.listenUDP(e.udp, &conf, len(g.certs) > 0 && g.encrypted().TLS.HTTP3)
}

// encrypted is the first service that speaks TLS at this address.
func (g *httpGuard) encrypted() *config.Service {
	return g.group.services[slices.Index(g.group.redirect, false)]
}

// own takes the certificates of a service: one for all its hosts, or one for each.
func (g *httpGuard) own(s *config.Service, sets []*tlsterm.Set) {
	g.certs = append(g.certs, sets...)
	for i, set := range sets {
		hosts := s.Hosts
		if s.TLS.ACME.On() {
			hosts = hosts[i : i+1]
		}
		g.owned = append(g.owned, ownCert{service: s.Name, origin: originOf(&s.TLS), hosts: hosts, set: set})
	}
}

func site(s *config.Service, up *behind) httpgate.Site {
	out := httpgate.Site{Service: s.Name, Hosts: s.Hosts, Upstream: s.Upstream, Others: s.Others, UpstreamTLS: up.tls, MaxBody: s.Limits.Body, AnswerTimeout: s.Timeouts.Upstream, UpgradedIdle: s.Timeouts.Upgraded, Load: httpgate.Load{Mode: s.Limits.Mode, InFlight: s.Limits.InFlight, Each: s.Limits.ClientInFlight}}
	u := &s.Limits.Upgraded
	out.Upgraded = httpgate.Upgraded{Mode: s.Limits.Mode, Client: u.Connections, All: u.MaxConnections, Message: u.Message,
		Messages: gcra.Rate{Events: u.Messages.Events, Per: u.Messages.Per, Burst: u.Messages.Burst}, Pause: s.Limits.Pause,
		Lifetime: u.Lifetime, Piece: piece(&s.Limits)}
	if !s.Headers.Off {
		out.Protection = protection(&s.Headers)
	}
	for _, r := range s.Routes {
		route := httpgate.Route{Path: r.Path, Class: r.Class}
		if r.Rate.Events > 0 {
			route.Limit = r.Path
		}
		out.Routes = append(out.Routes, route)
	}
	return out
}

// run serves until retired. On a reload, requests under way take their time, and
// connections go on in the next world; at the end of conns they get drainGrace.
func (g *httpGuard) run(conns context.Context) {
	kept := context.WithoutCancel(conns)
	fresh, stop := context.WithCancel(conns)
	defer stop()
	var all sync.WaitGroup
	for _, set := range g.certs {
		all.Go(func() { _ = set.Run(fresh, tlsterm.RefreshEvery, g.log) }) // it ends with its context only
	}
	all.Go(func() { _ = every(fresh, httpgate.ProbeEvery, func() { g.gate.Probe(fresh) }) }) // nothing to do where every site has one server
	ended := make(chan struct{})
	all.Go(func() {
		defer close(ended)
		g.serve(kept)
		g.gate.Wait()
	})
	<-g.done
	stop()
	if g.handed.Load() {
		select {
		case <-ended:
		case <-conns.Done():
		}
	}
	g.drain(conns, kept)
	all.Wait()
}

// handOver lets the next world's gate on the same address answer what comes on the
// connections of this one. Without one, retiring ends them.
func (g *httpGuard) handOver(next *world) {
	for _, other := range next.guards {
		if heir, ok := other.(*httpGuard); ok && heir.group.addr == g.group.addr {
			g.handed.Store(g.gate.HandOver(heir.gate))
		}
	}
}

func (g *httpGuard) drain(conns, kept context.Context) {
	grace, cancel := context.WithCancel(kept)
	defer cancel()
	defer context.AfterFunc(conns, func() { time.AfterFunc(drainGrace, cancel) })()
	if err := g.gate.Shutdown(grace); err != nil && !errors.Is(err, context.Canceled) {
		g.log.Error("an HTTP gate did not stop cleanly", "err", err)
	}
}

func (g *httpGuard) retire() {
	g.once.Do(func() {
		if err := g.closeSockets(); err != nil {
			g.log.Error("a listening socket did not close", "err", err)
		}
		close(g.done)
	})
}

func (g *httpGuard) status() (out []haechi.ServiceStatus) {
	for i, s := range g.group.services {
		behind := g.gate.Servers(i)
		up, healthy := upstreamsOf(behind)
		if g.group.redirect[i] {
			up = "https" + secureAt(s)
		}
		out = append(out, haechi.ServiceStatus{Name: s.Name, Kind: kindHTTP, Listen: addrs([]*listener.Listener{g.socket}),
			Open: true, Upstream: up, Healthy: healthy, Live: g.socket.Live(), OneProxy: g.gate.OneProxy(), Servers: serversOf(behind)})
	}
	return out
}

func (g *httpGuard) stats() []haechi.Counter {
	out := slices.Concat(g.gate.Counters(), g.socket.Counters(), g.udpCounters())
	for i, s := range g.group.services {
		out = append(out, g.behind[i].counter(s.Name)...)
		if !g.group.redirect[i] {
			out = append(out, g.clients.counters(s.Name)...)
		}
	}
	return out
}

// serversOf is nothing for a service with one server, which cannot be drained.
func serversOf(list []httpgate.Server) (out []haechi.ServerStatus) {
	if len(list) < 2 {
		return nil
	}
	for _, one := range list {
		out = append(out, haechi.ServerStatus{URL: one.URL, Up: one.Up, Draining: one.Drained, Busy: one.Busy})
	}
	return out
}

// upstreamsOf lists servers, those that did not answer last marked, and whether any did.
func upstreamsOf(list []httpgate.Server) (text string, healthy bool) {
	parts := make([]string, len(list))
	for i, one := range list {
		parts[i] = one.URL
		if !one.Up {
			parts[i] += " (!)"
		}
		healthy = healthy || one.Up
	}
	return strings.Join(parts, ", "), healthy || len(list) == 1
}
