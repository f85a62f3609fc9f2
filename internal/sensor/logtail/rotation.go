package logtail

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// rotationOf takes off what rotation puts behind a name: .1, -20260131, -20260131-1769817600.
func rotationOf(path string) (base string, ok bool) {
	base = strings.TrimRight(path, "0123456789-")
	if len(base) == len(path) {
		return "", false
	}
	if rest := path[len(base):]; rest[0] == '-' && strings.Trim(rest, "-") != "" {
		return base, true
	}
	return strings.CutSuffix(base, ".")
}

// sibling is a file that a rotation left.
type sibling struct {
	path    string
	id      identity
	changed time.Time
}

// maxSiblings bounds how many of them are looked at.
const maxSiblings = 64

// siblings are what rotations left of the path, the oldest first.
func (t *trail) siblings() (all []sibling) {
	path := t.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // then nothing is found again, which is counted
	}
	for _, d := range dir {
		name := filepath.Join(filepath.Dir(path), d.Name())
		if base, ok := rotationOf(name); !ok || base != path || !d.Type().IsRegular() {
			continue
		}
		if st, err := d.Info(); err == nil {
			all = append(all, sibling{name, identityOf(st), st.ModTime()})
		}
	}
	slices.SortStableFunc(all, func(a, b sibling) int { return a.changed.Compare(b.changed) })
	return all[max(0, len(all)-maxSiblings):]
}

// rotated finds the file that was read up to a place, moved or copied, and goes on there.
// One that was truncated, and then moved, is read from its beginning behind its copy.
func (t *trail) rotated(now time.Time, was *place) {
	t.count.Rotations++
	all := t.siblings()
	if t.search(now, all, was, true) {
		return // it was not truncated; it may have been let go again already
	}
	if !t.search(now, all, was, false) {
		t.count.Gaps++
	}
	for _, s := range all {
		if s.id != was.identity() {
			continue
		}
		st := t.resume(now, &s, func(*os.File) (*file, bool) { return &file{seen: -1}, true })
		if st != nil && was.Current {
			t.between(now, st)
		}
	}
}

// search looks for the place in the file itself, or in copies of it.
func (t *trail) search(now time.Time, all []sibling, was *place, moved bool) bool {
	for _, s := range all {
		if moved != (s.id == was.identity()) || !moved && was.N == 0 {
			continue
		}
		st := t.resume(now, &s, func(f *os.File) (*file, bool) {
			return &file{offset: was.Offset, guard: was.guard(), skip: was.Skip, seen: -1}, was.at(f)
		})
		if st == nil {
			continue
		}
		if was.Current {
			t.between(now, st)
		}
		return true
	}
	return false
}

// resume goes on in a sibling, unless it is read already or begin does not want it. It
// returns what the file was then.
func (t *trail) resume(now time.Time, s *sibling, begin func(*os.File) (*file, bool)) os.FileInfo {
	if t.f.inUse(s.id) {
		return nil
	}
	// It is asked what it is before it is looked into: what is written meanwhile makes it another.
	f, st, err := openRegular(s.path)
	if err != nil {
		return nil
	}
	x, ok := begin(f)
	if identityOf(st) != s.id || !ok {
		_ = f.Close() // it was only read
		return nil
	}
	x.f, x.id, x.size, x.changed = f, s.id, st.Size(), st.ModTime()
	t.retire(now, x)
	return st
}

// between reads what was rotated after a file and before the one at the path: siblings
// that were changed later, and that were not read.
func (t *trail) between(now time.Time, after os.FileInfo) {
	for _, s := range t.siblings() {
		if s.changed.After(after.ModTime()) && s.id != identityOf(after) {
			t.resume(now, &s, func(f *os.File) (*file, bool) { return &file{seen: -1}, !t.f.known(f, s.id) })
		}
	}
}

// known reports whether a file was read before.
func (f *Follower) known(r *os.File, id identity) bool {
	fits := func(p place) bool { return p.N > 0 && p.identity() == id && p.at(r) }
	return slices.ContainsFunc(f.done, fits) || slices.ContainsFunc(f.waiting, fits)
}

// recover goes on in the files that the last process read at this path and that do not
// stand there any more.
func (t *trail) recover(now time.Time) {
	for i := 0; i < len(t.f.waiting); {
		if t.f.waiting[i].Path != t.path {
			i++
			continue
		}
		p := t.f.waiting[i]
		t.f.waiting = slices.Delete(t.f.waiting, i, i+1)
		t.rotated(now, &p)
	}
}
