package netflow

import (
	"net/netip"
	"time"
)

// The information elements that are read (IANA, IPFIX Information Elements).
const (
	ieBytes, iePackets, ieProto, ieFlags, ieSrcPort, ieSrc4, ieDstPort, ieDst4 = 1, 2, 4, 6, 7, 8, 11, 12
	ieLast, ieFirst, ieSrc6, ieDst6, ieICMP, ieInterval, ieSampler, ieRandom   = 21, 22, 27, 28, 32, 34, 48, 50
	ieBytesTotal, iePacketsTotal, ieICMP6                                      = 85, 86, 139
	ieStartS, ieEndS, ieStartMs, ieEndMs, ieStartUs, ieEndUs                   = 150, 151, 152, 153, 154, 155
	ieStartNs, ieEndNs, ieStartAgo, ieEndAgo, ieBoot, ieLasted                 = 156, 157, 158, 159, 160, 161
	ieType4, ieType6, ieBytesThere, ieBytesBack, ieBegan                       = 176, 178, 231, 232, 239
	iePacketsThere, iePacketsBack, ieSelector, ieTaken, ieLeftOut              = 298, 299, 302, 305, 306
)

// reading is a record of data while it is read.
type reading struct {
	*record
	d                     *datagram
	first, last           int64 // ms of uptime, -1: not told
	boot                  time.Duration
	lasted                time.Duration
	ended                 bool
	began                 bool
	sampler               uint64
	interval, taken, left uint64
}

// data reads the records of a set. What is shorter than any record is padding.
func (d *datagram) data(t *template, b []byte) (n int, ok bool) {
	for len(b) >= t.least {
		d.rec = record{}
		r := reading{record: &d.rec, d: d, boot: d.state.boot, first: -1, last: -1}
		rest, ok := r.fields(t, b)
		if !ok {
			return n, false
		}
		b = rest
		n++
		if t.option {
			d.about++
			r.about()
			continue
		}
		r.times()
		d.record(r.rate())
	}
	return n, true
}

func (r *reading) fields(t *template, b []byte) (rest []byte, ok bool) {
	for _, f := range t.fields {
		n := int(f.length)
		if n == varying {
			if n, b, ok = length(b); !ok {
				return nil, false
			}
		}
		if n > len(b) {
			return nil, false
		}
		if f.id != unread {
			r.field(f.id, b[:n])
		}
		b = b[n:]
	}
	return b, true
}

// length reads that of a field that varies (RFC 7011, 7).
func length(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	if b[0] < 255 {
		return int(b[0]), b[1:], true
	}
	if len(b) < 3 {
		return 0, nil, false
	}
	return int(be16(b[1:])), b[3:], true
}

func (r *reading) field(id uint16, b []byte) {
	switch id {
	case ieSrc4, ieSrc6:
		r.src = given(r.src, b)
	case ieDst4, ieDst6:
		r.dst = given(r.dst, b)
	case ieProto:
		r.proto = uint8(number(b))
	case ieFlags:
		r.flags = uint8(number(b))
	case ieSrcPort:
		r.srcPort = uint16(number(b))
	case ieDstPort:
		r.dstPort = uint16(number(b))
	case ieICMP, ieICMP6:
		r.kind = max(r.kind, uint8(number(b)>>8))
	case ieType4, ieType6:
		r.kind = max(r.kind, uint8(number(b)))
	case back | ieFlags:
		r.backFlags, r.both = uint8(number(b)), true
	case ieBegan:
		r.directed = number(b) == 1
	default:
		if !r.amount(id, number(b)) && !r.time(id, number(b)) {
			r.sampling(id, number(b))
		}
	}
}

// given is an address of a record; one of no use stands beside the other version's.
func given(old netip.Addr, b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b) // its length was checked with the template
	if a.IsUnspecified() && old.IsValid() {
		return old
	}
	return a
}

func (r *reading) amount(id uint16, n uint64) bool {
	n = min(n, mostAmount)
	switch id {
	case ieBytes, ieBytesTotal:
		r.bytes = max(r.bytes, n)
	case iePackets, iePacketsTotal:
		r.packets = max(r.packets, n)
	case ieBytesThere:
		r.bytes, r.directed = n, true
	case iePacketsThere:
		r.packets, r.directed = n, true
	case back | ieBytes, back | ieBytesTotal, ieBytesBack:
		r.backBytes, r.both = max(r.backBytes, n), true
	case back | iePackets, back | iePacketsTotal, iePacketsBack:
		r.backPackets, r.both = max(r.backPackets, n), true
	default:
		return false
	}
	return true
}

