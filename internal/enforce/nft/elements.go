package nft

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Numbers of linux/netfilter/nfnetlink.h and nf_tables.h.
const (
	msgBatchBegin = 16
	msgBatchEnd   = 17
	msgNewElement = 10<<8 | 12
	subsystem     = 10

	attrListTable, attrListSet, attrListElements = 1, 2, 3
	attrElement, attrKey, attrValue              = 1, 1, 1
	nested                                       = 1 << 15
)

// add puts elements into a set that is there, in one transaction, or none of them. It writes
// the messages itself: for a list of a million the library takes as long as the kernel does.
func (k *kernel) add(ctx context.Context, set string, ps []netip.Prefix) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := netlink.Dial(syscall.NETLINK_NETFILTER, &netlink.Config{NetNS: k.netns})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := k.prepare(ctx)(c); err != nil {
		return err
	}
	about := []byte{0, 0, 0, subsystem}
	all := []netlink.Message{{Header: netlink.Header{Type: msgBatchBegin, Flags: netlink.Request}, Data: about}}
	for some := range slices.Chunk(ps, chunk) {
		all = append(all, netlink.Message{Header: netlink.Header{Type: msgNewElement, Flags: netlink.Request | netlink.Acknowledge | netlink.Create}, Data: k.filling(set, some)})
	}
	all = append(all, netlink.Message{Header: netlink.Header{Type: msgBatchEnd, Flags: netlink.Request}, Data: about})
	if _, err := c.SendMessages(all); err != nil {
		return err
	}
	for left := len(all) - 2; left > 0; {
		acks, err := c.Receive() // one that is an error of the kernel's is an error here
		if err != nil {
			return err
		}
		left -= len(acks)
	}
	return nil
}

// filling is the body of a message that adds so many.
func (k *kernel) filling(set string, ps []netip.Prefix) []byte {
	b := make([]byte, 0, 64+len(set)+28*len(ps))
	b = append(b, byte(k.table.Family), 0, 0, 0)
	b = attribute(b, attrListTable, []byte(tableName+"\x00"))
	b = attribute(b, attrListSet, []byte(set+"\x00"))
	list := len(b)
	b = attribute(b, attrListElements|nested, nil)
	for _, p := range ps {
		a := p.Masked().Addr()
		size := uint16(a.BitLen() / 8)
		b = head(b, attrElement|nested, size+8)
		b = head(b, attrKey|nested, size+4)
		b = head(b, attrValue, size)
		if raw := a.As16(); a.Is4() {
			b = append(b, raw[12:]...)
		} else {
			b = append(b, raw[:]...)
		}
	}
	binary.NativeEndian.PutUint16(b[list:], uint16(len(b)-list))
	return b
}

// head begins an attribute whose value has so many bytes.
func head(b []byte, kind, size uint16) []byte {
	return binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(b, 4+size), kind)
}

// attribute adds one, and what fills its last word.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = append(head(b, kind, uint16(len(value))), value...)
	return append(b, make([]byte, -len(b)&3)...)
}
