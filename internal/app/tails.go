package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/logline"
	"haechi/internal/sensor/logtail"
)

// tails are the files of logs that the configuration names: their new lines go through
// the same patterns and detectors as those of a replay, on one goroutine. What is found
// goes to the decider. What cannot be read is said, and tried again.
type tails struct {
	now    func() time.Time
	log    *slog.Logger
	emit   func(*haechi.Event)
	places string // the file that says up to where everything was read
	follow *logtail.Follower
	logs   []*tailed
	runner *replay.Runner
	next   atomic.Pointer[understood] // of the next world
	ready  bool                       // a world was there
	caught bool                       // all that was there at the start is read
	saved  []byte
	due    time.Time // for saving
	fence  fence
	failed error // of saving, the last time

	mu       sync.Mutex
	stats    []haechi.LogStatus
	problems []string
}

// understood is what a world makes of lines: the patterns of each entry, and what detects.
type understood struct {
	screened
	sets []*logline.Set
}

// tailed is one entry of sensor.logs.
type tailed struct {
	cfg    config.Log
	zone   *time.Location
	v6     int
	reader *logline.Reader // nil before the first world
	before logline.Stats   // of the readers before it
	future uint64          // lines of a time to come
	newest time.Time       // of the events
	late   time.Duration   // by which the lines read last were older than their reading; 0: they were new
	said   map[string]string
}

// The times of reading logs. A poll of all files costs a stat each; what a poll leaves is
// read after a pause, so that a great log does not take a processor from the gates.
const (
	pollLogs   = 250 * time.Millisecond
	pauseLogs  = 50 * time.Millisecond
	logBudget  = 1 << 20
	saveLogs   = 5 * time.Second
	lateLine   = 2 * time.Second // after which none of a second is believed to come
	futureLine = 5 * time.Second // by which the clock of a writer may be ahead
	staleLine  = 10 * time.Minute
)

// newTails returns nil where no log is named.
func newTails(cfg *config.Config, e *estate) *tails {
	if len(cfg.Sensor.Logs) == 0 {
		return nil
	}
	t := &tails{now: e.now, log: e.log, emit: e.pipeline.Emit, fence: fence{log: e.log, of: "a line of a log"}, places: filepath.Join(cfg.State, "logs-read"), runner: replay.NewRunner(nil, e.pipeline.Find)}
	follow := logtail.Config{Budget: logBudget, MaxLine: logline.MaxLine, Open: t.open}
	for _, l := range cfg.Sensor.Logs {
		follow.Paths = append(follow.Paths, l.Path)
		t.logs = append(t.logs, &tailed{cfg: l, zone: cfg.Zone, v6: cfg.Client.IPv6Prefix, said: map[string]string{}})
	}
	state, err := os.ReadFile(t.places)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Error("up to where logs were read could not be read; they are followed from their end", "err", err)
	}
	if t.follow, err = logtail.New(follow, state); err != nil {
		t.log.Error("up to where logs were read could not be understood; they are followed from their end", "file", t.places, "err", err)
	}
	t.count()
	return t
}

// swap takes what the next world makes of lines.
func (t *tails) swap(u func() understood) {
	if t != nil {
		next := u()
		t.next.Store(&next)
	}
}

// run follows until ctx ends.
func (t *tails) run(ctx context.Context) error {
	if t == nil {
		return nil
	}
	for ctx.Err() == nil {
		wait := pollLogs
		if t.renew(); t.ready && t.poll() {
			wait = pauseLogs
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	t.runner.End()
	t.save()
	t.follow.Close()
	return nil
}

// renew takes what a new world makes of lines.
func (t *tails) renew() {
	u := t.next.Swap(nil)
	if u == nil {
		return
	}
	t.runner.Swap([]replay.Detector{u.screened})
	for i, l := range t.logs {
		l.before = l.stats()
		before := l.reader
		l.reader = u.sets[i].New(logline.Config{Now: t.now(), Zone: l.zone, V6Bits: l.v6}, func(e *haechi.Event) { t.event(l, e) })
		l.reader.Follow(before)
	}
	t.ready = true
}

// poll reads what is there, and reports whether there is more.
func (t *tails) poll() (more bool) {
	now := t.now()
	for _, l := range t.logs {
		l.reader.Now(now)
	}
	more = t.follow.Poll(now)
	if !more {
		t.caught = true
		t.fence.within(func() { t.runner.Pass(now.Add(-lateLine)) })
	}
	t.count()
	if !now.Before(t.due) {
		t.due = now.Add(saveLogs)
		t.save()
	}
	return more
}

// open begins with a file.
func (t *tails) open(path string, of int) func([]byte) {
	t.log.Info("the sensor follows a log", "file", path)
	l := t.logs[of]
	return func(line []byte) { t.fence.within(func() { l.reader.In(path); l.reader.Line(line) }) }
}

// event hands an event to the detectors. A writer's clock that is ahead must not make all
// that comes after it old.
func (t *tails) event(l *tailed, e *haechi.Event) {
	now := t.now().UTC()
	l.newest = e.Time
	if l.late = 0; e.Time.After(now.Add(futureLine)) {
		l.future++
		if ahead := e.Time.Sub(now); !e.Start.IsZero() {
			e.Start = e.Start.Add(-ahead)
		}
		e.Time = now
	} else if age := now.Sub(e.Time); age > staleLine && t.caught {
		l.late = age
	}
	t.runner.Event(e)
}

// save writes up to where everything was read, if that changed.
func (t *tails) save() {
	state, err := t.follow.State()
	if err == nil && !bytes.Equal(state, t.saved) {
		if err = replaceFile(t.places, state); err == nil {
			t.saved = state
		}
	}
	if err != nil && t.failed == nil {
		t.log.Error("up to where logs were read could not be saved; a restart reads again, or misses, what came since", "err", err)
	}
	t.failed = err
}

// stats are those of all readers that the entry had.
func (l *tailed) stats() logline.Stats {
	s := l.before
	if l.reader != nil {
		now := l.reader.Stats()
		s.Lines, s.Told, s.Ambiguous, s.Long = s.Lines+now.Lines, s.Told+now.Told, s.Ambiguous+now.Ambiguous, s.Long+now.Long
	}
	return s
}

// failing says of a file what to do about it.
func failing(p logtail.Problem) string {
	hint := "check its disk"
	switch {
	case errors.Is(p.Err, fs.ErrNotExist):
		hint = "correct sensor.logs, or start what writes it"
	case errors.Is(p.Err, fs.ErrPermission):
		hint = "let the gateway's user read it: on Debian, usermod -aG adm haechi and a restart"
	case errors.Is(p.Err, logtail.ErrNotRegular):
		hint = "name a file; a pattern such as " + p.Path + "/*.log stands for those in a folder"
	}
	return fmt.Sprintf("the log %s is not read: %v (%s)", p.Path, cause(p.Err), hint)
}

// cause leaves out the path that the text has already.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
