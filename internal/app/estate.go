package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/conncap"
	"haechi/internal/brick/splice"
	"haechi/internal/config"
	"haechi/internal/decide"
	"haechi/internal/enforce"
	"haechi/internal/enforce/session"
	"haechi/internal/enforce/xdp"
	"haechi/internal/identity/devices"
	"haechi/internal/identity/signature"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
	"haechi/internal/ingress/h3"
	"haechi/internal/ingress/listener"
	"haechi/internal/ingress/tlsterm/acme"
	"haechi/internal/inspect/waf/exceptions"
	"haechi/internal/inspect/waf/params"
	"haechi/internal/pipeline"
	"haechi/internal/record"
	"haechi/internal/sensor/closeup"
	"haechi/internal/show/alert"
	"haechi/internal/show/seclog"
	"haechi/internal/show/telemetry"
)

// estate is what lasts as long as the process: records, registry, decisions, live
// sessions, listening sockets. It is built in the order of the story and closed in
// reverse.
type estate struct {
	cfg  *config.Config // the one it was built from; see mustRestart
	now  func() time.Time
	log  *slog.Logger
	list *lists
	deny *denyLists

	store    records
	writer   *record.Writer
	registry *devices.Registry
	database *database // an existing one that governs devices; nil: none
	verifier *signature.Verifier
	session  *session.Enforcer
	kernels  []kernel   // the enforcers in the kernel; none: in process only
	driver   *xdp.Stage // where this process puts stages into force in the driver; nil: nowhere
	force    *enforce.Fan
	decider  *decide.Decider
	// reconciler keeps what is in force at each of the enforcers what was decided.
	reconciler *enforce.Reconciler
	pipeline   *pipeline.Pipeline
	metrics    *telemetry.Metrics
	seclog     *seclog.Log // nil: none is written
	alerts     *alert.Dispatcher
	pool       *listener.Pool
	udp        *h3.Pool // of HTTP/3
	cap        *conncap.Cap
	winners    *devicegate.Winners
	engines    engines
	excepted   *exceptions.Book // from the WAF, by operators
	yard       yard
	pipes      *splice.Pool
	keeper     *acme.Keeper
	clients    clientCerts
	habits     *habits
	params     *params.Learner // of the WAF
	wire       *wire           // nil: no interface is read
	closeups   *closeup.Keeper // nil: no packets are kept
	counting   *counting
	stages     *staging
	drains     ingress.Drains
	exports    *exports              // nil: no router exports flows to us
	samples    *exports              // nil: no switch sends samples to us
	forgotten  *forgotten            // nil: the connection table is not read
	tails      *tails                // nil: no log is followed
	opaque     sync.Map              // *tcpGuard that run, of worlds that were too
	current    atomic.Pointer[world] // the one that counts; nil before the first

	// enrol lets in a device that proved an enrolment code: control's, once there is one.
	enrol func(ctx context.Context, code string, d haechi.Device) error
}

// maxPipes bounds the pipes through which the kernel moves bytes, of two descriptors
// each. They are held while bytes move only.
const maxPipes = 128

// capClients is for how many clients at once the connection cap has room.
const capClients = 1 << 18

