package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/service"
	"haechi/internal/config"
	"haechi/internal/operate/control"
)

// Options is what the program is started with.
type Options struct {
	ConfigPath string
	Version    string
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: discard
	// Sandbox: the whole process gives up, in New, what it does not need to guard.
	Sandbox Sandbox
	// Started is called once everything listens. It must not block.
	Started func(Started)
}

// Started says where everything is, for the operator who just started it.
type Started struct {
	Console   string // URL, empty without a console
	LoginLink string // one-time URL, only while nobody can log in yet
	CAFile    string // of the development CA, if the console uses it
	Socket    string // the local socket
	Services  []haechi.ServiceStatus
}

// App is the whole program. It is built once and run once.
type App struct {
	opts    Options
	estate  *estate
	control *control.Control
	started time.Time

	console *consoleServer
	metrics *metricsServer
	local   *localSocket
	sandbox sandbox

	mu       sync.Mutex     // one reload at a time
	serve    func(*world)   // under mu; nil while not running
	gates    sync.WaitGroup // worlds that still have connections
	reloaded atomic.Pointer[time.Time]
}

// New loads the configuration, opens the records and every listening socket. On
// error nothing is left open; a configuration's mistakes are all in one error.
func New(ctx context.Context, opts Options) (*App, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	cfg, err := loadConfig(opts.ConfigPath)
	if err != nil {
		return nil, err
	}
	a := &App{opts: opts, started: opts.Now()}
	if a.estate, err = openEstate(ctx, cfg, opts.Now, opts.Log, tapFunc(func(e *haechi.Event) { a.control.Tap(e) })); err != nil {
		return nil, err
	}
	a.control = control.New(a.controlDeps())
	a.estate.enrol = a.control.Enrol
	if err := a.openGauges(); err != nil {
		return nil, errors.Join(err, a.estate.close())
	}
	if err := a.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, a.closeAll())
	}
	a.confine(cfg)
	return a, nil
}

// open opens what listens.
func (a *App) open(ctx context.Context, cfg *config.Config) (err error) {
	if a.local, err = openLocal(ctx, cfg.State, a.apiHandler(localOperator)); err != nil {
		return err
	}
	if a.console, err = a.openConsole(ctx, cfg); err != nil {
		return err
	}
	if a.metrics, err = openMetrics(cfg.Metrics.Listen, a.estate.metrics.Handler()); err != nil {
		return err
	}
	w, err := buildWorld(cfg, a.estate, a.opts.Log)
	if err != nil {
		return err
	}
	a.estate.current.Store(w)
	return nil
}

// openGauges gives the metrics the numbers that are asked for at each scrape.
func (a *App) openGauges() error {
	e, m := a.estate, a.estate.metrics
	bounds := map[string]func() []haechi.Counter{
		"pipeline": e.pipeline.Stats, "decide": e.decider.Stats, "session": e.session.Stats, "kernel": e.kernelStats, "devices": e.registry.Stats, "database": e.database.stats,
		"signature": e.verifier.Stats, "records": e.writer.Stats, "alerts": e.alerts.Stats, "security_log": e.seclog.Stats,
		"sensor": e.wire.counters, "closeups": e.closeups.Stats, "counted": e.counting.counters, "stages": e.stages.counters, "logs": e.tails.counters, "netflow": e.exports.counters, "sflow": e.samples.counters, "conntrack": e.forgotten.counters, "live": a.control.Stats, "connections": e.yard.stats, "limits": a.limitStats,
	}
	errs := []error{
		m.Gauge("kakaobot_active_connections", "Live sessions of devices and HTTP clients.", func() float64 { return float64(e.session.Count()) }),
		m.Gauge("haechi_decisions_in_force", "Decisions as read back from the enforcers.", func() float64 {
			in, err := e.session.InForce(context.Background())
			if err != nil {
				return -1
			}
			return float64(len(in))
		}),
		m.Gauge("haechi_heap_live_bytes", "Bytes that the last collection found in use.", liveHeap),
	}
	for part, read := range bounds {
		errs = append(errs, m.Bounds(part, read))
	}
	return errors.Join(errs...)
}

// limitStats are the counters of the limits in force; none before a world stands.
func (a *App) limitStats() []haechi.Counter {
	w := a.estate.current.Load()
	if w == nil {
		return nil
	}
	return append(slices.Concat(w.limiter.Stats(), w.waf.Counters(), a.estate.params.Counters(), a.estate.engines.stats()), haechi.Counter{Name: "connections.refused_by_cap", Value: a.estate.cap.Refused()})
}

// Control is the one way to operate the program.
func (a *App) Control() *control.Control { return a.control }

