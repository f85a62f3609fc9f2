package seclog

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Config says where the log lies.
type Config struct {
	Path string
	// Max is the size in bytes at which the file is moved to Path.1, in place of the one
	// that was there. Default 64 MiB.
	Max int64
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard
}

// maxWaiting bounds the lines that wait for the disk, in bytes.
const maxWaiting = 1 << 20

// How often the file is looked at and a failed write is tried again, and how often a
// failure is told.
const (
	lookEvery = 500 * time.Millisecond
	sayEvery  = 10 * time.Minute
)

// Log is security.log. Its Tap may be called from any goroutine, before Run too.
type Log struct {
	now  func() time.Time
	log  *slog.Logger
	file file
	some chan struct{}

	mu      sync.Mutex
	waiting []byte // whole lines
	spare   []byte // what was written last, reused
	lines   uint64 // in waiting

	said    time.Time // of Run
	written atomic.Uint64
	dropped atomic.Uint64
	failed  atomic.Uint64
}

// New makes the log. It opens nothing: [Log.Run] does.
func New(cfg Config) *Log {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Max <= 0 {
		cfg.Max = 64 << 20
	}
	return &Log{now: cfg.Now, log: cfg.Log, file: file{path: cfg.Path, max: cfg.Max}, some: make(chan struct{}, 1)}
}

// Tap takes the event down, if it has a place in the log. It never blocks on the disk.
func (l *Log) Tap(e *haechi.Event) {
	if e.Outcome != haechi.Failure { // most events; the rest is looked at under the lock
		return
	}
	l.mu.Lock()
	before := len(l.waiting)
	if before > maxWaiting-MaxLine {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.waiting = appendLine(l.waiting, e)
	grown := len(l.waiting) > before
	if grown {
		l.lines++
	}
	l.mu.Unlock()
	if grown {
		select {
		case l.some <- struct{}{}:
		default:
		}
	}
}

// Run writes until ctx ends, then what still waits. It returns nil: a log that cannot be
// written stops nothing.
func (l *Log) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	l.flush()
	for {
		select {
		case <-ctx.Done():
			l.flush()
			if err := l.file.close(); err != nil {
				l.log.Warn("security.log was not closed well", "err", err)
			}
			return nil
		case <-l.some:
		case <-look.C:
		}
		l.flush()
	}
}

// Stats are the counters: lines written, lines dropped because the disk did not follow,
// and attempts to write that failed.
func (l *Log) Stats() []haechi.Counter {
	if l == nil {
		return nil
	}
	return []haechi.Counter{
		{Name: "lines", Value: l.written.Load()},
		{Name: "lines.dropped", Value: l.dropped.Load()},
		{Name: "writes.failed", Value: l.failed.Load()},
	}
}

// flush writes what waits, at a place that is checked first. Lines that cannot be written
// are dropped: those that follow are worth more.
func (l *Log) flush() {
	l.mu.Lock()
	lines, n := l.waiting, l.lines
	l.waiting, l.spare, l.lines = l.spare[:0], nil, 0
	l.mu.Unlock()
	whole, err := l.file.write(lines)
	l.written.Add(whole)
	l.dropped.Add(n - whole)
	if err != nil {
		l.failed.Add(1)
		l.say(err)
	}
	l.mu.Lock()
	l.spare = lines[:0]
	l.mu.Unlock()
}

// say tells of a failure, now and then.
func (l *Log) say(err error) {
	if now := l.now(); l.said.IsZero() || now.Sub(l.said) >= sayEvery {
		l.said = now
		l.log.Error("security.log cannot be written; lines are dropped and counted, the gateway goes on", "path", l.file.path, "err", err)
	}
}
