package netflow

import (
	"net/netip"
	"time"
)

// datagram is one while it is read.
type datagram struct {
	*Reader
	from     netip.Addr
	exporter *exporter
	now      time.Time // when it came
	version  uint16
	domain   uint32
	made     time.Duration // when it was made by the exporter's clock, since 1970
	uptime   uint32        // of the exporter, ms; not with IPFIX
	state    *state
	about    int // records that tell of the exporter
}

// fixed is what is numbered in one way only.
const fixed = -1

// The headers' lengths, and that of a record of version 5.
const (
	header5, header9, header10 = 24, 20, 16
	record5                    = 48
)

// read reads a datagram; false: only up to where it broke.
func (d *datagram) read(b []byte) bool {
	if len(b) < header10 {
		return false
	}
	d.version = be16(b)
	switch {
	case be32(b) == sflowVersion:
		return d.sflow(b)
	case d.version == 5 && len(b) >= header5:
		return d.five(b)
	case d.version == 9 && len(b) >= header9:
		d.uptime, d.made, d.domain = be32(b[4:]), time.Duration(be32(b[8:]))*time.Second, be32(b[16:])
		d.open()
		d.numbered(d.state, be32(b[12:]), 1, fixed)
		ok, _ := d.sets(b[header9:])
		return ok
	case d.version == 10 && int(be16(b[2:])) >= header10 && int(be16(b[2:])) <= len(b):
		d.made, d.domain = time.Duration(be32(b[4:]))*time.Second, be32(b[12:])
		d.open()
		ok, records := d.sets(b[header10:be16(b[2:])])
		d.numbered(d.state, be32(b[8:]), records, d.about)
		return ok
	}
	return false
}

func (d *datagram) open() {
	d.state = d.Reader.state(d.exporter, stream{version: d.version, domain: d.domain})
}

// five reads version 5: a header and up to 30 records of fixed form (Cisco, NetFlow
// Export Datagram Format).
func (d *datagram) five(b []byte) bool {
	n := int(be16(b[2:]))
	d.uptime, d.domain = be32(b[4:]), uint32(b[20])<<8|uint32(b[21])
	d.open()
	whole := n <= 30 && header5+n*record5 <= len(b)
	n = min(n, 30, (len(b)-header5)/record5)
	d.numbered(d.state, be32(b[16:]), n, fixed)
	rate := uint32(be16(b[22:]) & 0x3fff) // below the two bits of its mode
	for b = b[header5:]; n > 0; n, b = n-1, b[record5:] {
		d.rec = record{src: addr4(b), dst: addr4(b[4:]), packets: uint64(be32(b[16:])), bytes: uint64(be32(b[20:])),
			srcPort: be16(b[32:]), dstPort: be16(b[34:]), flags: b[37], proto: b[38]}
		d.rec.began, d.rec.ended = d.since(be32(b[24:])), d.since(be32(b[28:]))
		d.record(rate)
	}
	return whole
}

// since is how long before the datagram the exporter's uptime was so many ms.
func (d *datagram) since(ms uint32) time.Duration {
	return time.Duration(int32(d.uptime-ms)) * time.Millisecond
}

// record takes the record that was read.
func (d *datagram) record(rate uint32) {
	d.stats.Records++
	if !d.rec.fit() {
		d.stats.Unfit++
		return
	}
	d.rec.scale(rate)
	d.meet(d.from, d.exporter, &d.rec, d.now)
}

// sets reads the sets of version 9 and IPFIX; records is how many records of data there
// were, -1 where nobody knows.
func (d *datagram) sets(b []byte) (ok bool, records int) {
	for len(b) >= 4 {
		id, n := be16(b), int(be16(b[2:]))
		if n < 4 || n > len(b) {
			return false, -1
		}
		more, ok := d.set(id, b[4:n])
		if !ok {
			return false, -1
		}
		if b = b[n:]; more < 0 || records < 0 {
			records = -1
			continue
		}
		records += more
	}
	return true, records
}

func (d *datagram) set(id uint16, b []byte) (records int, ok bool) {
	nine := d.version == 9
	switch {
	case nine && id == 0, !nine && id == 2:
		return 0, d.templates(b)
	case nine && id == 1:
		return 0, d.options9(b)
	case !nine && id == 3:
		return 0, d.options10(b)
	case id < 256:
		return 0, true // reserved
	}
	t := d.exporter.templates[templateKey{d.version, d.domain, id}]
	if t == nil {
		d.stats.Unknown++
		return -1, true
	}
	t.used = d.now
	return d.data(t, b)
}

func addr4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
