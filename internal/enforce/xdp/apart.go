package xdp

import (
	"errors"

	"github.com/cilium/ebpf"

	"haechi"
	"haechi/internal/enforce"
)

// generateParts makes a generation of each list but the first: what is not on one of them
// is on that.
func (e *Enforcer) generateParts(lists []enforce.List) (parts []*ebpf.Map, err error) {
	for i := 1; i < len(lists); i++ {
		g, _, err := e.generate(lists[i].Prefixes)
		if err != nil {
			return nil, errors.Join(err, closeList(parts...))
		}
		if g == nil { // it has nothing that the kernel takes
			g, err = ebpf.NewMap(generationSpec(listTop))
		}
		if err != nil {
			return nil, errors.Join(failed("make the deny list", err), closeList(parts...))
		}
		parts = append(parts, g)
	}
	return parts, nil
}

// countApart counts each list by itself. A list in the place of another begins with
// nothing.
func (e *Enforcer) countApart(lists []enforce.List) error {
	old := e.names
	e.names = nil
	for i, l := range lists {
		if i >= len(old) || old[i] != l.Name {
			if err := e.t.Listed.Put(uint32(i), make([]count, ebpf.MustPossibleCPU())); err != nil {
				return failed("count what lists drop", err)
			}
		}
		e.names = append(e.names, l.Name)
	}
	return e.putParts()
}

// putParts puts the lists by themselves in their places. They need no pins: another
// process loads them anew.
func (e *Enforcer) putParts() error {
	for i := range enforce.MostLists - 1 {
		var err error
		if i < len(e.parts) {
			err = e.t.List.Put(uint32(i+1), e.parts[i])
		} else if err = e.t.List.Delete(uint32(i + 1)); errors.Is(err, ebpf.ErrKeyNotExist) {
			err = nil
		}
		if err != nil {
			return failed("put the deny list in its place", err)
		}
	}
	return nil
}

// partsWhole reports whether they are there.
func (e *Enforcer) partsWhole() (bool, error) {
	for i := range enforce.MostLists - 1 {
		id, err := e.listID(i + 1)
		if err != nil {
			return false, err
		}
		var own ebpf.MapID
		if i < len(e.parts) {
			if own, err = mapID(e.parts[i]); err != nil {
				return false, err
			}
		}
		if uint32(own) != id {
			return false, nil
		}
	}
	return true, nil
}

// listStats are the packets that were dropped of each list that has a name.
func (e *Enforcer) listStats() (out []haechi.Counter) {
	for i, name := range e.names {
		var each []count
		if name == "" || e.t.Listed.Lookup(uint32(i), &each) != nil {
			continue
		}
		var sum Traffic
		for _, c := range each {
			sum.add(c)
		}
		out = append(out, haechi.Counter{Name: enforce.ListCounter(e.Name(), name), Value: sum.Packets})
	}
	return out
}
