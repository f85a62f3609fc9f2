package netflow

import (
	"net/netip"

	"haechi/internal/sensor"
)

// What is read of sFlow (sFlow.org, "sFlow Version 5", July 2004): its version, samples of
// packets in both forms, and of their records the beginning of the packet, and what a
// switch read in it.
const (
	sflowVersion           = 5 // in 32 bits, which NetFlow never begins with
	sflowFlow, sflowWide   = 1, 3
	sflowFrame             = 1
	sflowIPv4, sflowIPv6   = 3, 4
	sflowEthernet          = 1 // protocols of a frame
	sflowRawV4, sflowRawV6 = 11, 12

	linkEthernet, linkIPv4, linkIPv6 = 1, 228, 229
)

// xdr reads numbers and texts of RFC 4506; once it is cut, all that follows is 0.
type xdr struct {
	b   []byte
	cut bool
}

func (x *xdr) take(n int) []byte {
	if n < 0 || n > len(x.b) {
		x.b, x.cut = nil, true
		return nil
	}
	b := x.b[:n]
	x.b = x.b[n:]
	return b
}

func (x *xdr) u32() uint32 {
	b := x.take(4)
	if b == nil {
		return 0
	}
	return be32(b)
}

func (x *xdr) skip(words int) { x.take(4 * words) }

// opaque reads a length, so many bytes, and what fills them up to a word.
func (x *xdr) opaque() xdr {
	n := x.u32()
	if n > 1<<16 {
		x.b, x.cut = nil, true
		return xdr{}
	}
	b := x.take(int(n))
	x.take(min(-int(n)&3, len(x.b))) // the last may lack it
	return xdr{b: b}
}

// address reads one of either version; else it is cut.
func (x *xdr) address() (a netip.Addr) {
	switch x.u32() {
	case 1:
		a, _ = netip.AddrFromSlice(x.take(4))
	case 2:
		a, _ = netip.AddrFromSlice(x.take(16))
	default:
		x.cut = true
	}
	return a
}

// sflow reads a datagram of sFlow; samples of counters are skipped.
func (d *datagram) sflow(b []byte) bool {
	x := xdr{b: b}
	x.skip(1)
	agent := x.address()
	sub, seq := x.u32(), x.u32()
	x.skip(1) // uptime
	n := x.u32()
	if x.cut {
		return false
	}
	d.state = d.Reader.state(d.exporter, stream{version: sflowVersion, domain: sub, agent: agent})
	d.numbered(d.state, seq, 1, fixed)
	for ; n > 0 && !x.cut; n-- {
		switch kind, body := x.u32(), x.opaque(); kind {
		case sflowFlow:
			body.skip(2) // number, source
			d.sample(&body, 2)
			x.cut = x.cut || body.cut
		case sflowWide:
			body.skip(3)
			d.sample(&body, 4)
			x.cut = x.cut || body.cut
		}
	}
	return !x.cut
}

// sample reads one packet that was sampled, whose interfaces take so many words. The first
// record that tells of it counts.
func (d *datagram) sample(x *xdr, interfaces int) {
	rate := x.u32()
	x.skip(2 + interfaces) // the pool it is of, drops
	n := x.u32()
	for ; n > 0 && !x.cut; n-- {
		kind, body := x.u32(), x.opaque()
		d.rec = record{packets: 1, taken: 1}
		if x.cut || !d.sampledPacket(kind, &body) {
			continue
		}
		d.stats.Samples++
		d.stats.Records++
		if !d.rec.fit() {
			d.stats.Unfit++
			return
		}
		d.rec.scale(min(rate, mostRate))
		d.rec.sampled = rate != 1 // a rate of 0 is none that is known
		d.rec.directed = rate == 1 && d.rec.proto == protoTCP && d.rec.flags&(syn|ack) == syn
		d.sampleOf(d.from, d.exporter, &d.rec, d.now)
		return
	}
}

// sampledPacket reads a record of a sample; false: it tells of no IP packet.
func (d *datagram) sampledPacket(kind uint32, x *xdr) bool {
	switch kind {
	case sflowFrame:
		link := x.u32()
		x.skip(2) // length of the frame, and what was left out behind it
		head := x.opaque()
		return !x.cut && d.frame(link, head.b)
	case sflowIPv4:
		return d.rec.fields(x, 4)
	case sflowIPv6:
		return d.rec.fields(x, 16)
	}
	return false
}

// unknownICMP is a type that is reserved (RFC 4727), for one that is not told.
const unknownICMP = 255

// fields takes what a switch read in a packet; addresses have so many bytes.
func (r *record) fields(x *xdr, n int) bool {
	r.bytes, r.proto = uint64(x.u32()), uint8(x.u32())
	r.src, _ = netip.AddrFromSlice(x.take(n))
	r.dst, _ = netip.AddrFromSlice(x.take(n))
	r.srcPort, r.dstPort = uint16(x.u32()), uint16(x.u32())
	r.flags = uint8(x.u32()) &^ sensor.Stalled
	if r.proto == protoICMP || r.proto == protoICMPv6 {
		r.srcPort, r.dstPort, r.kind = 0, 0, unknownICMP
	}
	return !x.cut
}

// frame reads the beginning of a packet.
func (d *datagram) frame(protocol uint32, b []byte) bool {
	p, link := &d.packet, uint32(linkEthernet)
	switch protocol {
	case sflowEthernet:
	case sflowRawV4:
		link = linkIPv4
	case sflowRawV6:
		link = linkIPv6
	default:
		return false
	}
	if d.cfg.Decode == nil || !d.cfg.Decode(link, b, p) {
		return false
	}
	r := &d.rec
	r.src, r.dst, r.proto, r.bytes = p.Source(), p.Target(), p.Proto, uint64(p.Length)
	switch p.Proto {
	case sensor.ProtoICMP, sensor.ProtoICMPv6:
		r.kind = p.Flags
	case sensor.ProtoTCP:
		r.flags = p.Flags &^ sensor.Stalled
		fallthrough
	default:
		r.srcPort, r.dstPort = p.SrcPort, p.DstPort
	}
	return true
}
