package xdp

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"haechi"
	"haechi/internal/enforce"
)

// Guard replaces the prefixes that the program lets through before any drop: the allow
// list and whoever is protected. Errors: Exhausted beyond 10,000.
func (e *Enforcer) Guard(ctx context.Context, ps []netip.Prefix) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	all := enforce.Distinct(ps)
	if len(all) > maxGuarded {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "guard protected addresses in the kernel",
			Msg: "more than 10,000 prefixes are allowed or protected", Hint: "write fewer and broader ones in the allow list"}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		if err := e.mend(); err != nil {
			return err
		}
	}
	if slices.Equal(all, e.guarded) {
		return nil
	}
	return e.keep(all)
}

// keep makes the kernel's tables of the protected those: nobody who stays protected is
// without it for a moment.
func (e *Enforcer) keep(ps []netip.Prefix) error {
	has, err := e.readKept()
	if err != nil {
		return err
	}
	if err := e.find(ps, kept4, kept6); err != nil {
		return err
	}
	for _, p := range ps {
		table, key := e.keptKey(p)
		if err := table.Put(key, uint8(1)); err != nil {
			return failed("guard protected addresses in the kernel", err)
		}
	}
	for _, p := range has {
		if _, stays := slices.BinarySearchFunc(ps, p, netip.Prefix.Compare); stays {
			continue
		}
		table, key := e.keptKey(p)
		if err := table.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return failed("guard protected addresses in the kernel", err)
		}
		e.stale = true
	}
	e.guarded = ps
	return nil
}

func (e *Enforcer) keptKey(p netip.Prefix) (*ebpf.Map, any) {
	if p.Addr().Is4() {
		return e.t.Kept4, toKey4(p)
	}
	return e.t.Kept6, toKey6(p)
}

// find lets the program find prefixes that are put into a table next: it learns their
// lengths, and where to look.
func (e *Enforcer) find(ps []netip.Prefix, kind4, kind6 int) error {
	c := e.lengths
	for _, p := range ps {
		kind := kind4
		if p.Addr().Is6() {
			kind = kind6
			if p.Bits() < hint6Bits {
				c.Wide6 = 1
			}
		}
		c.use(kind, p.Bits())
	}
	var now control
	if err := e.t.Control.Lookup(uint32(0), &now); err != nil {
		return failed("read the tables", err)
	}
	if now != c {
		if err := e.t.Control.Put(uint32(0), c); err != nil {
			return failed("write the tables", err)
		}
	}
	e.lengths = c
	for _, p := range ps {
		if err := e.hint(p); err != nil {
			return err
		}
	}
	return nil
}

// hint sets the hints of a prefix, and their sums.
func (e *Enforcer) hint(p netip.Prefix) error {
	first, last, ok := hints(p)
	if !ok {
		return nil
	}
	m, err := e.hintsOf(p.Addr().Is6())
	if err != nil {
		return err
	}
	return errors.Join(addBits(m, 0, first, last), addBits(m, hintLines*lineBytes, first>>6, last>>6))
}

// addBits sets bits, from first to last, of the words that begin at base.
func addBits(m *ebpf.Memory, base int64, first, last uint32) error {
	from, to := int64(first>>6)*8, int64(last>>6)*8+8
	words := make([]byte, to-from)
	if _, err := m.ReadAt(words, base+from); err != nil {
		return failed("write the tables", err)
	}
	setBits(words, first-uint32(from)*8, last-uint32(from)*8)
	if _, err := m.WriteAt(words, base+from); err != nil {
		return failed("write the tables", err)
	}
	return nil
}

func (e *Enforcer) hintsOf(v6 bool) (*ebpf.Memory, error) {
	table := e.t.Hint4
	if v6 {
		table = e.t.Hint6
	}
	m, err := table.Memory()
	if err != nil {
		return nil, failed("write the tables", err)
	}
	return m, nil
}

// setBits sets bits of words of 64, from first to last.
func setBits(words []byte, first, last uint32) {
	for bit := first; bit <= last; {
		w := words[bit>>6*8:]
		if bit&63 == 0 && last-bit >= 63 {
			binary.NativeEndian.PutUint64(w, ^uint64(0))
			bit += 64
			continue
		}
		binary.NativeEndian.PutUint64(w, binary.NativeEndian.Uint64(w)|1<<(bit&63))
		bit++
	}
}

// rehint takes back the hints that nothing needs any more. A hint that is needed is set
// before and after, so that no packet finds it missing.
func (e *Enforcer) rehint() error {
	const size = (hintLines + hintSums) * lineBytes
	want := [2][]byte{make([]byte, size), make([]byte, size)}
	note := func(p netip.Prefix) {
		family := 0
		if p.Addr().Is6() {
			family = 1
		}
		if first, last, ok := hints(p); ok {
			setBits(want[family], first, last)
			setBits(want[family][hintLines*lineBytes:], first>>6, last>>6)
		}
	}
	for p := range e.sent {
		note(p)
	}
	for _, p := range e.guarded {
		note(p)
	}
	for family, words := range want {
		m, err := e.hintsOf(family == 1)
		if err != nil {
			return err
		}
		if err := copyChanged(m, words); err != nil {
			return failed("write the tables", err)
		}
	}
	e.stale = false
	return nil
}

// copyChanged writes the words that differ.
func copyChanged(m *ebpf.Memory, words []byte) error {
	has := make([]byte, len(words))
	if _, err := m.ReadAt(has, 0); err != nil {
		return err
	}
	for i := 0; i < len(words); i += 8 {
		if [8]byte(words[i:]) == [8]byte(has[i:]) {
			continue
		}
		if _, err := m.WriteAt(words[i:i+8], int64(i)); err != nil {
			return err
		}
	}
	return nil
}
