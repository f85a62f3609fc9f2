package closeup

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"haechi"
)

// Write writes what is kept of a client as a capture (draft-ietf-opsawg-pcap, version 2.4
// with nanoseconds), the oldest packet first, and says how many there are. A capture has
// one link type: packets of another than the oldest one's are left out. Errors are of kind
// NotFound for somebody of whom nothing is kept.
func (k *Keeper) Write(w io.Writer, about netip.Prefix) (packets int, err error) {
	all, ok := k.of(about)
	if !ok {
		return 0, &haechi.Error{Kind: haechi.NotFound, Op: "read packets of " + about.String(), Msg: "no packets of it are kept",
			Hint: "haechi packets lists of whom there are"}
	}
	b := bufio.NewWriter(w)
	link := uint32(1) // Ethernet, where there are none
	if len(all) > 0 {
		link = all[0].link
	}
	le := binary.LittleEndian
	head := le.AppendUint32(make([]byte, 0, 24), 0xa1b23c4d)
	head = le.AppendUint64(le.AppendUint32(head, 4<<16|2), 0)
	_, _ = b.Write(le.AppendUint32(le.AppendUint32(head, 1<<16), link)) // the writer keeps its error for Flush
	for _, p := range all {
		if p.link != link {
			continue
		}
		at := time.Unix(0, p.at)
		head = le.AppendUint32(le.AppendUint32(head[:0], uint32(at.Unix())), uint32(at.Nanosecond()))
		_, _ = b.Write(le.AppendUint32(le.AppendUint32(head, uint32(len(p.bytes))), p.wire))
		_, _ = b.Write(p.bytes)
		packets++
	}
	if err := b.Flush(); err != nil {
		return packets, fmt.Errorf("write the capture: %w", err)
	}
	return packets, nil
}

func (k *Keeper) of(about netip.Prefix) ([]kept, bool) {
	if k == nil {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.hosts[k.client(about.Addr())]
	if h == nil {
		return nil, false
	}
	return h.ring.all(), true
}
