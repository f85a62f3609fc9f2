package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/decide"
	"haechi/internal/decide/stage"
	"haechi/internal/enforce"
	"haechi/internal/enforce/syncookies"
)

// staging puts the stage that is decided into force: at the listeners, and in the kernel.
type staging struct {
	*stage.Machine
	cfg   config.Attack
	gate  *stageGate
	place enforce.Meterer // nil: none in the kernel
	now   func() time.Time
	log   *slog.Logger
	tell  func(asked bool, e haechi.AuditEntry)

	mu     sync.Mutex
	stands standing // as it was put into force
	meters enforce.Meters
	why    error // what fails in the kernel
	held   []haechi.Counter
	seen   uint64 // drops so far
	said   sayOnce
	poke   chan struct{}
	asked  atomic.Bool // by an operator, whose change is audited where he asks
}

// staged is the decider that also raises stages.
type staged struct {
	*decide.Decider
	stages *stage.Machine
}

// Decide implements pipeline.Decider.
func (s staged) Decide(f *haechi.Finding, now time.Time, out []haechi.Decision) []haechi.Decision {
	s.stages.Observe(f, now)
	return s.Decider.Decide(f, now, out)
}

// stageEvery is how often the stage is looked at, knownFor how long the kernel exempts
// clients that were known before the attack.
const (
	stageEvery = time.Second
	knownFor   = stage.LongestFor
)

func newStaging(cfg config.Attack, gate *stageGate, place enforce.Meterer, now func() time.Time, log *slog.Logger, tell func(bool, haechi.AuditEntry)) *staging {
	m := stage.New(stage.Config{Mode: cfg.Mode, Highest: cfg.Highest, Calm: cfg.Calm, Start: now()})
	return &staging{Machine: m, cfg: cfg, gate: gate, place: place, now: now, log: log, tell: tell, poke: make(chan struct{}, 1)}
}

// run keeps the stage until ctx ends, and leaves none behind.
func (s *staging) run(ctx context.Context) error {
	t := time.NewTicker(stageEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			end, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*kernelTimeout)
			defer stop()
			return s.force(end, standing{})
		case <-t.C:
		case <-s.poke:
		}
		s.step(ctx)
	}
}

// step looks once.
func (s *staging) step(ctx context.Context) {
	now, asked := s.now(), s.asked.Swap(false)
	s.Machine.Tick(now, s.dropped(ctx))
	next := standing{}
	next.stage, next.shadow = s.Machine.Stage(now)
	s.mu.Lock()
	before := s.stands
	s.mu.Unlock()
	if next.stage > haechi.StageWatch {
		next.began = before.began
		if before.stage == haechi.StageWatch {
			next.began = s.began(now)
		}
	}
	if next != before || s.failed() {
		if err := s.force(ctx, next); err != nil && ctx.Err() == nil && s.said.due(now) {
			s.log.Error("the stage is not in force in the kernel; it is tried again", "stage", next.stage, "err", err)
		}
	}
	if next.stage != before.stage {
		s.changed(before, next, asked, now)
	}
}

// began is when the attack did: clients that came with it are not known.
func (s *staging) began(now time.Time) time.Time {
	for _, a := range s.Machine.Status(now).Attacks {
		if a.Start.Before(now) {
			now = a.Start
		}
	}
	return now
}

// dropped is how much the stage held off since the last look, a second.
func (s *staging) dropped(ctx context.Context) float64 {
	total := s.gate.refused.Load()
	if s.place != nil && s.inKernel() {
		held, err := s.place.Held(ctx)
		s.mu.Lock()
		s.why = errors.Join(err)
		if err == nil {
			s.held = held
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.held {
		if c.Name != "meters_rebuilt" {
			total += c.Value
		}
	}
	before := s.seen
	s.seen = total
	if total < before { // the meters are others now
		return 0
	}
	return float64(total-before) / stageEvery.Seconds()
}

func (s *staging) inKernel() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meters != (enforce.Meters{})
}

func (s *staging) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why != nil
}

