package logtail

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what is followed, and its bounds. Zero values are the defaults.
type Config struct {
	// Paths are files, or patterns of [filepath.Match]. The first that names a file has it.
	Paths []string
	// Open is called when a file is first followed, with its path and the index of the
	// entry of Paths. What it returns is called with each line, without the line feed; the
	// line must not be kept.
	Open func(path string, of int) func(line []byte)
	// MaxLine bounds a line in bytes, 64 KiB by default. A longer one is counted and left out.
	MaxLine int
	// MaxFiles bounds the files that are followed at once, 256 by default.
	MaxFiles int
	// Budget is how much is read of one file by a poll, in bytes, 8 MiB by default.
	Budget int
	// Linger is how long a file that was moved away is watched after it last grew, since
	// programs go on writing for a while; a minute by default.
	Linger time.Duration
}

// discoverEvery is how often patterns are matched.
const discoverEvery = 2 * time.Second

// chunk is how much is read at once, besides room for a whole line.
const chunk = 256 << 10

// Follower follows files. It belongs to one goroutine.
type Follower struct {
	cfg     Config
	entries []entry
	trails  []*trail // ordered by path
	waiting []place  // of the last process, not met again yet
	done    []place  // files that were read to their end, newest last
	buf     []byte
	due     time.Time // for matching patterns
}

// entry is one of Config.Paths.
type entry struct {
	pattern bool
	known   bool // the last process followed it
	count   Counts
}

// Counts are what happened to the files of one entry of [Config.Paths].
type Counts struct {
	// Lines were handed over, of Bytes with their line feeds. Long ones were left out.
	Lines, Long, Bytes uint64
	// Rotations were noticed; Gaps are those where what was read last was not found again,
	// so that lines may be lost.
	Rotations, Gaps uint64
	// Files are open, Refused ones found no room.
	Files, Refused int
	// Lag is how many bytes are there that were not read yet.
	Lag int64
	// Problems are the files that cannot be read, and why; at most 16.
	Problems []Problem
}

// Problem is a file that cannot be followed.
type Problem struct {
	Path string
	Err  error // matches fs.ErrNotExist, fs.ErrPermission or [ErrNotRegular]
}

const maxProblems = 16

