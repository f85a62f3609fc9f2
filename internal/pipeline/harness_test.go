package pipeline_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book notes what reaches the end of the pipeline.
type book struct {
	mu        sync.Mutex
	log       []string
	tapped    []haechi.Event
	events    []haechi.Event
	findings  []haechi.Finding
	decisions []haechi.Decision
}

func (b *book) note(what string, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, what)
	f()
}

func (b *book) Tap(e *haechi.Event) { b.note("tap", func() { b.tapped = append(b.tapped, *e) }) }
func (b *book) RecordEvent(e *haechi.Event) {
	b.note("event", func() { b.events = append(b.events, *e) })
}
func (b *book) RecordFinding(f *haechi.Finding) {
	b.note("finding", func() { b.findings = append(b.findings, *f) })
}
func (b *book) RecordDecision(d *haechi.Decision) {
	b.note("decision", func() { b.decisions = append(b.decisions, *d) })
}
func (b *book) Apply(_ context.Context, ds []haechi.Decision) error {
	b.note("apply", func() {})
	if ds[0].Reason == "fail" {
		return errors.New("no")
	}
	return nil
}

// every is a detector that reports each failed event.
type every struct {
	mute  bool // only watches
	seen  []haechi.Event
	ticks []time.Time
}

func (d *every) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Text == "panic" {
		panic("as asked")
	}
	d.seen = append(d.seen, *e)
	if e.Outcome == haechi.Failure && !d.mute {
		out = append(out, haechi.Finding{Time: e.Time, Rule: "every", Actor: e.Actor, Observed: float64(e.N())})
	}
	return out
}

func (d *every) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	d.ticks = append(d.ticks, now)
	return out
}

// deny decides a denial for every finding.
type deny struct {
	gate   chan struct{} // if not nil, Decide waits for it
	reason string
	ticks  int
}

func (d *deny) Decide(f *haechi.Finding, now time.Time, out []haechi.Decision) []haechi.Decision {
	if d.gate != nil {
		<-d.gate
	}
	return append(out, haechi.Decision{Scope: f.About, Action: haechi.Deny, Rule: f.Rule, From: now, Reason: d.reason})
}

func (d *deny) Tick(time.Time) { d.ticks++ }

// harness runs a pipeline until stop is called.
type harness struct {
	*pipeline.Pipeline
	book
	detectors []*every
	cross     every
	cancel    context.CancelFunc
	done      chan error
}

func newHarness(c pipeline.Config, d pipeline.Decider) *harness {
	h := &harness{done: make(chan error, 1), cross: every{mute: true}}
	h.Pipeline = pipeline.New(c, pipeline.Deps{
		Detectors: pipeline.Detectors{
			Actor: func(int, int) []pipeline.Detector {
				h.detectors = append(h.detectors, new(every))
				return []pipeline.Detector{h.detectors[len(h.detectors)-1]}
			},
			Cross: []pipeline.Detector{&h.cross},
		},
		Decider: d, Enforcer: &h.book, Recorder: &h.book, Taps: []pipeline.Tap{&h.book},
	})
	return h
}

func (h *harness) start() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.done <- h.Run(ctx) }()
}

func (h *harness) stop(t *testing.T) {
	t.Helper()
	h.cancel()
	if err := <-h.done; err != nil {
		t.Fatal(err)
	}
}

func (h *harness) stat(t *testing.T, name string) uint64 {
	t.Helper()
	for _, c := range h.Stats() {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no counter %q", name)
	return 0
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// from is the address of source number i, in 10.0.0.0/8.
func from(i int) haechi.Actor {
	a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}
}

func total(es []haechi.Event) (n uint64) {
	for i := range es {
		n += es[i].N()
	}
	return n
}
