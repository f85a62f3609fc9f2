package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/service"
	"haechi/internal/config"
	"haechi/internal/identity/devices"
	"haechi/internal/identity/devices/kakaodb"
	"haechi/internal/ingress"
)

// databaseName is what lists and the audit trail call the existing database.
const databaseName = "database"

// database is the existing database of a bot system, which governs the devices of
// the services that name it and may say where their servers are. It lasts as long
// as the estate.
type database struct {
	src   *kakaodb.Source
	outer *devices.Outer
	every time.Duration
	found map[string]*ingress.Upstreams // by service
	want  []config.Service              // those whose servers are looked up
	log   *slog.Logger
}

// databaseTimeout bounds one reading: the largest table takes seconds.
const databaseTimeout = 30 * time.Second

// openDatabase puts the database in force; nil where no service names one. That it
// does not answer yet is no reason not to start: until it does, nobody is admitted.
func (e *estate) openDatabase(ctx context.Context) (err error) {
	want := e.cfg.DeviceDatabase()
	if want.DSNFile == "" {
		return nil
	}
	d := &database{every: want.Every, found: map[string]*ingress.Upstreams{}, log: e.log}
	d.src, err = kakaodb.Open(kakaodb.Config{DSNFile: want.DSNFile, Writes: len(want.Register) > 0, Zone: e.cfg.Zone, Now: e.now, Log: e.log})
	if err != nil {
		return err
	}
	d.outer = e.registry.Govern(devices.OuterConfig{Name: databaseName, Services: want.Services, Offers: want.Register, Every: want.Every, Timeout: databaseTimeout,
		Changed: e.databaseChanged, Health: e.databaseHealth, Log: e.log}, d.src)
	for _, s := range e.cfg.Services {
		if s.Device.Database.Upstreams != "" {
			d.want = append(d.want, s)
			d.found[s.Name] = ingress.NewUpstreams(plainDial)
		}
	}
	e.database = d
	_ = d.outer.Poll(ctx) // it tells itself what that means
	for _, s := range d.want {
		if ps, err := d.src.Processes(ctx, s.Device.Database.Host); err != nil {
			e.log.Error("the running servers cannot be read from the database; the service is closed until they can", "service", s.Name, "err", err)
		} else {
			d.tell(&s, ps)
		}
	}
	return nil
}

func plainDial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, "tcp", addr)
}

// checkDatabase reads the file with the data source name, without connecting.
func checkDatabase(cfg *config.Config) error {
	if file := cfg.DeviceDatabase().DSNFile; file != "" {
		return kakaodb.CheckFile(file)
	}
	return nil
}

// run follows the database until ctx ends.
func (d *database) run(ctx context.Context) error {
	if d == nil {
		<-ctx.Done()
		return nil
	}
	g := &service.Group{}
	g.Add("devices", d.outer.Run)
	for _, s := range d.want {
		g.Add("servers of "+s.Name, func(ctx context.Context) error {
			return d.src.Follow(ctx, d.every, s.Device.Database.Host, func(ps []kakaodb.Process) { d.tell(&s, ps) })
		})
	}
	return g.Run(ctx)
}

// tell gives a service its servers.
func (d *database) tell(s *config.Service, ps []kakaodb.Process) {
	var addrs []string
	for _, p := range ps {
		if kind := s.Device.Database.Upstreams; kind == "all" || kind == p.Type {
			addrs = append(addrs, p.Addr)
		}
	}
	if d.found[s.Name].Set(addrs) {
		d.log.Info("the servers behind changed", "service", s.Name, "servers", strings.Join(addrs, ", "))
	}
}

// upstreams are the servers behind a device service: those that the database names,
// or the one of the file.
func (e *estate) upstreams(s *config.Service) *ingress.Upstreams {
	if e.database != nil {
		if found := e.database.found[s.Name]; found != nil {
			return found
		}
	}
	return ingress.NewUpstreams(plainDial, s.Upstream)
}

func (d *database) close() error {
	if d == nil {
		return nil
	}
	return d.src.Close()
}

