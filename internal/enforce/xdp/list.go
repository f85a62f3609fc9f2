package xdp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/enforce"
)

// maxListed bounds the prefixes of the deny list.
const maxListed = 4_000_000

// Load replaces the deny lists: what is on one is dropped without end, besides decisions
// and after whoever is guarded. The new ones are made beside the old ones and put in their
// place by one write: no packet finds neither. None takes them away. Errors: Exhausted
// beyond 4,000,000 prefixes or 16 lists, Unavailable if the kernel fails; the old ones stay
// then.
func (e *Enforcer) Load(ctx context.Context, lists ...enforce.List) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lists, together, err := together(lists)
	if err != nil {
		return err
	}
	e.loading.Lock()
	defer e.loading.Unlock()
	next, n, err := e.generate(together) // without the lock: decisions are not kept waiting
	if err != nil {
		return err
	}
	parts, err := e.generateParts(lists)
	if err != nil {
		return errors.Join(err, closeList(next))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.putList(next); err != nil {
		if next != nil {
			err = errors.Join(err, next.Unpin())
		}
		return errors.Join(err, closeList(append(parts, next)...))
	}
	old := append(e.parts, e.list)
	e.list, e.listed, e.parts = next, n, parts
	_ = closeList(old...) // the kernel frees them when the last packet has left them
	return e.countApart(lists)
}

// together are the lists that are not empty, and the prefixes of them all.
func together(lists []enforce.List) (full []enforce.List, all []netip.Prefix, err error) {
	full = slices.DeleteFunc(slices.Clone(lists), func(l enforce.List) bool { return len(l.Prefixes) == 0 })
	n := 0
	for _, l := range full {
		n += len(l.Prefixes)
	}
	if n > maxListed || len(full) > enforce.MostLists {
		return nil, nil, &haechi.Error{Kind: haechi.Exhausted, Op: "load the deny list",
			Msg: fmt.Sprintf("%d prefixes in %d lists are more than %d in %d", n, len(full), maxListed, enforce.MostLists), Hint: "leave some out, or write broader ones"}
	}
	if len(full) == 1 {
		return full, full[0].Prefixes, nil
	}
	all = make([]netip.Prefix, 0, n)
	for _, l := range full {
		all = append(all, l.Prefixes...)
	}
	return full, all, nil
}

func closeList(all ...*ebpf.Map) error {
	var errs []error
	for _, g := range all {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// generate makes a generation; nil: an empty one.
func (e *Enforcer) generate(ps []netip.Prefix) (*ebpf.Map, uint64, error) {
	g, err := plan(ps)
	if err != nil || g.count() == 0 {
		return nil, 0, err
	}
	m, err := ebpf.NewMap(generationSpec(g.lines()))
	if err != nil {
		return nil, 0, failed("make the deny list", err)
	}
	mem, err := unix.Mmap(m.FD(), 0, int(g.lines())*lineBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, 0, errors.Join(failed("make the deny list", err), m.Close())
	}
	g.write(mem)
	if err := unix.Munmap(mem); err != nil {
		return nil, 0, errors.Join(failed("make the deny list", err), m.Close())
	}
	return m, g.count(), nil
}

func generationSpec(lines uint32) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: "haechi_gen", Type: ebpf.Array, KeySize: 4, ValueSize: lineBytes, MaxEntries: lines,
		Flags: unix.BPF_F_MMAPABLE | unix.BPF_F_INNER_MAP}
}

// The pins of the generation in its place, and of one on its way there.
const (
	pinNow  = "haechi_generation"
	pinNext = "haechi_generation_next"
)

// putList puts a generation in its place; nil: none. It is pinned under one of two names
// at any time, so that another process finds it.
func (e *Enforcer) putList(g *ebpf.Map) error {
	now, next := filepath.Join(e.cfg.Dir, pinNow), filepath.Join(e.cfg.Dir, pinNext)
	var err error
	if g != nil {
		err = errors.Join(g.Unpin(), gone(os.Remove(next)), g.Pin(next))
		if err == nil {
			err = e.t.List.Put(uint32(0), g)
		}
		if err == nil {
			err = errors.Join(gone(os.Remove(now)), g.Pin(now))
		}
	} else if err = e.t.List.Delete(uint32(0)); err == nil || errors.Is(err, ebpf.ErrKeyNotExist) {
		err = errors.Join(gone(os.Remove(now)), gone(os.Remove(next)))
	}
	if err != nil {
		return failed("put the deny list in its place", err)
	}
	return nil
}

// gone is the error of taking away what may not be there.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// listID is the number of the generation in a place; 0: none.
func (e *Enforcer) listID(place int) (id uint32, err error) {
	err = e.t.List.Lookup(uint32(place), &id)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, failed("read the deny list", err)
	}
	return id, nil
}

// adoptList takes the list of an earlier process over. One that is not pinned any more is
// taken away: it cannot be read, and nobody says what is on it.
func (e *Enforcer) adoptList() error {
	if err := e.putParts(); err != nil { // nobody knows their names
		return err
	}
	id, err := e.listID(0)
	if err != nil || id == 0 {
		return err
	}
	for _, name := range []string{pinNow, pinNext} {
		g, err := ebpf.LoadPinnedMap(filepath.Join(e.cfg.Dir, name), nil)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return failed("read the deny list", err)
		}
		var head [16]uint32
		if own, err := mapID(g); err == nil && uint32(own) == id {
			if err := g.Lookup(uint32(0), &head); err == nil && head[0] == listMagic {
				e.list, e.listed = g, uint64(head[2])+uint64(head[3])
				return nil
			}
		}
		_ = g.Close()
	}
	return e.putList(nil)
}

// listWhole reports whether the generation is in its place, and each part of it.
func (e *Enforcer) listWhole() (bool, error) {
	if whole, err := e.partsWhole(); !whole || err != nil {
		return false, err
	}
	id, err := e.listID(0)
	if err != nil || e.list == nil {
		return id == 0, err
	}
	own, err := mapID(e.list)
	if err != nil || uint32(own) != id {
		return false, err
	}
	return pinnedAs(e.list, filepath.Join(e.cfg.Dir, pinNow))
}
