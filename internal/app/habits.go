package app

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"haechi/internal/detect"
	"haechi/internal/detect/baseline"
	"haechi/internal/detect/rules"
	"haechi/internal/pipeline"
)

// habits keeps what the baselines learned: over a reload in memory, over a restart in
// files of the state directory, one for each goroutine that has a baseline. What cannot
// be read or written is told and learned anew: telemetry fails open.
type habits struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	learned map[string][]byte
	unsaved map[string]bool
	steady  map[string]steady
}

func newHabits(dir string, log *slog.Logger) *habits {
	return &habits{dir: dir, log: log, learned: map[string][]byte{}, unsaved: map[string]bool{}, steady: map[string]steady{}}
}

// saveEvery is how often what was learned is written, if it changed; it changes hourly.
const saveEvery = time.Minute

func (h *habits) run(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for n := time.Duration(1); ; n++ {
		select {
		case <-tick.C:
			if n%(steadyEvery/saveEvery) == 0 {
				h.ask()
			}
			h.save()
		case <-ctx.Done():
			h.ask()
			h.save()
			return nil
		}
	}
}

// steady learns beside others, and is asked what it learned when it is saved.
type steady interface {
	encoding.BinaryUnmarshaler
	encoding.BinaryMarshaler
	// Changed reports whether something was learned since it was asked last.
	Changed() bool
}

// steadyEvery is how often what one learned is saved, and at the stop.
const steadyEvery = 10 * time.Minute

// resume lets it go on where one of that name stopped, and saves what it learns. It is
// called before run.
func (h *habits) resume(name string, s steady) {
	if state := h.last(name); state != nil {
		if err := s.UnmarshalBinary(state); err != nil {
			h.log.Warn("what is usual could not be understood; it is learned anew", "file", h.path(name), "error", err)
		}
	}
	h.steady[name] = s
	delete(h.learned, name)
}

// ask takes what the steady ones learned.
func (h *habits) ask() {
	for name, s := range h.steady {
		if !s.Changed() {
			continue
		}
		b, err := s.MarshalBinary()
		if err != nil {
			h.log.Warn("what is usual could not be saved", "error", err)
			continue
		}
		h.keep(name, b)
	}
}

func (h *habits) path(name string) string { return filepath.Join(h.dir, "habits-"+name) }

func (h *habits) save() {
	h.mu.Lock()
	todo := map[string][]byte{}
	for name := range h.unsaved {
		todo[name] = h.learned[name]
		if h.steady[name] != nil { // it has all that itself
			delete(h.learned, name)
		}
	}
	clear(h.unsaved)
	h.mu.Unlock()
	for name, b := range todo {
		if err := replaceFile(h.path(name), b); err != nil {
			h.log.Warn("what is usual could not be saved", "error", err)
		}
	}
}

// replaceFile writes a file so that either the old or the new one is there, also after
// the power failed.
func replaceFile(path string, b []byte) error {
	next := path + ".new"
	if err := writeSynced(next, b); err != nil {
		return fmt.Errorf("write %s: %w", next, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// last is what was learned under a name, nil if nothing was.
func (h *habits) last(name string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, known := h.learned[name]; known {
		return b
	}
	b, err := os.ReadFile(h.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.log.Warn("what is usual could not be read; it is learned anew", "error", err)
	}
	h.learned[name] = b
	return b
}

func (h *habits) keep(name string, b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.learned[name], h.unsaved[name] = b, true
}

// learner is a detector that learns what is usual.
type learner interface {
	encoding.BinaryUnmarshaler
	// Keep is told what was learned, when it changed.
	Keep(func(state []byte))
}

// attach lets the baselines among the detectors of one goroutine go on where those of
// the same name stopped. The budget of alarms is for so many of them together.
func (h *habits) attach(name string, parts int, list []pipeline.Detector) []pipeline.Detector {
	for _, d := range list {
		c, ok := d.(*counted)
		if !ok {
			continue
		}
		b, ok := c.Detector.(learner)
		if !ok {
			continue
		}
		if b, ok := b.(*baseline.Detector); ok {
			b.Share(parts)
		}
		if state := h.last(name); state != nil {
			if err := b.UnmarshalBinary(state); err != nil {
				h.log.Warn("what is usual could not be understood; it is learned anew", "file", h.path(name), "error", err)
			}
		}
		b.Keep(func(state []byte) { h.keep(name, state) })
	}
	return list
}

// baselines are those detectors of the network that also learn from what the gates see.
func baselines(set *rules.Set, site detect.Site) []pipeline.Detector {
	var out []pipeline.Detector
	for _, d := range networkDetectors(set, site) {
		if c, ok := d.(*counted); ok {
			if _, ok := c.Detector.(*baseline.Detector); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

// networkDetectors makes those of the live sensor, which have habits of their own.
func (e *estate) networkDetectors(w *world) screened {
	return e.screened(w, "wire")
}

// understand makes what a world reads logs with; those detectors have habits of their own.
func (e *estate) understand(w *world) understood { return understood{e.screened(w, "logs"), w.logs} }

func (e *estate) screened(w *world, habits string) screened {
	return newScreened(e.list.allowed, e.habits.attach(habits, e.habitParts(), networkDetectors(w.rules, w.site)))
}

// hostDetectors makes those of what the kernel counts.
func (e *estate) hostDetectors(w *world) screened {
	return newScreened(e.list.allowed, e.habits.attach("kernel", e.habitParts(), detectorsOf(hostKinds(), w.rules, w.site)))
}

// habitParts are those among whom the alarms of a day are divided: what the wire shows,
// what logs say and routers count or sample, devices and their clients, and services. So there are never more than the
// rule says.
func (e *estate) habitParts() int {
	parts := 3
	if e.tails != nil {
		parts++
	}
	if e.exports != nil {
		parts++
	}
	if e.samples != nil {
		parts++
	}
	if e.forgotten != nil {
		parts++
	}
	return parts
}

// detectors makes the detectors of a world, which go on with what was learned.
func (e *estate) detectors(w *world) pipeline.Detectors {
	base, site := detectors(w.rules), w.site
	actor := base.Actor
	base.Actor = func(shard, shards int) []pipeline.Detector {
		return append(actor(shard, shards), e.habits.attach(fmt.Sprintf("%d-of-%d", shard, shards), e.habitParts()*shards, baselines(w.rules, site))...)
	}
	base.Cross = append(base.Cross, e.habits.attach("services", e.habitParts(), baselines(w.rules, site))...)
	return base
}
