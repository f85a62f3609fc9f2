package app

import (
	"context"
	"iter"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/decide"
	"haechi/internal/detect/rules"
	"haechi/internal/operate/control"
	"haechi/internal/pipeline"
	"haechi/internal/record"
)

func (a *App) controlDeps() control.Deps {
	e := a.estate
	return control.Deps{
		Registry: e.registry, Fleet: e.registry, Enroller: e.registry, Decider: e.decider, Peers: e.decider, Enforcer: e.force, Except: excepting{e.excepted, e}, Usual: e.params, Stages: e.stages, Servers: drainer{e}, Closeups: e.closeups, Journal: e.store, Past: e.store, Chain: e.store,
		Zone: e.cfg.Zone, IPv6Bits: e.cfg.Client.IPv6Prefix, Now: a.opts.Now, Log: a.opts.Log,
		Program: control.Program{
			Status: a.status, Reload: a.Reload, Backup: a.backup, Rules: func() []haechi.RuleInfo { return a.estate.current.Load().rules.Info() },
			Verify:   func(ctx context.Context) (uint64, error) { return verifyChain(ctx, e.store) },
			Findings: a.findings, Reports: e.store.Reports, Replay: a.replay, Live: e.session.Count, Erase: a.erase, LoginLink: a.loginLink,
		},
	}
}

// erase forgets what is recorded about a device, also what waits to be written.
func (a *App) erase(ctx context.Context, device string) (int64, error) {
	if err := a.estate.writer.Flush(ctx); err != nil {
		return 0, err
	}
	return a.estate.store.EraseDevice(ctx, device)
}

func (a *App) loginLink() string {
	if a.console == nil {
		return ""
	}
	return "https://" + a.console.listen.Addr().String() + a.console.console.LoginLink()
}

func (a *App) findings(ctx context.Context, about haechi.Scope, ref haechi.Reference, limit int) ([]haechi.Finding, error) {
	return a.estate.store.Findings(ctx, &record.FindingFilter{About: about, Ref: ref, Limit: limit})
}

// replay runs recorded events through fresh detectors of the present rules and a
// fresh decider that knows the same protected ones.
func (a *App) replay(events iter.Seq[*haechi.Event]) ([]haechi.Finding, []haechi.Decision) {
	e := a.estate
	d := decide.New(decideConfig(e.cfg, nil), decide.Deps{Allowed: e.list.allowsAny, Protected: e.list.protected, Internal: e.internal})
	r := pipeline.Replay(events, detectors(a.estate.current.Load().rules.Fresh()), d)
	return r.Findings, r.Decisions
}

// detectors makes fresh detectors of a rule set: what earlier ones counted is gone.
func detectors(set *rules.Set) pipeline.Detectors {
	return pipeline.Detectors{
		Actor: func(shard, shards int) []pipeline.Detector { return []pipeline.Detector{set.Detector(shard, shards)} },
		Cross: []pipeline.Detector{set.Cross()},
	}
}

// status is what `haechi status` shows: everything that is bounded, with what it
// refused, and everything that runs on its failure answer.
func (a *App) status(ctx context.Context) haechi.Status {
	e, w := a.estate, a.estate.current.Load()
	s := haechi.Status{Version: a.opts.Version, Started: a.started, Config: a.opts.ConfigPath}
	if at := a.reloaded.Load(); at != nil {
		s.Reloaded = *at
	}
	for _, g := range w.guards {
		s.Services = append(s.Services, g.status()...)
	}
	withLimits(s.Services, w.cfg)
	s.Warnings = w.cfg.Warnings()
	s.Counters, s.Records, s.Certificates, s.Peers = a.counters(), e.recordsStatus(), a.certStatus(), e.decider.Peers(a.opts.Now())
	s.Enforcers, s.Degraded, s.Logs = e.enforcerStatus(ctx), a.degraded(), e.tails.status()
	s.Lists = e.deny.status(e.list.guarded(), s.Counters)
	for _, svc := range s.Services {
		if !svc.Healthy {
			until := "; its socket is closed until it does"
			if svc.Open {
				until = "; connections are ended until it does"
			}
			s.Degraded = append(s.Degraded, "the upstream of "+svc.Name+" ("+svc.Upstream+") does not answer"+until)
		}
	}
	return s
}

func (a *App) counters() []haechi.Counter {
	e := a.estate
	var out []haechi.Counter
	for _, stats := range []func() []haechi.Counter{e.pipeline.Stats, e.decider.Stats, e.session.Stats, e.kernelStats, e.wire.counters, e.closeups.Stats, e.counting.counters, e.exports.counters, e.samples.counters, e.forgotten.counters, e.stages.counters, e.registry.Stats, e.database.stats,
		e.verifier.Stats, e.writer.Stats, e.seclog.Stats, a.control.Stats, e.yard.stats, a.limitStats, a.estate.current.Load().stats} {
		out = append(out, stats()...)
	}
	return out
}

// stats are the counters of the gates and their sockets.
func (w *world) stats() (out []haechi.Counter) {
	for _, g := range w.guards {
		out = append(out, g.stats()...)
	}
	return out
}

func (a *App) degraded() (out []string) {
	if text := a.estate.writer.Degraded(); text != "" {
		out = append(out, text)
	}
	if silent, closed := a.estate.registry.Health(a.opts.Now()); silent > time.Minute || closed {
		out = append(out, "the device registry does not answer; approvals hold for a while, then no device is admitted; check the disk")
	}
	out = append(out, a.estate.lateCertificates()...)
	out = append(out, a.estate.engines.whyNotFast()...)
	if text := a.estate.shieldDown(); text != "" {
		out = append(out, text)
	}
	if text := a.sandbox.openText(); text != "" {
		out = append(out, text)
	}
	if text := a.estate.shieldOpen(); text != "" {
		out = append(out, text)
	}
	out = append(out, a.estate.deny.degraded()...)
	out = append(out, a.estate.wire.degraded()...)
	out = append(out, a.estate.counting.degraded()...)
	out = append(out, a.estate.stages.degraded()...)
	out = append(out, a.estate.tails.degraded()...)
	out = append(out, a.estate.exports.degraded()...)
	out = append(out, a.estate.samples.degraded()...)
	out = append(out, a.estate.forgotten.degraded()...)
	if text := a.estate.database.degraded(a.opts.Now()); text != "" {
		out = append(out, text)
	}
	return out
}

// withLimits adds to each service the limits that count for it.
func withLimits(all []haechi.ServiceStatus, cfg *config.Config) {
	for i := range cfg.Services {
		var limits []haechi.LimitStatus
		for _, b := range cfg.Bounds(&cfg.Services[i]) {
			limits = append(limits, haechi.LimitStatus{Of: b.Of, Value: b.Value, Level: b.Level})
		}
		for j := range all {
			if all[j].Name == cfg.Services[i].Name {
				all[j].Limits = limits
			}
		}
	}
}
