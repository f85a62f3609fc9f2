package conntrack

import (
	"encoding/binary"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// The numbers of ctnetlink that are read (linux/netfilter/nfnetlink_conntrack.h).
const (
	typeDestroy = 1<<8 | 2 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE

	attrOriginal, attrStatus, attrProto          = 1, 3, 4
	attrCountersThere, attrCountersBack, attrAge = 9, 10, 20
	tupleIP, tupleProto                          = 1, 2
	ipSrc4, ipDst4, ipSrc6, ipDst6               = 1, 2, 3, 4
	protoNumber, protoSrc, protoDst              = 1, 2, 3
	protoType4, protoType6                       = 5, 8
	infoTCP, infoState                           = 1, 1
	countPackets, countBytes                     = 1, 2
	ageStart, ageStop                            = 1, 2

	headSize, familySize, attrSize = 16, 4, 4
	attrType                       = 1<<14 - 1 // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
)

// The bits of a connection's status (linux/netfilter/nf_conntrack_common.h).
const (
	seenReply = 1 << 1
	assured   = 1 << 2
)

// The states of TCP in the table (linux/netfilter/nf_conntrack_tcp.h).
const (
	tcpSynSent, tcpSynReceived, tcpEstablished, tcpClose, tcpSynSent2 = 1, 2, 3, 8, 9
)

// entry is one connection as the kernel described it.
type entry struct {
	src, dst                 netip.Addr
	srcPort, dstPort         uint16
	proto, kind, state       uint8 // kind is the type of ICMP
	status                   uint32
	packetsThere, bytesThere uint64
	packetsBack, bytesBack   uint64
	start, stop              uint64 // Unix nanoseconds; 0: not told
}

// attributes calls f for each attribute of b, and reports whether all were whole.
func attributes(b []byte, f func(kind uint16, value []byte)) bool {
	for len(b) >= attrSize {
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrSize || n > len(b) {
			return false
		}
		f(binary.NativeEndian.Uint16(b[2:])&attrType, b[attrSize:n])
		b = b[min((n+3)&^3, len(b)):]
	}
	return len(b) == 0
}

// read takes a connection's attributes. False: they are broken, or name no two ends.
func (e *entry) read(b []byte) bool {
	*e = entry{}
	whole := true
	ok := attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case attrOriginal:
			whole = attributes(v, e.tuple) && whole
		case attrStatus:
			e.status = uint32(number(v))
		case attrProto:
			whole = attributes(v, e.info) && whole
		case attrCountersThere:
			whole = attributes(v, func(k uint16, v []byte) { count(k, v, &e.packetsThere, &e.bytesThere) }) && whole
		case attrCountersBack:
			whole = attributes(v, func(k uint16, v []byte) { count(k, v, &e.packetsBack, &e.bytesBack) }) && whole
		case attrAge:
			whole = attributes(v, e.age) && whole
		}
	})
	return ok && whole && e.src.IsValid() && e.dst.IsValid() && e.src.Is4() == e.dst.Is4()
}

func (e *entry) tuple(kind uint16, v []byte) {
	switch kind {
	case tupleIP:
		attributes(v, e.address)
	case tupleProto:
		attributes(v, e.port)
	}
}

func (e *entry) address(kind uint16, v []byte) {
	a, ok := netip.AddrFromSlice(v)
	if !ok {
		return
	}
	switch a = a.Unmap(); kind {
	case ipSrc4, ipSrc6:
		e.src = a
	case ipDst4, ipDst6:
		e.dst = a
	}
}

func (e *entry) port(kind uint16, v []byte) {
	switch kind {
	case protoNumber:
		e.proto = uint8(number(v))
	case protoSrc:
		e.srcPort = uint16(number(v))
	case protoDst:
		e.dstPort = uint16(number(v))
	case protoType4, protoType6:
		e.kind = uint8(number(v))
	}
}

func (e *entry) info(kind uint16, v []byte) {
	if kind == infoTCP {
		attributes(v, func(kind uint16, v []byte) {
			if kind == infoState {
				e.state = uint8(number(v))
			}
		})
	}
}

func (e *entry) age(kind uint16, v []byte) {
	switch kind {
	case ageStart:
		e.start = number(v)
	case ageStop:
		e.stop = number(v)
	}
}

func count(kind uint16, v []byte, packets, bytes *uint64) {
	switch kind {
	case countPackets:
		*packets = min(number(v), mostAmount)
	case countBytes:
		*bytes = min(number(v), mostAmount)
	}
}

// mostAmount bounds an amount: no link moves 2^50 bytes in a connection.
const mostAmount = 1 << 50

// number reads a big-endian number of up to eight bytes; of more the last.
func number(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// became says what became of the connection.
func (e *entry) became() haechi.FlowState {
	replied := e.status&seenReply != 0
	if e.proto != sensor.ProtoTCP {
		if replied {
			return haechi.FlowEstablished
		}
		return haechi.FlowAttempt
	}
	switch {
	case e.state == tcpClose && e.status&assured == 0:
		return haechi.FlowRejected // the table forgets a connection at the RST that answers its SYN
	case e.state == tcpClose:
		return haechi.FlowReset
	case e.state == tcpSynReceived:
		return haechi.FlowHalfOpen
	case e.state == tcpSynSent, e.state == tcpSynSent2:
		return haechi.FlowAttempt
	case !replied:
		return haechi.FlowMidstream // it was there before the table was
	case e.state == tcpEstablished:
		return haechi.FlowEstablished
	case e.state == 0:
		return haechi.FlowUnknown // an older kernel does not tell it at the end
	}
	return haechi.FlowClosed
}

// lasted is when the connection began and how long it was there, as far as that is known.
func (e *entry) lasted(now time.Time) (start time.Time, length time.Duration) {
	if e.start == 0 || e.start > uint64(now.UnixNano()) {
		return now, 0
	}
	end := uint64(now.UnixNano())
	if e.stop >= e.start && e.stop < end {
		end = e.stop
	}
	return time.Unix(0, int64(e.start)).UTC(), time.Duration(end - e.start)
}