// openEstate opens everything that a world needs. On error nothing is left open.
func openEstate(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger, taps ...pipeline.Tap) (*estate, error) {
	e := &estate{cfg: cfg, now: now, log: log, list: newLists(cfg.Client.IPv6Prefix), winners: devicegate.NewWinners(),
		habits: newHabits(cfg.State, log), closeups: newCloseups(cfg), params: params.New(params.Config{})}
	e.habits.resume("waf", e.params)
	e.list.set(cfg.Allow, cfg.TrustedProxies, literals(cfg))
	e.openKeeper()
	if err := e.list.refreshOwn(); err != nil {
		return nil, err
	}
	var err error
	if e.alerts, err = openAlerts(cfg, now, log); err != nil {
		return nil, err
	}
	if err := e.openRecords(ctx); err != nil {
		return nil, err
	}
	if err := e.openIdentity(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if err := e.openDeciding(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if e.excepted, err = exceptions.Open(ctx, e.store); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if e.yard, err = openYard(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.metrics = telemetry.New()
	e.openStages(ctx)
	e.pipeline = pipeline.New(pipeline.Config{}, pipeline.Deps{
		Decider: staged{e.decider, e.stages.Machine}, Enforcer: e.force, Recorder: e.writer,
		Taps: e.taps(taps), Now: now, Log: log,
	})
	e.engines.log, e.engines.now, e.engines.emit = log, now, e.pipeline.Emit
	e.wire = newWire(cfg, e)
	e.counting = newCounting(os.DirFS("/proc/self/net"), now, log, e.pipeline.Find)
	e.counting.driver = newDriverCounts(e.driverStats)
	e.tails = newTails(cfg, e)
	e.forgotten = newForgotten(cfg, e)
	e.exports, e.samples = newExports("netflow", &cfg.Sensor.NetFlow, cfg, e), newExports("sflow", &cfg.Sensor.SFlow, cfg, e)
	e.pipes = splice.New(maxPipes)
	e.pool, e.udp = listener.NewPool(nil), h3.NewPool(nil)
	e.cap = conncap.New(largestCap(cfg), capClients)
	if err := e.openDatabase(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// taps are who sees every event: the metrics, security.log where there is one, others.
func (e *estate) taps(others []pipeline.Tap) []pipeline.Tap {
	all := append([]pipeline.Tap{e.metrics}, others...)
	if path := e.cfg.Records.SecurityLog; path != "" {
		e.seclog = seclog.New(seclog.Config{Path: path, Now: e.now, Log: e.log})
		all = append(all, e.seclog)
	}
	return all
}

// openIdentity loads the registry. The verifier is one for all services, since a
// frame captured at one service must not pass at another.
func (e *estate) openIdentity(ctx context.Context) (err error) {
	pending, overlap, skew := deviceBounds(e.cfg)
	e.session = session.New(session.Config{V6Bits: e.cfg.Client.IPv6Prefix, Now: e.now})
	e.registry, err = devices.Open(ctx, devices.Config{
		PendingCap: pending, KeyOverlap: overlap, OnChange: e.deviceChanged, Touched: func(d haechi.Device) { e.writer.RecordDevice(&d) },
		LastUse: func(device, id string) time.Time { return e.verifier.LastUse(device, id) },
		Clock:   func(device string) (haechi.ClockSkew, bool) { return e.verifier.TakeClock(device) },
		Audit:   e.store.AppendAudit,
		Now:     e.now, Log: e.log,
	}, e.store)
	if err != nil {
		return err
	}
	share, capacity := replayBounds(e.cfg, skew)
	e.verifier = signature.New(signature.Config{Window: skew, Start: e.now(), Share: share, Capacity: capacity}, e.registry)
	return nil
}

// deviceChanged cuts the live sessions of a device whose status changed or one of
// whose keys ended, before the operator's change is acknowledged. Which key a session
// was opened with is not known; a device that has another one comes back with it.
func (e *estate) deviceChanged(before, after haechi.Device) {
	rule, reason := "device/"+after.Status.String(), haechi.ReasonStatusChanged
	switch {
	case before.Key == "":
		return
	case after.Key == "":
		rule = "device/deleted"
	case before.Status != after.Status:
	case before.UUID != "" && after.UUID != "" && before.UUID != after.UUID:
		rule, reason = "device/pin", haechi.ReasonIdentity
	case keyGone(before.Keys, after.Keys):
		rule, reason = "device/key", haechi.ReasonKeyChanged
	default:
		return
	}
	e.session.CutDevice(before.Key, haechi.Verdict{
		Action: haechi.Deny, Reason: reason, Rule: rule, Ref: haechi.NewReference(rule, before.Key, e.now()),
	})
}

// keyGone reports whether a key that was there is no more.
func keyGone(before, after []haechi.KeyInfo) bool {
	for _, k := range before {
		if !slices.ContainsFunc(after, func(a haechi.KeyInfo) bool { return a.ID == k.ID }) {
			return true
		}
	}
	return false
}

// internal reports whether a source is a host of ours, by the present configuration.
func (e *estate) internal(source netip.Prefix) bool {
	w := e.current.Load()
	return w == nil || w.site.Internal(source.Addr())
}

// openDeciding loads the decisions that outlived the last process and puts them
// into force before anything listens.
func (e *estate) openDeciding(ctx context.Context) error {
	e.decider = decide.New(decideConfig(e.cfg, e.log), decide.Deps{
		Allowed: e.list.allowsAny, Protected: e.list.protected, GoodDevices: e.session.GoodDevices, Internal: e.internal,
		OnIncident: func(in haechi.Incident) {
			e.writer.RecordIncident(&in)
			e.alerts.Incident(in)
			e.closely(&in)
			said := incidentEvent(&in, e.now())
			e.pipeline.Emit(&said)
		},
	})
	now := e.now()
	if err := e.loadDecisions(ctx, now); err != nil {
		return err
	}
	e.deny = newDenyLists(&e.cfg.Shield, e.cfg.State, e.list.protectedPrefix, e.now, e.log)
	e.deny.cut = e.session.CutJudged
	if err := e.openKernel(ctx); err != nil {
		return err
	}
	e.deny.look(ctx)
	all := e.enforcers()
	e.force = enforce.NewFan(e.log, all[0], all[1:]...)
	e.reconciler = enforce.NewReconciler(enforce.ReconcilerConfig{Now: e.now, Log: e.log}, e.decider.Open, all...)
	if err := e.force.Apply(ctx, e.decider.Open(now)); err != nil {
		return err
	}
	if err := e.reconciler.Check(ctx, now); err != nil {
		e.log.Error("what is in force could not be read back at the start; it is tried again", "err", err)
	}
	return nil
}

// maxDecisions bounds how many decisions a start loads; recent is how far back
// ended ones still count as repetition.
const (
	maxDecisions = 100_000
	recent       = 7 * 24 * time.Hour
)

// loadDecisions takes up what the last process left: open decisions go on, ended
// ones count as repetition, open incidents are the same incidents.
func (e *estate) loadDecisions(ctx context.Context, now time.Time) error {
	old, err := e.store.Decisions(ctx, &haechi.DecisionFilter{Since: now.Add(-recent), Limit: maxDecisions})
	if err != nil {
		return err
	}
	open, err := e.store.Decisions(ctx, &haechi.DecisionFilter{OpenAt: now, Limit: maxDecisions})
	if err != nil {
		return err
	}
	for _, d := range open {
		if d.From.Before(now.Add(-recent)) {
			old = append(old, d)
		}
	}
	if err := e.store.SaveDecisions(ctx, e.decider.Load(old, now)); err != nil {
		return err
	}
	incidents, err := e.store.Incidents(ctx, true, maxDecisions)
	if err != nil {
		return err
	}
	e.decider.LoadIncidents(incidents)
	return nil
}

// recheck lifts what a change of the lists has overtaken: a decision about an
// address that is allowed or protected by now.
func (e *estate) recheck(ctx context.Context) error {
	lifted := e.decider.Recheck(e.now())
	if len(lifted) == 0 {
		return nil
	}
	ids := make([]haechi.Reference, 0, len(lifted))
	for _, d := range lifted {
		ids = append(ids, d.ID)
	}
	return errors.Join(e.store.SaveDecisions(ctx, lifted), e.force.Lift(ctx, ids))
}

// openAlerts makes the dispatcher and its channels.
func openAlerts(cfg *config.Config, now func() time.Time, log *slog.Logger) (*alert.Dispatcher, error) {
	var channels []alert.Channel
	if f := cfg.Alerts.Webhook; f != "" {
		c, err := alert.NewWebhook(f)
		if err != nil {
			return nil, err
		}
		channels = append(channels, c)
	}
	if f := cfg.Alerts.Slack; f != "" {
		c, err := alert.NewSlack(f)
		if err != nil {
			return nil, err
		}
		channels = append(channels, c)
	}
	return alert.New(alert.Config{AtLeast: cfg.Alerts.AtLeast, Now: now, Log: log}, channels...), nil
}

// close releases what was opened, newest first.
func (e *estate) close() error {
	var errs []error
	if e.pool != nil {
		errs = append(errs, e.pool.Close(), e.udp.Close())
		e.pipes.Close()
	}
	if e.stages != nil {
		if k, ok := e.stages.place.(*stageKernel); ok {
			errs = append(errs, k.close())
		}
	}
	errs = append(errs, e.yard.close())
	errs = append(errs, e.database.close())
	if e.store != nil {
		errs = append(errs, e.store.Close())
	}
	return errors.Join(errs...)
}

func decideConfig(cfg *config.Config, log *slog.Logger) decide.Config {
	c := cfg.Decide
	out := decide.Config{Mode: c.Mode, HalfLife: c.HalfLife, Base: c.Base, Max: c.Max, Shared: c.SharedDevices,
		OnHigh: c.OnHigh, OnCritical: c.OnCritical,
		V6Bits: cfg.Client.IPv6Prefix, Log: log, Ladder: []decide.Rung{}}
	for _, r := range []decide.Rung{
		{Score: c.WatchAt, Action: haechi.Watch}, {Score: c.ThrottleAt, Action: haechi.Throttle},
		{Score: c.ChallengeAt, Action: haechi.Challenge}, {Score: c.DenyAt, Action: haechi.Deny}, {Score: c.DropAt, Action: haechi.Drop},
	} {
		if r.Score > 0 {
			out.Ladder = append(out.Ladder, r)
		}
	}
	return out
}

// deviceBounds are the registry's and the verifier's: the widest that any device
// service asks for, since both are shared by all.
func deviceBounds(cfg *config.Config) (pending int, overlap, skew time.Duration) {
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Kind == kindDevice {
			pending, overlap, skew = max(pending, s.Device.PendingCap), max(overlap, s.Device.KeyOverlap), max(skew, s.Device.Skew)
		}
	}
	return pending, overlap, skew
}

// replayBounds are how many frames the replay memory holds, of one device and in
// all: whatever a device may send within its limits for as long as a frame is
// remembered, and a quarter more for what its limits refuse. Never less than the
// verifier's own defaults.
func replayBounds(cfg *config.Config, skew time.Duration) (share, capacity int) {
	share = signature.DefaultShare
	kept := 5 * skew // see signature.Config.Capacity
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Kind != kindDevice {
			continue
		}
		most := signature.DefaultCapacity / 4
		for _, r := range s.Limits.Device {
			if s.Limits.Mode == haechi.Enforce && r.Per > 0 {
				n := int(float64(r.Events)*float64(kept)/float64(r.Per)) + max(r.Events, r.Burst)
				most = min(most, n+n/4)
			}
		}
		share = max(share, most)
	}
	return share, max(signature.DefaultCapacity, 4*share)
}

// largestCap is the connection cap of a client over all services together: the
// largest that any service grants.
func largestCap(cfg *config.Config) int {
	n := 1
	for i := range cfg.Services {
		n = max(n, cfg.Services[i].Limits.Connections)
	}
	return n
}