// Run guards until ctx ends, then stops in reverse order: first the gates, last
// the records, so that nothing that happened is lost.
func (a *App) Run(ctx context.Context) error {
	e := a.estate
	g := &service.Group{Grace: stopGrace}
	g.Add("records", e.writer.Run)
	g.Add("retention", a.prune)
	g.Add("changes by SQL", a.watchHands)
	g.Add("device registry", e.registry.Run)
	g.Add("habits", e.habits.run)
	if e.seclog != nil {
		g.Add("security.log", e.seclog.Run)
	}
	g.Add("pipeline", e.pipeline.Run)
	g.Add("sensor", e.wire.run)
	g.Add("kernel's counters", e.counting.run)
	g.Add("logs", e.tails.run)
	g.Add("flows of routers", e.exports.run)
	g.Add("connection table", e.forgotten.run)
	g.Add("samples of switches", e.samples.run)
	g.Add("device database", e.database.run)
	g.Add("alerts", e.alerts.Run)
	g.Add("stages", e.stages.run)
	g.Add("decisions", a.keepDecisions)
	g.Add("reconciler", func(ctx context.Context) error { return e.reconciler.Run(ctx, reconcileEvery) })
	g.Add("own addresses", a.watchAddresses)
	g.Add("deny lists", e.deny.run)
	g.Add("certificates", e.keeper.Run)
	g.Add("memory", a.trim)
	g.Add("local socket", a.local.run)
	g.Add("console", a.console.run)
	g.Add("metrics", a.metrics.run)
	g.Add("flaws of certificates", a.watchCertificates)
	g.Add("authorities of clients", func(ctx context.Context) error { return e.clients.run(ctx, e.now, e.log) })
	g.Add("gates", a.runGates)
	return errors.Join(g.Run(ctx), e.close())
}

// How long things may take, and how often they are looked at.
const (
	stopGrace      = 15 * time.Second
	drainGrace     = 5 * time.Second // for HTTP requests under way at stop
	reconcileEvery = 3 * time.Second
	sweepEvery     = time.Second
	addressesEvery = time.Minute
	pruneEvery     = 10 * time.Minute
)

func (a *App) closeAll() error {
	var errs []error
	if w := a.estate.current.Load(); w != nil {
		errs = append(errs, w.close())
	}
	errs = append(errs, a.console.close(), a.metrics.close(), a.local.close(), a.estate.close())
	return errors.Join(errs...)
}

// prune forgets what is older than its retention, now and then.
func (a *App) prune(ctx context.Context) error {
	return every(ctx, pruneEvery, func() {
		rows, err := a.estate.store.Prune(ctx, a.opts.Now(), retention(a.estate.current.Load().cfg))
		if err != nil && ctx.Err() == nil {
			a.opts.Log.Error("old records could not be pruned; they are kept and tried again", "err", err)
			return
		}
		if rows > 0 {
			a.opts.Log.Info("pruned old records", "rows", rows)
		}
	})
}

// keepDecisions forgets expired ones and lifts those that the lists or a console
// login have overtaken.
func (a *App) keepDecisions(ctx context.Context) error {
	var said sayOnce
	return every(ctx, sweepEvery, func() {
		a.estate.session.Sweep(a.opts.Now())
		if err := a.estate.guard(ctx); err != nil && ctx.Err() == nil && said.due(a.opts.Now()) {
			a.opts.Log.Warn("the kernel's list of protected addresses could not be changed; it is tried again", "err", err)
		}
		if err := a.estate.recheck(ctx); err != nil && ctx.Err() == nil {
			a.opts.Log.Error("an overtaken decision could not be lifted; it is tried again", "err", err)
		}
	})
}

func (a *App) watchAddresses(ctx context.Context) error {
	return every(ctx, addressesEvery, func() {
		if err := a.estate.list.refreshOwn(); err != nil {
			a.opts.Log.Error("own addresses could not be read; the last known stay protected", "err", err)
		}
	})
}

func every(ctx context.Context, d time.Duration, do func()) error {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			do()
		}
	}
}

func loadConfig(path string) (*config.Config, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrPermission) {
		return nil, &haechi.Error{Kind: haechi.Denied, Op: "read the configuration", Err: err, Hint: "let the gateway's user read it and enter its folder: chgrp haechi FILE, chmod 640 FILE"}
	}
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the configuration", Err: err, Hint: "haechi init writes one"}
	}
	cfg, errs := config.Load(path, src)
	if errs != nil {
		return nil, errs
	}
	besideFile(cfg, path)
	return cfg, nil
}

// tapFunc is a function as a tap.
type tapFunc func(e *haechi.Event)

// Tap implements pipeline.Tap.
func (f tapFunc) Tap(e *haechi.Event) { f(e) }
