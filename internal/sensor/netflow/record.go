package netflow

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// record is what an exporter tells of one direction, or of both.
type record struct {
	src, dst           netip.Addr
	srcPort, dstPort   uint16
	proto, flags, kind uint8 // kind is the type of ICMP
	backFlags          uint8
	both               bool // the amounts back are known
	directed           bool // the source began
	sampled            bool
	sure               bool // enough was sampled to say what it is
	bytes, packets     uint64
	taken              uint64 // packets that were sampled, where each is told of
	backBytes          uint64
	backPackets        uint64
	// began and ended are how long before its datagram was made.
	began, ended time.Duration
}

// The protocols and TCP flags.
const (
	protoICMP, protoTCP, protoUDP, protoICMPv6, protoSCTP = 1, 6, 17, 58, 132

	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

// mostAge bounds how long ago a flow may have begun.
const mostAge = 24 * time.Hour

// fit tidies a record; false: it is about no flow between two hosts.
func (r *record) fit() bool {
	r.src, r.dst = r.src.Unmap(), r.dst.Unmap()
	if !r.src.IsValid() || !r.dst.IsValid() || r.src.Is4() != r.dst.Is4() || r.src.IsUnspecified() || r.src.IsMulticast() {
		return false
	}
	if r.packets == 0 && r.backPackets == 0 && r.bytes == 0 && r.backBytes == 0 {
		return false
	}
	if r.proto == protoICMP || r.proto == protoICMPv6 {
		if r.kind == 0 {
			r.kind = uint8(r.dstPort >> 8) // where version 5 has it
		}
		r.srcPort, r.dstPort = 0, 0
	}
	r.ended = min(max(r.ended, 0), mostAge)
	r.began = min(max(r.began, r.ended), mostAge)
	return true
}

// scale multiplies the amounts by the rate of sampling.
func (r *record) scale(rate uint32) {
	if rate <= 1 {
		return
	}
	r.sampled = true
	for _, n := range []*uint64{&r.bytes, &r.packets, &r.backBytes, &r.backPackets} {
		*n = min(*n, mostAmount/uint64(rate)) * uint64(rate)
	}
}

// mostAmount bounds an amount: no link moves 2^50 bytes in a flow.
const mostAmount = 1 << 50

// turned is the record from the other end's side.
func (r *record) turned() record {
	t := *r
	t.src, t.dst, t.srcPort, t.dstPort = r.dst, r.src, r.dstPort, r.srcPort
	t.bytes, t.packets, t.flags = r.backBytes, r.backPackets, r.backFlags
	t.backBytes, t.backPackets, t.backFlags = r.bytes, r.packets, r.flags
	return t
}

// number reads a big-endian number of any length; of more than eight bytes the last.
func number(b []byte) uint64 {
	if len(b) > 8 {
		b = b[len(b)-8:]
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