func (r *reading) time(id uint16, n uint64) bool {
	switch id {
	case ieFirst:
		r.first = int64(min(n, mostUptime))
	case ieLast:
		r.last = int64(min(n, mostUptime))
	case ieStartS:
		r.start(r.ago(n, time.Second))
	case ieStartMs:
		r.start(r.ago(n, time.Millisecond))
	case ieStartUs, ieStartNs:
		r.start(r.d.made - ntp(n))
	case ieStartAgo:
		r.start(time.Duration(min(n, mostAmount)) * time.Microsecond)
	case ieEndS:
		r.end(r.ago(n, time.Second))
	case ieEndMs:
		r.end(r.ago(n, time.Millisecond))
	case ieEndUs, ieEndNs:
		r.end(r.d.made - ntp(n))
	case ieEndAgo:
		r.end(time.Duration(min(n, mostAmount)) * time.Microsecond)
	case ieBoot:
		r.boot = time.Duration(min(n, mostTime)) * time.Millisecond
	case ieLasted:
		r.lasted = min(time.Duration(min(n, mostTime))*time.Millisecond, mostAge)
	default:
		return false
	}
	return true
}

func (r *reading) start(ago time.Duration) { r.record.began, r.began = ago, true }
func (r *reading) end(ago time.Duration)   { r.record.ended, r.ended = ago, true }

// mostTime bounds ms, so that a time.Duration holds them.
const mostTime = 1 << 43

// ago is how long before the datagram was made a time since 1970 was.
func (r *reading) ago(n uint64, unit time.Duration) time.Duration {
	return r.d.made - time.Duration(min(n, mostTime/uint64(unit/time.Millisecond)))*unit
}

// ntp is a time of RFC 5905, since 1970.
func ntp(n uint64) time.Duration {
	const since1900 = 2_208_988_800
	seconds := max(int64(n>>32)-since1900, 0)
	return time.Duration(seconds)*time.Second + time.Duration(n&(1<<32-1)*uint64(time.Second)>>32)
}

// times tells from what a record has when the flow began and ended.
func (r *reading) times() {
	if ago, ok := r.uptime(r.first); ok {
		r.start(ago)
	}
	if ago, ok := r.uptime(r.last); ok {
		r.end(ago)
	}
	if r.first >= 0 && r.last > r.first {
		r.lasted = min(time.Duration(r.last-r.first)*time.Millisecond, mostAge)
	}
	if !r.began {
		r.record.began = r.record.ended + r.lasted
	}
	if !r.ended && r.began {
		r.record.ended = r.record.began - r.lasted
	}
}

// mostUptime is that of 136 years, in ms.
const mostUptime = 1 << 42

// uptime is how long before the datagram the exporter was up for so many ms; with IPFIX
// that is known where it told when it began.
func (r *reading) uptime(ms int64) (ago time.Duration, ok bool) {
	switch {
	case ms < 0:
		return 0, false
	case r.d.version == 9:
		return r.d.since(uint32(ms)), true
	}
	return r.d.made - r.boot - time.Duration(ms)*time.Millisecond, r.boot > 0
}

func (r *reading) sampling(id uint16, n uint64) {
	switch id {
	case ieInterval, ieRandom:
		r.interval = n
	case ieSampler, ieSelector:
		r.sampler = n
	case ieTaken:
		r.taken = n
	case ieLeftOut:
		r.left = n
	}
}

// told is the rate that the record itself tells, 0 for none.
func (r *reading) told() uint32 {
	if r.taken > 0 && r.left > 0 {
		r.interval = min(r.left, mostRate)/min(r.taken, mostRate) + 1
	}
	return uint32(min(r.interval, mostRate))
}

// mostRate bounds the rate of sampling.
const mostRate = 1 << 20

// rate is that of the record, of its sampler, or of its exporter.
func (r *reading) rate() uint32 {
	if n := r.told(); n > 0 {
		return n
	}
	if n, ok := r.d.state.rates[r.sampler]; ok {
		return n
	}
	return r.d.state.rate
}

// about takes what an exporter tells of itself.
func (r *reading) about() {
	s := r.d.state
	s.boot = r.boot
	n := r.told()
	if n == 0 {
		return
	}
	if r.sampler == 0 {
		s.rate = n
		return
	}
	if _, ok := s.rates[r.sampler]; !ok && len(s.rates) >= mostSamplers {
		r.d.stats.Refused++
		return
	}
	if s.rates == nil {
		s.rates = map[uint64]uint32{}
	}
	s.rates[r.sampler] = n
}
