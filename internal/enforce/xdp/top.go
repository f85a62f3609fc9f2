package xdp

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// Sender is a network and how much came from it.
type Sender struct {
	Prefix netip.Prefix // a /24, or a /48 of IPv6
	// Packets is an estimate by a sample of one in 64, Over of which may have come from
	// others.
	Packets, Over uint64
}

const (
	topBytes = 1024 * lineBytes
	topIPv4  = 1 << 63
	sampled  = 64
)

// TopSources are the n networks of which most came that nobody denied, the first one
// first, since it was last asked: it is for one reader, which begins anew with each answer.
// Sources can be forged. One read of mapped memory.
func (e *Enforcer) TopSources(n int) ([]Sender, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m, err := e.t.Top.Memory()
	if err != nil {
		return nil, failed("read who sends most", err)
	}
	b := make([]byte, topBytes)
	if _, err := m.ReadAt(b, 0); err != nil {
		return nil, failed("read who sends most", err)
	}
	if _, err := m.WriteAt(make([]byte, topBytes), 0); err != nil {
		return nil, failed("read who sends most", err)
	}
	out := senders(b)
	slices.SortFunc(out, func(a, b Sender) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), a.Prefix.Compare(b.Prefix))
	})
	return out[:min(max(n, 0), len(out))], nil
}

// senders are the entries of the table.
func senders(b []byte) (out []Sender) {
	for ; len(b) >= 16; b = b[16:] {
		count, over := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		if count == 0 {
			continue
		}
		out = append(out, Sender{Prefix: wide(binary.NativeEndian.Uint64(b)), Packets: uint64(count) * sampled, Over: uint64(over) * sampled})
	}
	return out
}

// wide is a prefix as the table has it.
func wide(x uint64) netip.Prefix {
	if x&topIPv4 != 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(x >> 16), byte(x >> 8), byte(x)}), 24)
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], x<<16)
	return netip.PrefixFrom(netip.AddrFrom16(a), 48)
}
