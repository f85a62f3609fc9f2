package logtail

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// guardSize is how many bytes before a place are remembered by their sum.
const guardSize = 256

// identity is what a file is known by while it exists.
type identity struct{ dev, ino uint64 }

func identityOf(st fs.FileInfo) identity {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return identity{s.Dev, s.Ino}
	}
	return identity{}
}

// guard knows the bytes before a place again.
type guard struct {
	n   int
	sum [sha256.Size]byte
}

// guardOf is that of a place which b leads up to.
func guardOf(b []byte) guard {
	b = b[max(0, len(b)-guardSize):]
	if len(b) == 0 {
		return guard{}
	}
	return guard{len(b), sha256.Sum256(b)}
}

func (g guard) fits(b []byte) bool {
	return len(b) >= g.n && (g.n == 0 || sha256.Sum256(b[:g.n]) == g.sum)
}

// place is up to where a file was read.
type place struct {
	Path   string `json:"path"` // under which its lines are told
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
	Offset int64  `json:"offset"`
	Before []byte `json:"before,omitempty"` // the sum of N bytes before it
	N      int    `json:"n,omitempty"`
	// Skip: the offset is within a line that is left out. Current: it stood at its path.
	Skip    bool `json:"skip,omitempty"`
	Current bool `json:"current,omitempty"`
}

func (p *place) identity() identity { return identity{p.Dev, p.Ino} }

func (p *place) guard() guard {
	g := guard{n: p.N}
	copy(g.sum[:], p.Before)
	return g
}

// at reports whether a file has the place: is as long, with the same bytes before it.
func (p *place) at(r *os.File) bool {
	var b [guardSize]byte
	n, err := r.ReadAt(b[:p.N], p.Offset-int64(p.N))
	return n == p.N && (err == nil || p.N == 0) && p.guard().fits(b[:n])
}

func (p *place) valid() bool {
	return p.Offset >= 0 && p.N >= 0 && p.N <= guardSize && int64(p.N) <= p.Offset && (p.N == 0 || len(p.Before) == sha256.Size) &&
		(p.N > 0 || p.Offset == 0)
}

// state is what the next process needs.
type state struct {
	Version int      `json:"version"`
	Paths   []string `json:"paths"`
	Files   []place  `json:"files"`
	Done    []place  `json:"done,omitempty"`
}

const stateVersion = 1

// State is up to where everything was read, for [New].
func (f *Follower) State() ([]byte, error) {
	s := state{Version: stateVersion, Paths: f.cfg.Paths, Done: f.done}
	for _, t := range f.trails {
		for _, x := range t.files() {
			s.Files = append(s.Files, x.place(t.path, x == t.cur))
		}
	}
	s.Files = append(s.Files, f.waiting...)
	b, err := json.Marshal(&s)
	if err != nil {
		return nil, fmt.Errorf("write places in logs: %w", err)
	}
	return b, nil
}

// restore reads a state; what is wrong with it is told, and nothing of it used.
func (f *Follower) restore(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read places in logs: %w", err)
	}
	if s.Version != stateVersion || len(s.Files) > 1<<16 || len(s.Done) > maxDone {
		return fmt.Errorf("read places in logs: version %d with %d files is not understood", s.Version, len(s.Files))
	}
	for _, p := range slices.Concat(s.Files, s.Done) {
		if !p.valid() {
			return fmt.Errorf("read places in logs: %q has no valid place", p.Path)
		}
	}
	f.waiting, f.done = s.Files, s.Done
	for i, path := range f.cfg.Paths {
		f.entries[i].known = slices.Contains(s.Paths, path)
	}
	return nil
}
