package flow

import (
	"math/bits"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

func lowest(m uint64) int { return bits.TrailingZeros64(m) >> 3 }

// Config bounds the table. Zero values take the defaults.
type Config struct {
	// Flows bounds the flows of IPv4, and half of it those of IPv6; 1,048,576.
	Flows int
	// Attempt (30 s), Ended (5 s), Datagram (60 s) and Established (15 min) are how long
	// a flow may be silent: one that nobody answered, one that was closed, one of UDP and
	// the like, one of TCP.
	Attempt, Ended, Datagram, Established time.Duration
	// Update is the least time between two updates without a change of state, 10 s.
	Update time.Duration
	// V6Bits is the prefix that makes an IPv6 client, 64.
	V6Bits int
	// Seed keeps outsiders from choosing flows that share a bucket. Replays use 0, so
	// that they are repeatable.
	Seed uint64
	// Sensor is the name on the events, "capture".
	Sensor string
}

func (c Config) filled() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Attempt, 30*time.Second)
	def(&c.Ended, 5*time.Second)
	def(&c.Datagram, time.Minute)
	def(&c.Established, 15*time.Minute)
	def(&c.Update, 10*time.Second)
	if c.Flows <= 0 {
		c.Flows = 1 << 20
	}
	if c.V6Bits <= 0 {
		c.V6Bits = 64
	}
	if c.Sensor == "" {
		c.Sensor = "capture"
	}
	return c
}

// Stats are the table's counters.
type Stats struct {
	Packets, Flows uint64
	Live           int
	// Evicted counts flows that had to make room, Refused those that found none because
	// everything there was worth more.
	Evicted, Refused uint64
	// Backwards counts packets older than the newest by more than a second.
	Backwards uint64
}

// Table is the flow table. It is used by one goroutine.
type Table struct {
	cfg   Config
	emit  func(*haechi.Event)
	hear  sensor.Listener // may be nil
	v4    half[key4]
	v6    half[key6]
	stats Stats

	epoch   int64 // Unix nanoseconds of the first packet's second
	now     int64
	second  int64  // of now, since epoch
	ends    int64  // when that second is over, Unix nanoseconds
	update  uint16 // the least seconds between two updates
	touched uint8
	apps    []string
	event   haechi.Event   // reused: every event sets the same fields
	path    sensor.Path    // reused, since what a key writes to escapes
	segment sensor.Segment // so is what the listener is handed
}

// half is the table of one IP version.
type half[K key] struct {
	t *Table
	buckets[K]
	swept int // where the next sweep goes on
}

// New returns an empty table that tells emit, which must neither keep nor change the event,
// and hear.
func New(cfg Config, hear sensor.Listener, emit func(*haechi.Event)) *Table {
	cfg = cfg.filled()
	const first = 4096
	t := &Table{cfg: cfg, emit: emit, hear: hear, apps: []string{""}, update: uint16(cfg.Update / time.Second)}
	t.event.Kind, t.event.Sensor = haechi.KindFlow, cfg.Sensor
	t.v4 = half[key4]{t: t, buckets: newBuckets[key4](min(first, cfg.Flows), cfg.Flows, cfg.Seed)}
	t.v6 = half[key6]{t: t, buckets: newBuckets[key6](min(first/4, cfg.Flows/2), cfg.Flows/2, cfg.Seed)}
	return t
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Live = t.v4.live + t.v6.live
	return s
}

// Packet takes the next packet.
func (t *Table) Packet(p *sensor.Packet) {
	t.stats.Packets++
	t.advance(p.Time)
	if p.Refused {
		t.refuse(&p.Embedded)
	}
	hash := p.Hash
	if p.V6 {
		k, high := key6Of(&p.Path)
		if hash == 0 {
			hash = k.hash(t.cfg.Seed, p.Proto)
		}
		t.v6.packet(p, k, hash, high)
		return
	}
	k, high := key4Of(&p.Path)
	if hash == 0 {
		hash = k.hash(t.cfg.Seed, p.Proto)
	}
	t.v4.packet(p, k, hash, high)
}

// Ahead is a hint that packets come soon; some of them may be none. Where their flows lie
// in memory is looked for at once, so that they wait for it together instead of one after
// the other: what is read here decides nothing.
func (t *Table) Ahead(ps []sensor.Packet) {
	for i := range ps {
		p := &ps[i]
		if p.V6 {
			k, _ := key6Of(&p.Path)
			p.Hash = k.hash(t.cfg.Seed, p.Proto)
			p.Slot = t.v6.likely(p.Hash)
		} else {
			k, _ := key4Of(&p.Path)
			p.Hash = k.hash(t.cfg.Seed, p.Proto)
			p.Slot = t.v4.likely(p.Hash)
		}
	}
	for i := range ps { // apart, so that more of them wait at once
		if p := &ps[i]; p.V6 {
			t.touched += t.v6.slots[p.Slot].first
		} else {
			t.touched += t.v4.slots[p.Slot].first
		}
	}
}

// refuse marks the flow that an ICMP error is about.
func (t *Table) refuse(p *sensor.Path) {
	if p.V6 {
		k, high := key6Of(p)
		t.v6.refuse(k, k.hash(t.cfg.Seed, p.Proto), p.Proto, high)
		return
	}
	k, high := key4Of(p)
	t.v4.refuse(k, k.hash(t.cfg.Seed, p.Proto), p.Proto, high)
}

// Tick lets time pass without packets.
func (t *Table) Tick(now time.Time) { t.advance(now.UnixNano()) }

// advance moves event time on, never back, and sweeps once a second.
func (t *Table) advance(at int64) {
	if t.epoch == 0 {
		t.epoch = at - at%int64(time.Second)
		t.now, t.ends = at, t.epoch+int64(time.Second)
		return
	}
	if at <= t.now {
		if t.now-at > int64(time.Second) {
			t.stats.Backwards++
		}
		return
	}
	if t.now = at; at < t.ends {
		return
	}
	second := (at - t.epoch) / int64(time.Second)
	gone := second - t.second
	t.second, t.ends = second, t.epoch+(second+1)*int64(time.Second)
	t.v4.sweep(gone)
	t.v6.sweep(gone)
}

// stampUnit is the grain of slot.last: 2^32 of them are two years.
const stampUnit = int64(time.Second / 64)

func (t *Table) stamp() uint32 { return uint32((t.now - t.epoch) / stampUnit) }

// Flush tells the end of every flow, at the end of a capture.
func (t *Table) Flush() {
	t.v4.flush()
	t.v6.flush()
}
