package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/config"
	"haechi/internal/detect"
	"haechi/internal/detect/rules"
	"haechi/internal/inspect/access"
	"haechi/internal/inspect/ratelimit"
	"haechi/internal/inspect/waf"
	"haechi/internal/record"
	"haechi/internal/sensor/conntrack"
	"haechi/internal/sensor/logline"
)

// The kinds of service.
const (
	kindDevice = "device"
	kindHTTP   = "http"
	kindTCP    = "tcp"
)

// guard is one gate with its sockets.
type guard interface {
	// run serves until retired; connections under way go on until conns ends.
	run(conns context.Context)
	// retire takes no new connections, and lets run return once the last has ended.
	retire()
	status() []haechi.ServiceStatus
	stats() []haechi.Counter
}

// world is what is built from one configuration.
type world struct {
	cfg     *config.Config
	rules   *rules.Set
	site    detect.Site
	logs    []*logline.Set // for each entry of sensor.logs
	limiter *ratelimit.Limiter
	waf     *waf.Waf
	rulings map[ruling]bool // what waf's engines are made of
	judges  chain
	lists   chain // the judges that do not count
	guards  []guard
}

// buildWorld builds everything and opens the sockets; nothing is served yet. On
// error all that it opened is closed again.
func buildWorld(cfg *config.Config, e *estate, log *slog.Logger) (*world, error) {
	set, err := loadRules(cfg)
	if err != nil {
		return nil, err
	}
	w := &world{cfg: cfg, rules: set, site: networkSite(&cfg.Site).Knowing(e.deny.Has), limiter: ratelimit.New(limitConfig(cfg))}
	if w.waf, w.rulings, err = newWaf(cfg, &e.engines, e.params, e.excepted.All); err != nil {
		return nil, err
	}
	if w.logs, err = logSets(cfg); err != nil {
		return nil, err
	}
	w.lists = chain{e.session, e.deny, access.New(accessLists(cfg))}
	w.judges = append(slices.Clone(w.lists), w.limiter, e.stages.gate)
	for i := range cfg.Services {
		g, err := w.streamGuard(&cfg.Services[i], e, log)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		if g != nil {
			w.guards = append(w.guards, g)
		}
	}
	for _, group := range httpGroups(cfg) {
		g, err := newHTTPGuard(cfg, group, e, w, log)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.guards = append(w.guards, g)
	}
	return w, nil
}

// streamGuard guards a service that has its addresses to itself; nil for one that
// has not.
func (w *world) streamGuard(s *config.Service, e *estate, log *slog.Logger) (guard, error) {
	switch s.Kind {
	case kindDevice:
		return orNil(newDeviceGuard(s, e, present{e, w}, log))
	case kindTCP:
		return orNil(newTCPGuard(s, e, w, log))
	}
	return nil, nil
}

// orNil keeps a nil pointer from becoming a guard.
func orNil[G guard](g G, err error) (guard, error) {
	if err != nil {
		return nil, err
	}
	return g, nil
}

// enter puts the world's lists and rules in the place of the old ones; open and
// Reload have made it the one that counts.
func (w *world) enter(e *estate) {
	e.list.set(w.cfg.Allow, w.cfg.TrustedProxies, literals(w.cfg))
	e.pipeline.Swap(e.detectors(w))
	e.wire.swap(e.networkDetectors(w))
	e.counting.swap(e.hostDetectors(w))
	e.stages.Forget(e.now()) // the detectors began anew, and say again what goes on
	e.tails.swap(func() understood { return e.understand(w) })
	e.exports.swap(func() screened { return e.screened(w, "netflow") })
	e.samples.swap(func() screened { return e.screened(w, "sflow") })
	e.forgotten.swap(func() screened { return e.screened(w, conntrack.Sensor) })
	e.keeper.Keep(orders(w.cfg))
	e.clients.keep(w.cfg)
	e.engines.keep(w.rulings)
}

// serve runs the gates and returns once the world is retired and its last
// connection has ended; connections end with conns at the latest.
func (w *world) serve(conns context.Context) {
	var running sync.WaitGroup
	for _, g := range w.guards {
		running.Go(func() { g.run(conns) })
	}
	running.Wait()
}