// force puts a stage into force. The listeners always follow; the kernel may fail.
func (s *staging) force(ctx context.Context, next standing) error {
	s.gate.now.Store(&next)
	m := s.metersOf(next)
	var err error
	if s.place != nil && (m != (enforce.Meters{}) || s.inKernel()) {
		if err = s.place.SetMeters(ctx, m); err == nil && m != (enforce.Meters{}) {
			err = s.place.Know(ctx, s.gate.known.before(next.began), knownFor)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands, s.why = next, err
	if s.meters = m; err != nil && m == (enforce.Meters{}) {
		s.meters = enforce.Meters{Cookies: true} // something may still be there
	}
	return err
}

// metersOf are what the kernel does at a stage: nothing while it is only shown.
func (s *staging) metersOf(at standing) (m enforce.Meters) {
	if at.shadow || at.stage < haechi.StageTighten {
		return m
	}
	m.SYN, m.New, m.Echo = enforce.Rate(s.cfg.SYN), enforce.Rate(s.cfg.New), enforce.Rate(s.cfg.Echo)
	m.Reflection, m.Cookies = at.stage >= haechi.StageCookies, at.stage >= haechi.StageCookies
	return m
}

// changed tells of a change. One that an operator asked for is in the audit trail already.
func (s *staging) changed(before, next standing, asked bool, now time.Time) {
	st := s.Machine.Status(now)
	s.log.Warn("the stage changed", "from", before.stage, "to", next.stage, "by", st.By, "shadow", next.shadow)
	after := next.stage.String()
	if next.shadow {
		after += " (shadow)"
	}
	by := st.By
	if !asked && (next.stage < before.stage || by == "") {
		by = "system"
	}
	s.tell(asked, haechi.AuditEntry{Time: now.UTC(), By: by, Via: "rule", Action: "attack.stage", Subject: "stage", Before: before.stage.String(), After: after})
}

// Status says where it stands, and what of it is in force.
func (s *staging) Status(now time.Time) haechi.AttackStatus {
	out := s.Machine.Status(now)
	if n, err := syncookies.Read(procSys); err == nil {
		out.Cookies = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Dropped = append(append(out.Dropped, s.held...), haechi.Counter{Name: "stage_refused", Value: s.gate.refused.Load()})
	note := ""
	switch {
	case s.place == nil:
		note = "shield.kernel is off, or nftables cannot be had"
	case s.why != nil:
		note = s.why.Error()
	}
	at, kernel := s.stands, s.place != nil && s.why == nil
	on := func(name string, from haechi.Stage, able bool, note string) {
		if at.stage >= from {
			out.Held = append(out.Held, haechi.Measure{Name: name, On: able && !at.shadow, Note: note})
		}
	}
	on("new", haechi.StageTighten, true, "")
	on("meters", haechi.StageTighten, kernel, note)
	on("cookies", haechi.StageCookies, kernel, note)
	on("reflection", haechi.StageCookies, kernel, note)
	on("known", haechi.StageKnown, true, "")
	on("closed", haechi.StageClosed, true, "")
	return out
}

// Set takes the operator's stage, at once.
func (s *staging) Set(at haechi.Stage, by string, length time.Duration, now time.Time) error {
	err := s.Machine.Set(at, by, length, now)
	s.look()
	return err
}

// Release ends the operator's stage and what floods ask for, at once.
func (s *staging) Release(by string, now time.Time) {
	s.Machine.Release(by, now)
	s.look()
}

func (s *staging) look() {
	s.asked.Store(true)
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// degraded says what of the stage is not in force.
func (s *staging) degraded() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		return nil
	}
	return []string{"the stage of the attack is not in force in the kernel: " + s.why.Error()}
}

func (s *staging) counters() []haechi.Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := append(append(s.Machine.Stats(), s.gate.stats()...), haechi.Counter{Name: "stage", Value: uint64(s.stands.stage)})
	return append(out, s.held...)
}

// openStages makes what keeps the stage.
func (e *estate) openStages(ctx context.Context) {
	gate := newStageGate(e.cfg.Attack.New, e.session.GoodDevices, e.isDevice)
	e.stages = newStaging(e.cfg.Attack, gate, e.openStagePlace(ctx), e.now, e.log, func(asked bool, entry haechi.AuditEntry) {
		if !asked {
			if err := e.store.AppendAudit(context.WithoutCancel(ctx), &entry); err != nil {
				e.log.Error("a change of the stage could not be audited", "err", err)
			}
		}
		e.pipeline.Emit(&haechi.Event{Time: entry.Time, Kind: haechi.KindSystem, Severity: haechi.Medium, Provoked: true, Rule: "attack/stage",
			Text: "stage: " + entry.Before + " -> " + entry.After})
	})
}

// isDevice reports whether devices prove themselves at the service.
func (e *estate) isDevice(service string) bool {
	w := e.current.Load()
	if w == nil {
		return false
	}
	for i := range w.cfg.Services {
		if w.cfg.Services[i].Name == service {
			return w.cfg.Services[i].Kind == kindDevice
		}
	}
	return false
}