func (d *database) stats() []haechi.Counter {
	if d == nil {
		return nil
	}
	return append(d.outer.Stats(), d.src.Stats()...)
}

// degraded is what the operator must know about it, "" if all is well.
func (d *database) degraded(now time.Time) string {
	if d == nil {
		return ""
	}
	switch silent, closed := d.outer.Health(now); {
	case closed:
		return "the database of devices cannot be read; no device of its services is admitted until it can; see the log"
	case silent > max(time.Minute, 3*d.every):
		return fmt.Sprintf("the database of devices has not been read for %s; its last word holds for %s, then no device is admitted", silent.Round(time.Second), devices.DefaultGrace)
	}
	return ""
}

// databaseHealth puts into the records that the database fails, that this shuts its
// devices out, and that it is back.
func (e *estate) databaseHealth(silent, closed bool) {
	ev := haechi.Event{Time: e.now().UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure, Severity: haechi.High, Provoked: true}
	switch {
	case closed:
		ev.Text, ev.Severity = "the database of devices cannot be read; no device of its services is admitted", haechi.Critical
	case silent:
		ev.Text = "the database of devices cannot be read; its last word holds for now"
	default:
		ev.Text, ev.Outcome, ev.Severity = "the database of devices can be read again", haechi.Success, haechi.Info
	}
	e.pipeline.Emit(&ev)
}

// maxAudited bounds the devices of one reading that get an audit entry of their own.
const (
	maxAudited = 200
	auditFor   = 5 * time.Second
)

// databaseChanged records who was let in or shut out by the database. The sessions
// are cut already, so a failing audit trail keeps nobody in; it is reported, and holds
// up the next reading for no more than twice auditFor. Where that is too short for an
// entry for each, as on a slow disk, the last entry says how many more there were.
func (e *estate) databaseChanged(changes []devices.Change) {
	ctx, stop := context.WithTimeout(context.Background(), auditFor)
	defer stop()
	slices.SortFunc(changes, func(a, b devices.Change) int { return strings.Compare(a.Before.Key, b.Before.Key) })
	var failed error
	audited := 0
	for i := range changes[:min(len(changes), maxAudited)] {
		c := &changes[i]
		if failed == nil {
			failed = e.auditDatabase(ctx, haechi.AuditEntry{Subject: c.Before.Key, Before: c.Before.Status.String(), After: c.After.Status.String(), Reason: c.After.Reason})
		}
		if failed == nil {
			audited++
		}
		e.pipeline.Emit(&haechi.Event{Time: e.now().UTC(), Kind: haechi.KindSystem, Outcome: haechi.Success, Service: c.After.Service,
			Actor: haechi.Actor{Device: c.Before.Key}, Reason: haechi.ReasonStatusChanged,
			Text: fmt.Sprintf("the database changed the device from %v to %v", c.Before.Status, c.After.Status)})
	}
	if rest := len(changes) - audited; rest > 0 {
		last, stop := context.WithTimeout(context.Background(), auditFor)
		defer stop()
		failed = e.auditDatabase(last, haechi.AuditEntry{Reason: fmt.Sprintf("%d further devices changed at the same time", rest)})
	}
	if failed != nil {
		e.log.Error("changes that the database of devices made could not be audited", "err", failed)
	}
}

func (e *estate) auditDatabase(ctx context.Context, entry haechi.AuditEntry) error {
	entry.Time, entry.By, entry.Via, entry.Action = e.now().UTC(), databaseName, databaseName, "device.database"
	return e.store.AppendAudit(ctx, &entry)
}

// sameDatabase reports whether two configurations ask the same of the database.
func sameDatabase(a, b *config.Config) bool {
	of := func(c *config.Config) map[string]config.DeviceDatabase {
		out := map[string]config.DeviceDatabase{}
		for i := range c.Services {
			if s := &c.Services[i]; s.Device.Database.DSNFile != "" {
				out[s.Name] = s.Device.Database
			}
		}
		return out
	}
	return maps.Equal(of(a), of(b))
}