// New returns a follower. state is what [Follower.State] gave to the last process, or nil;
// an error says that it cannot be read, and the follower begins without it.
func New(cfg Config, state []byte) (*Follower, error) {
	cfg.MaxLine, cfg.MaxFiles = cmp.Or(cfg.MaxLine, 64<<10), cmp.Or(cfg.MaxFiles, 256)
	cfg.Budget, cfg.Linger = cmp.Or(cfg.Budget, 8<<20), cmp.Or(cfg.Linger, time.Minute)
	f := &Follower{cfg: cfg, buf: make([]byte, guardSize+cfg.MaxLine+1+chunk), entries: make([]entry, len(cfg.Paths))}
	for i, p := range cfg.Paths {
		f.entries[i].pattern = strings.ContainsAny(p, `*?[\`)
	}
	return f, f.restore(state)
}

// Poll looks at every path and hands over the lines that are new. It reports whether more
// is there than the budget allowed, so that the caller comes back at once.
func (f *Follower) Poll(now time.Time) (more bool) {
	first := f.due.IsZero()
	f.discover(now)
	for _, t := range f.trails {
		t.look(now) // all of them, before what is nowhere is searched for
	}
	for _, t := range f.trails {
		more = t.poll(now) || more
	}
	if first { // what was followed before and is not any more
		f.waiting = slices.DeleteFunc(f.waiting, func(p place) bool { return f.trail(p.Path) == nil })
	}
	return more
}

// discover matches the patterns now and then; a path is its own match.
func (f *Follower) discover(now time.Time) {
	if now.Before(f.due) {
		return
	}
	first := f.due.IsZero()
	f.due = now.Add(discoverEvery)
	f.trails = slices.DeleteFunc(f.trails, (*trail).over)
	for i := range f.entries {
		e := &f.entries[i]
		e.count.Refused = 0
		if !e.pattern {
			if first {
				f.follow(f.cfg.Paths[i], i, !e.known)
			}
			continue
		}
		for _, path := range f.matches(f.cfg.Paths[i]) {
			f.follow(path, i, first && !e.known)
		}
	}
	if first {
		f.leftovers()
	}
}

// matches are the files of a pattern, but what was compressed, and what a rotation made of
// another match.
func (f *Follower) matches(pattern string) []string {
	all, _ := filepath.Glob(pattern) // a bad pattern matches nothing; the configuration was checked
	return slices.DeleteFunc(all, func(path string) bool {
		switch filepath.Ext(path) {
		case ".gz", ".xz", ".bz2", ".zst", ".lz4":
			return true
		}
		base, ok := rotationOf(path)
		return ok && (slices.Contains(all, base) || f.trail(base) != nil)
	})
}

func (f *Follower) trail(path string) *trail {
	i, ok := slices.BinarySearchFunc(f.trails, path, func(t *trail, path string) int { return cmp.Compare(t.path, path) })
	if !ok {
		return nil
	}
	return f.trails[i]
}

// follow begins with a path, unless it is known or there is no room.
func (f *Follower) follow(path string, of int, atEnd bool) {
	i, known := slices.BinarySearchFunc(f.trails, path, func(t *trail, path string) int { return cmp.Compare(t.path, path) })
	if known {
		return
	}
	if len(f.trails) >= f.cfg.MaxFiles {
		f.entries[of].count.Refused++
		return
	}
	t := &trail{f: f, path: path, of: of, atEnd: atEnd, tell: f.cfg.Open(path, of), count: &f.entries[of].count}
	f.trails = slices.Insert(f.trails, i, t)
}

// leftovers gives what the last process read, under paths that do not exist any more, to
// its entry if that is still followed: its file was moved and may hold more.
func (f *Follower) leftovers() {
	for _, p := range f.waiting {
		for i := range f.entries {
			if ok, _ := filepath.Match(f.cfg.Paths[i], p.Path); ok && f.entries[i].pattern {
				f.follow(p.Path, i, false)
				break
			}
		}
	}
}

// Counts returns what happened to the files of an entry of [Config.Paths].
func (f *Follower) Counts(of int) Counts {
	c := f.entries[of].count
	c.Problems = nil
	for _, t := range f.trails {
		if t.of != of {
			continue
		}
		c.Files += t.open()
		c.Lag += t.lag()
		if t.err != nil && len(c.Problems) < maxProblems {
			c.Problems = append(c.Problems, Problem{t.path, t.err})
		}
	}
	return c
}

// Close closes every file. [Follower.State] is asked for before.
func (f *Follower) Close() {
	for _, t := range f.trails {
		for _, x := range t.files() {
			_ = x.f.Close() // it was only read
		}
		t.cur, t.old = nil, nil
	}
}

// inUse reports whether a file is open in any trail.
func (f *Follower) inUse(id identity) bool {
	return slices.ContainsFunc(f.trails, func(t *trail) bool {
		return slices.ContainsFunc(t.files(), func(x *file) bool { return x.id == id })
	})
}

// finished remembers a file that was read to its end.
func (f *Follower) finished(x *file, path string) {
	f.done = append(f.done, x.place(path, false))
	if n := len(f.done) - maxDone; n > 0 {
		f.done = slices.Delete(f.done, 0, n)
	}
}

// maxDone bounds the files that are remembered after their end.
const maxDone = 64

// taken is where a file was read up to, by the last process or before it was closed.
func (f *Follower) taken(r *os.File, id identity) (place, bool) {
	for _, list := range []*[]place{&f.waiting, &f.done} {
		for i, p := range *list {
			if p.identity() == id && p.at(r) {
				*list = slices.Delete(*list, i, i+1)
				return p, true
			}
		}
	}
	return place{}, false
}