// handOver gives the HTTP connections to the next world, before this one retires.
func (w *world) handOver(next *world) {
	for _, g := range w.guards {
		if h, ok := g.(*httpGuard); ok {
			h.handOver(next)
		}
	}
}

// retire takes no new connections.
func (w *world) retire() {
	for _, g := range w.guards {
		g.retire()
	}
}

// close undoes buildWorld for a world that never served.
func (w *world) close() error {
	w.retire()
	return nil
}

// runGates serves the present world and those that a reload brings, until ctx ends.
func (a *App) runGates(ctx context.Context) error {
	conns, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	a.mu.Lock()
	a.serve = func(w *world) {
		w.enter(a.estate)
		a.gates.Go(func() { w.serve(conns) })
	}
	a.serve(a.estate.current.Load())
	a.mu.Unlock()
	a.announce(ctx)
	<-ctx.Done()
	a.mu.Lock()
	a.serve = nil
	a.estate.current.Load().retire()
	a.mu.Unlock()
	cut()
	a.gates.Wait()
	return nil
}

func limitConfig(cfg *config.Config) ratelimit.Config {
	out := ratelimit.Config{Services: map[string]ratelimit.Service{}}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		svc := ratelimit.Service{
			Device:  ratelimit.Limit{Mode: s.Limits.Mode, Rates: rates(s.Limits.Device...)},
			Address: ratelimit.Limit{Mode: s.Limits.Mode, Rates: rates(s.Limits.Address)},
			All:     ratelimit.Limit{Mode: s.Limits.Mode, Rates: rates(s.Limits.NewConnections)},
			In:      s.Limits.BytesIn, Out: s.Limits.BytesOut, Bytes: s.Limits.Mode,
			Cost:    ratelimit.Spend{Mode: s.Limits.Mode, Time: s.Limits.Cost.Time, Per: s.Limits.Cost.Per, Burst: s.Limits.Cost.Burst},
			Classes: map[string]ratelimit.Limit{}, Pause: s.Limits.Pause,
		}
		for class, r := range s.Limits.Classes {
			svc.Classes[class] = ratelimit.Limit{Mode: s.Limits.Mode, Rates: rates(r)}
		}
		svc.Routes = map[string]ratelimit.Limit{}
		for _, r := range s.Routes {
			svc.Routes[r.Path] = ratelimit.Limit{Mode: s.Limits.Mode, Rates: rates(r.Rate)}
		}
		out.Services[s.Name] = svc
	}
	return out
}

func rates(in ...config.Rate) (out []gcra.Rate) {
	for _, r := range in {
		if r.Events > 0 {
			out = append(out, gcra.Rate{Events: r.Events, Per: r.Per, Burst: r.Burst})
		}
	}
	return out
}

func accessLists(cfg *config.Config) map[string]access.List {
	out := map[string]access.List{}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		out[s.Name] = access.List{Mode: s.Access.Mode, Allow: s.Access.Allow, Deny: s.Access.Deny, AllowCerts: s.Access.AllowCerts, DenyCerts: s.Access.DenyCerts}
	}
	return out
}

func retention(cfg *config.Config) record.Retention {
	r := cfg.Records
	return record.Retention{Events: r.Events, Connections: r.Connections, Messages: r.Messages, Findings: r.Findings, Queries: r.Queries}
}

func serviceZones(cfg *config.Config) map[string]*time.Location {
	out := map[string]*time.Location{}
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Zone != nil {
			out[s.Name] = s.Zone
		}
	}
	return out
}

func ruleOverrides(cfg *config.Config) map[string]rules.Override {
	out := map[string]rules.Override{}
	for id, r := range cfg.Rules {
		o := rules.Override{Mode: r.Mode, Threshold: r.Threshold, Window: r.Window, Hours: r.Hours, Zone: r.Zone, For: r.For, Parameters: r.Parameters}
		if r.HasAction {
			o.Action = &r.Action
		}
		out[id] = o
	}
	return out
}

// named puts a prefix before the names of counters, so that those of several gates
// can be told apart.
func named(prefix string, cs []haechi.Counter) []haechi.Counter {
	for i := range cs {
		cs[i].Name = prefix + cs[i].Name
	}
	return cs
}
