package conntrack

import (
	"encoding/binary"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/sensor"
)

// Sensor is the name on the events.
const Sensor = "conntrack"

// Config says how clients are told apart.
type Config struct {
	V6Bits int // the prefix that makes an IPv6 client, 64 where it is 0
}

// Stats are the reader's counters.
type Stats struct {
	// Told counts flows, Local those within the machine, which are not told.
	Told, Local uint64
	// Broken counts messages that are not understood, Uncounted flows without amounts.
	Broken, Uncounted uint64
}

// Reader understands messages. It is used by one goroutine.
type Reader struct {
	cfg   Config
	emit  func(*haechi.Event)
	stats Stats
	event haechi.Event // reused
	entry entry        // reused
}

// New makes a reader that tells emit of each flow; the event is reused after it returns.
func New(cfg Config, emit func(*haechi.Event)) *Reader {
	if cfg.V6Bits <= 0 {
		cfg.V6Bits = 64
	}
	return &Reader{cfg: cfg, emit: emit}
}

// Stats are the counters so far.
func (r *Reader) Stats() Stats { return r.stats }

// Messages reads what one call to the kernel returned: messages one after the other. What
// follows a broken one is not read.
func (r *Reader) Messages(b []byte, now time.Time) {
	for len(b) >= headSize {
		n := int(binary.NativeEndian.Uint32(b))
		if n < headSize || n > len(b) {
			break
		}
		if binary.NativeEndian.Uint16(b[4:]) == typeDestroy {
			r.destroyed(b[headSize:n], now)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if len(b) > 0 {
		r.stats.Broken++
	}
}

func (r *Reader) destroyed(b []byte, now time.Time) {
	e := &r.entry
	if len(b) < familySize || !e.read(b[familySize:]) {
		r.stats.Broken++
		return
	}
	if e.src.IsLoopback() || e.dst.IsLoopback() || e.src == e.dst || e.src.IsUnspecified() {
		r.stats.Local++
		return
	}
	r.tell(now)
}

func (r *Reader) tell(now time.Time) {
	x, e := &r.entry, &r.event
	start, length := x.lasted(now)
	*e = haechi.Event{Time: now.UTC(), Kind: haechi.KindFlow, Port: x.srcPort, LocalPort: x.dstPort, BytesIn: int64(x.bytesThere), BytesOut: int64(x.bytesBack),
		Duration: length}
	e.Addr, e.Client = x.src, clientkey.Of(x.src, r.cfg.V6Bits)
	e.Flow = haechi.Flow{Sensor: Sensor, Target: x.dst, Transport: sensor.Transport(x.proto), Phase: haechi.FlowEnd, State: x.became(), Start: start,
		PacketsIn: x.packetsThere, PacketsOut: x.packetsBack, First: x.first()}
	if x.packetsThere == 0 {
		r.stats.Uncounted++
	}
	r.stats.Told++
	r.emit(e)
}

// first is the type of ICMP, and SYN where a connection was opened.
func (e *entry) first() uint8 {
	const syn = 2
	if e.proto == sensor.ProtoTCP && e.became() != haechi.FlowMidstream {
		return syn
	}
	return e.kind
}
