package app

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"haechi"
	"haechi/internal/config"
)

// Reload builds a world from the file beside the running one and swaps. On any
// error the running one stays, and the error says why. Live connections go on,
// and the new world judges what comes on them from then on.
func (a *App) Reload(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.serve == nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "reload", Msg: "the gateway is starting or stopping", Hint: "try again in a moment"}
	}
	cfg, err := loadConfig(a.opts.ConfigPath)
	if broken := (*config.Errors)(nil); errors.As(err, &broken) {
		return &haechi.Error{Kind: haechi.Invalid, Op: "reload", Err: err, Hint: "the running configuration stays; correct the file and try again"}
	}
	if err != nil {
		return err
	}
	if err := mustRestart(a.estate.cfg, cfg); err != nil {
		return err
	}
	if err := a.sandbox.fits(cfg); err != nil {
		return err
	}
	next, err := buildWorld(cfg, a.estate, a.opts.Log)
	if err != nil {
		return err
	}
	old := a.estate.current.Swap(next)
	a.serve(next)
	old.handOver(next)
	old.retire()
	a.estate.review()
	now := a.opts.Now()
	a.reloaded.Store(&now)
	a.estate.pipeline.Emit(&haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Outcome: haechi.Success, Text: "configuration reloaded"})
	return nil
}

// mustRestart names the settings that cannot change while running: what the estate
// was built from.
func mustRestart(old, cfg *config.Config) error {
	var changed []string
	note := func(name string, same bool) {
		if !same {
			changed = append(changed, name)
		}
	}
	note("state", old.State == cfg.State)
	note("user", old.User == cfg.User)
	note("console", old.Console == cfg.Console)
	note("metrics", old.Metrics == cfg.Metrics)
	note("client", old.Client == cfg.Client)
	note("decide", old.Decide == cfg.Decide)
	note("attack", old.Attack == cfg.Attack)
	note("shield", reflect.DeepEqual(old.Shield, cfg.Shield))
	note("sensor", reflect.DeepEqual(old.Sensor, cfg.Sensor))
	note("alerts", old.Alerts == cfg.Alerts)
	note("records.dsn_file, ca_file, pool or spool", old.Records.Store == cfg.Records.Store)
	note("records.security_log", old.Records.SecurityLog == cfg.Records.SecurityLog)
	note("records.backups", old.Records.Backups == cfg.Records.Backups)
	note("zone", old.Zone.String() == cfg.Zone.String())
	note("limits.connections", largestCap(old) == largestCap(cfg))
	p1, o1, s1 := deviceBounds(old)
	p2, o2, s2 := deviceBounds(cfg)
	note("device.pending, device.key_overlap or device.skew", p1 == p2 && o1 == o2 && s1 == s2)
	note("device.database", sameDatabase(old, cfg))
	if len(changed) == 0 {
		return nil
	}
	return &haechi.Error{Kind: haechi.Conflict, Op: "reload", Msg: fmt.Sprintf("%s cannot change while running; nothing was changed", strings.Join(changed, ", ")),
		Hint: "restart the gateway, or take that change back"}
}
