package xdp

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/cilium/ebpf"
)

// batch is how many entries are read at once.
const batch = 4096

// all reads a table whole.
func all[K, V any](m *ebpf.Map, each func(K, V)) error {
	keys, values := make([]K, batch), make([]V, batch)
	var at ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&at, keys, values, nil)
		for i := range n {
			each(keys[i], values[i])
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return nil
		case err != nil:
			return failed("read the tables", err)
		}
	}
}

// look reads what is in force from the kernel, and takes out what is over.
func (e *Enforcer) look() error {
	boot, err := sinceBoot()
	if err != nil {
		return err
	}
	now := e.cfg.Now()
	sent := make(map[netip.Prefix]time.Time, len(e.sent))
	var over []netip.Prefix
	note := func(p netip.Prefix, v held) {
		switch left := time.Duration(v.Until) - boot; {
		case v.Until == 0:
			sent[p] = time.Time{}
		case left <= 0:
			over = append(over, p)
		default:
			sent[p] = now.Add(left)
		}
	}
	if err := all(e.t.Held4, func(k key4, v held) { note(k.prefix(), v) }); err != nil {
		return err
	}
	if err := all(e.t.Held6, func(k key6, v held) { note(k.prefix(), v) }); err != nil {
		return err
	}
	e.sent = sent
	return e.remove(over)
}

// readKept reads the protected from the kernel, sorted.
func (e *Enforcer) readKept() (ps []netip.Prefix, err error) {
	if err := all(e.t.Kept4, func(k key4, _ uint8) { ps = append(ps, k.prefix()) }); err != nil {
		return nil, err
	}
	if err := all(e.t.Kept6, func(k key6, _ uint8) { ps = append(ps, k.prefix()) }); err != nil {
		return nil, err
	}
	slices.SortFunc(ps, netip.Prefix.Compare)
	return ps, nil
}

// whole reports whether everything is in its place: then what is in the tables is
// dropped, and nobody who is guarded.
func (e *Enforcer) whole() (bool, error) {
	if ok, err := e.attached(); !ok || err != nil {
		return false, err
	}
	if ok, err := e.hears(); !ok || err != nil || !e.settled() {
		return false, err
	}
	if ok, err := e.t.pinned(e.cfg.Dir); !ok || err != nil {
		return false, err
	}
	var c control
	if err := e.t.Control.Lookup(uint32(0), &c); err != nil {
		return false, failed("read the tables", err)
	}
	var m meters
	if err := e.t.Meters.Lookup(uint32(0), &m); err != nil {
		return false, failed("read the tables", err)
	}
	if c != e.lengths || m != e.meters {
		return false, nil
	}
	kept, err := e.readKept()
	if err != nil || !slices.Equal(kept, e.guarded) {
		return false, err
	}
	return e.listWhole()
}

// mend puts everything in its place again.
func (e *Enforcer) mend() error {
	if ok, err := e.t.pinned(e.cfg.Dir); err != nil {
		return err
	} else if !ok {
		if err := e.t.pin(e.cfg.Dir); err != nil {
			return err
		}
	}
	if err := e.putMeters(e.meters); err != nil {
		return err
	}
	if err := e.settle(); err != nil {
		return err
	}
	if err := e.look(); err != nil {
		return err
	}
	if err := e.keep(e.guarded); err != nil {
		return err
	}
	if err := e.push(e.books.Prefixes()); err != nil {
		return err
	}
	if err := e.rehint(); err != nil {
		return err
	}
	if err := e.putList(e.list); err != nil {
		return err
	}
	if err := e.putParts(); err != nil {
		return err
	}
	if err := e.attach(); err != nil {
		return err
	}
	if err := errors.Join(e.pardon(), e.hear()); err != nil {
		return err
	}
	e.broken = false
	e.rebuilt++
	return nil
}
