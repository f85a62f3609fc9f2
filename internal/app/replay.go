package app

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"haechi"
	"haechi/internal/brick/prefixset"
	"haechi/internal/config"
	"haechi/internal/detect/rules"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/flow"
	"haechi/internal/sensor/logline"
	shipped "haechi/rules"
)

// Replay is a run of files through the network detectors: the rules that a configuration
// has in force, without a running gateway.
type Replay struct {
	cfg *config.Config
	set *rules.Set
	// patterns are those of logs, read when the first log is met with.
	patterns func() (*logline.Set, error)
}

// NewReplay prepares for replays under a configuration, whose own paths count as they are;
// see [Beside]. Errors are of kind NotFound and Invalid.
func NewReplay(cfg *config.Config) (*Replay, error) {
	set, err := replayRules(cfg)
	if err != nil {
		return nil, err
	}
	patterns := sync.OnceValues(func() (*logline.Set, error) { return logPatterns(cfg.Sensor.Patterns) })
	if cfg.Sensor.Patterns != "" { // only those that ship are known to be right
		if _, err := patterns(); err != nil {
			return nil, err
		}
	}
	return &Replay{cfg: cfg, set: set, patterns: patterns}, nil
}

// replayRules are the shipped rules of the network, which alone look at files; but all that
// ship where some are overridden, so that a mistake there is told of.
func replayRules(cfg *config.Config) (*rules.Set, error) {
	o := ruleOptions(cfg)
	if len(o.Overrides) == 0 {
		o.Below = "network"
	}
	return rules.Load(shipped.FS, o)
}

// Against is the same configuration with other rules: a file below dir stands in place of
// the shipped one with its id, and what the configuration overrides stays overridden.
// Errors are of kind NotFound and Invalid.
func (r *Replay) Against(dir string) (*Replay, error) {
	if err := holdsRules(dir); err != nil {
		return nil, err
	}
	set, err := rulesOf(layered{os.DirFS(dir), shipped.FS}, r.cfg)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "read the rules of " + dir, Err: err}
	}
	return &Replay{cfg: r.cfg, set: set, patterns: r.patterns}, nil
}

// File replays one capture or log; tap sees its events and may be nil, progress how much
// of the file is read, in bytes, and may be nil. What was found before an error counts.
func (r *Replay) File(ctx context.Context, path string, tap func(*haechi.Event), found func(*replay.Found), progress func(n int64)) error {
	source, done, err := r.open(path, progress)
	if err != nil {
		return err
	}
	defer done()
	return replay.Run(ctx, source, r.detectors(), tap, found)
}

// Compare replays one capture or log through the rules of both, read once; found is told
// whose finding it is. Otherwise it is as File.
func (r *Replay) Compare(ctx context.Context, with *Replay, path string, found func(changed bool, f *replay.Found), progress func(n int64)) error {
	source, done, err := r.open(path, progress)
	if err != nil {
		return err
	}
	defer done()
	return replay.Compare(ctx, source, r.detectors(), with.detectors(), found)
}

// open opens a file as what it is, until done.
func (r *Replay) open(path string, progress func(n int64)) (s replay.Source, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, &haechi.Error{Kind: haechi.NotFound, Op: "replay", Err: err}
	}
	done = func() { _ = f.Close() } // it was only read
	if progress == nil {
		progress = func(int64) {}
	}
	st, err := f.Stat()
	if err != nil {
		done()
		return nil, nil, &haechi.Error{Kind: haechi.Unavailable, Op: "replay", Err: err}
	}
	if s, err = r.source(f, st, progress); err != nil {
		done()
		return nil, nil, err
	}
	if c, ok := s.(*captured); ok {
		done = func() { _ = errors.Join(c.file.Close(), f.Close()) }
	}
	return s, done, nil
}

// detectors are fresh ones.
func (r *Replay) detectors() []replay.Detector {
	return []replay.Detector{newScreened(prefixset.New(r.cfg.Allow...).Contains, networkDetectors(r.set, networkSite(&r.cfg.Site)))}
}

// Sentence explains a finding in a language.
func (r *Replay) Sentence(f *haechi.Finding, lang string) string { return r.set.Sentence(f, lang) }

// source is a capture if the file begins like one, else a log. When the file was written
// last says of which year a log is.
func (r *Replay) source(f *os.File, st os.FileInfo, progress func(n int64)) (replay.Source, error) {
	head := make([]byte, 4)
	if st.Mode().IsRegular() {
		if n, _ := f.ReadAt(head, 0); capture.Is(head[:n]) { // what cannot be read is said below
			c, err := capture.OpenFile(f, progress)
			return r.captured(c, err)
		}
	}
	in := io.Reader(&metered{f, progress})
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "replay", Err: err}
	}
	in = io.MultiReader(&given{head[:n]}, in)
	if !capture.Is(head[:n]) {
		set, err := r.patterns()
		if err != nil {
			return nil, err
		}
		return &logged{set: set, in: in, cfg: logline.Config{Now: st.ModTime(), Zone: r.cfg.Zone, V6Bits: r.cfg.Client.IPv6Prefix}}, nil
	}
	c, err := capture.Open(in)
	return r.captured(c, err)
}

func (r *Replay) captured(c *capture.File, err error) (replay.Source, error) {
	if err != nil {
		return nil, err
	}
	return &captured{file: c, v6: r.cfg.Client.IPv6Prefix}, nil
}

// given are bytes that were read already.
type given struct{ b []byte }

func (g *given) Read(p []byte) (int, error) {
	if len(g.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, g.b)
	g.b = g.b[n:]
	return n, nil
}

// metered says how much was read.
type metered struct {
	io.Reader
	progress func(int64)
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.progress(int64(n))
	return n, err
}

// captured tells the events of a capture.
type captured struct {
	file    *capture.File
	v6      int
	sensing *sensing // from Read on
	passed  func(time.Time)
}

// Units implements replay.Source.
func (c *captured) Units() uint64 {
	if c.sensing == nil {
		return 0
	}
	return c.sensing.frames
}

// Passes implements replay.Passing.
func (c *captured) Passes(f func(time.Time)) { c.passed = f }

// Read implements replay.Source.
func (c *captured) Read(ctx context.Context, emit func(*haechi.Event)) error {
	s := newSensing(flow.Config{V6Bits: c.v6}, emit, c.passed)
	c.sensing = s
	defer s.table.Flush()
	return c.file.Guard(func() error {
		var next batch
		for ctx.Err() == nil {
			n, err := c.file.Batch(next.frames[:])
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			s.batch(&next, n)
		}
		return ctx.Err()
	})
}
