package record

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// WriterConfig sets a writer's bounds. Zero values take the defaults.
type WriterConfig struct {
	Interval   time.Duration // the longest a row waits before it is written; 25 ms
	MaxBatch   int           // rows in one transaction; 1000
	Queue      int           // events held in memory; 16384
	SpoolPath  string        // the file for rows while the store fails; empty: they are dropped and counted
	SpoolMax   int64         // cap of that file in bytes; 64 MiB
	Retry      time.Duration // how long a failing store is left alone; 1 s
	Attempt    time.Duration // how long a store may take for one batch before it counts as failing; 0: as long as it likes
	DrainLimit time.Duration // how long the last write at shutdown may take; 5 s
	// Room is asked at most once a second whether the disk has room for events. While
	// it has none they are counted and not written; decisions, findings and incidents
	// are. Nil: there always is.
	Room func() bool
	// Journal keeps the decisions given to RecordDecision; nil refuses and counts them.
	Journal Journal
	Now     func() time.Time
	Log     *slog.Logger
}

func (c WriterConfig) filled() WriterConfig {
	c.Interval = cmp.Or(c.Interval, 25*time.Millisecond)
	c.MaxBatch = cmp.Or(c.MaxBatch, 1000)
	c.Queue = cmp.Or(c.Queue, 16384)
	c.SpoolMax = cmp.Or(c.SpoolMax, 64<<20)
	c.Retry = cmp.Or(c.Retry, time.Second)
	c.DrainLimit = cmp.Or(c.DrainLimit, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Writer takes what happened from any goroutine without ever making it wait, and
// writes it in batches from one. While the store fails, rows go to a bounded file
// and are written back, in order, once it returns. Every batch has a number, so that
// one is never written twice, neither if its answer was lost nor if the process is
// killed between writing it back and noting that. What fits nowhere is counted, and a
// system event in the records says how much is missing.
type Writer struct {
	cfg   WriterConfig
	store Appender
	queue queue
	wake  chan struct{}
	flush chan chan struct{}
	done  chan struct{} // closed when Run has returned
	count counts

	mu       sync.Mutex
	degraded string
	state    State // without Waiting
}

// State is how the writer stands with its store.
type State struct {
	Waiting    uint64 // bytes in the spool file
	Failing    bool   // the store did not take the last rows
	CatchingUp bool   // it takes them again, and the spool is being written back
}

// State says how the writer stands with its store.
func (w *Writer) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.Waiting = uint64(w.count.spoolBytes.Load())
	return s
}

func (w *Writer) setState(s State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = s
}

// counts are the writer's counters; all but the names are rows.
type counts struct {
	written, spooled, replayed, dropped, lost, failures atomic.Uint64
	spoolBytes                                          atomic.Int64
}

// NewWriter makes a writer; nothing is written before Run.
func NewWriter(cfg WriterConfig, store Appender) *Writer {
	cfg = cfg.filled()
	return &Writer{cfg: cfg, store: store, queue: queue{max: cfg.Queue},
		wake: make(chan struct{}, 1), flush: make(chan chan struct{}), done: make(chan struct{})}
}

// RecordEvent queues a copy of the event. It never blocks: a full queue drops the
// event and counts it.
func (w *Writer) RecordEvent(e *haechi.Event) { w.nudge(w.queue.event(e)) }

// RecordFinding queues a finding.
func (w *Writer) RecordFinding(f *haechi.Finding) {
	w.nudge(w.queue.other(func(p *pending) { p.Findings = append(p.Findings, *f) }))
}

// RecordIncident queues an incident; the newest state of one ID wins.
func (w *Writer) RecordIncident(i *haechi.Incident) {
	w.nudge(w.queue.other(func(p *pending) { p.Incidents = append(p.Incidents, *i) }))
}

// RecordDevice queues a device for the projection beside the events.
func (w *Writer) RecordDevice(d *haechi.Device) {
	w.nudge(w.queue.other(func(p *pending) { p.Devices = append(p.Devices, *d) }))
}

// RecordDecision journals a rule's decision, which is in force already. An
// operator's decision is saved directly instead, before it is acknowledged.
func (w *Writer) RecordDecision(d *haechi.Decision) {
	w.nudge(w.queue.other(func(p *pending) { p.decisions = append(p.decisions, *d) }))
}

// nudge wakes the writer when a whole batch has come together.
func (w *Writer) nudge(rows int) {
	if rows != w.cfg.MaxBatch {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends, then writes what is left and returns. The error is
// that of closing the spool; a failing store is no error of Run.
func (w *Writer) Run(ctx context.Context) error {
	defer close(w.done)
	work, end := patient(ctx, w.cfg.DrainLimit)
	defer end()
	s := w.session()
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.cfg.DrainLimit)
			defer cancel()
			s.flush(last)
			return s.close()
		case <-tick.C:
		case <-w.wake:
		case reply := <-w.flush:
			s.flush(work)
			close(reply)
			continue
		}
		s.flush(work)
	}
}

// patient is ctx with some time more after its end, so that the end of the program
// does not break the write that is under way.
func patient(ctx context.Context, more time.Duration) (context.Context, context.CancelFunc) {
	kept, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(more, cancel)
		context.AfterFunc(kept, func() { t.Stop() })
	})
	return kept, func() { stop(); cancel() }
}

// Flush returns once everything recorded before the call is written or spooled, or
// with ctx's error, or at once if Run has returned.
func (w *Writer) Flush(ctx context.Context) error {
	reply := make(chan struct{})
	select {
	case w.flush <- reply:
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-reply:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Degraded says what is wrong with the store and what happens instead; empty while
// all is well.
func (w *Writer) Degraded() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.degraded
}

func (w *Writer) setDegraded(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.degraded = text
}

// Stats returns the writer's counters, in rows unless the name says otherwise.
func (w *Writer) Stats() []haechi.Counter {
	c := &w.count
	return []haechi.Counter{
		{Name: "record_rows_written_total", Value: c.written.Load()},
		{Name: "record_rows_spooled_total", Value: c.spooled.Load()},
		{Name: "record_rows_replayed_total", Value: c.replayed.Load()},
		{Name: "record_rows_dropped_total", Value: c.dropped.Load()},
		{Name: "record_observations_lost_total", Value: c.lost.Load()},
		{Name: "record_store_failures_total", Value: c.failures.Load()},
		{Name: "record_spool_bytes", Value: uint64(c.spoolBytes.Load())},
		{Name: "record_store_failing", Value: oneIf(w.State().Failing)},
		{Name: "record_catching_up", Value: oneIf(w.State().CatchingUp)},
		{Name: "record_queue_high_water", Value: uint64(w.queue.high())},
	}
}

func oneIf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
