package netflow

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// Config bounds the reader. Zero values take the defaults.
type Config struct {
	Exporters []netip.Prefix // whose datagrams are read; none: nobody's
	Wait      time.Duration  // for the other direction, 10 s
	Sensor    string         // the name on the events, "netflow"
	Waiting   int            // records that wait at once, 32,768 (11 MiB), and as many conversations that are sampled
	V6Bits    int            // the prefix that makes an IPv6 client, 64
	// Decode reads the beginning of a packet that was sampled, of a link type (the registry
	// of tcpdump.org/linktypes.html); nil: those are not read.
	Decode func(link uint32, frame []byte, p *sensor.Packet) bool
}

func (c Config) filled() Config {
	if c.Wait <= 0 {
		c.Wait = 10 * time.Second
	}
	if c.Waiting <= 0 {
		c.Waiting = 32_768
	}
	if c.V6Bits <= 0 {
		c.V6Bits = 64
	}
	if c.Sensor == "" {
		c.Sensor = "netflow"
	}
	return c
}

// Stats are the reader's counters.
type Stats struct {
	Datagrams, Records, Told uint64
	// Samples counts packets that were sampled, each a record.
	Samples   uint64
	Exporters int
	// Strangers counts datagrams of who is no exporter, Broken those that were cut or of
	// another version, read up to where they broke.
	Strangers, Broken uint64
	// Unknown counts sets of data whose template has not come yet.
	Unknown uint64
	// Refused counts exporters, templates, rates of samplers and hosts of samples for which
	// there was no room, or that are none; Unfit records about no flow between two hosts.
	Refused, Unfit uint64
	// Lost is what is missing by the exporters' numbers: flows (version 5), datagrams
	// (version 9, sFlow) or records (IPFIX).
	Lost uint64
	// Early counts records that could not wait for the other direction for lack of room.
	Early uint64
}

// Reader understands datagrams. It is used by one goroutine.
type Reader struct {
	cfg   Config
	emit  func(*haechi.Event)
	known map[netip.Addr]*exporter
	pairs pairs
	// samples are conversations of which packets were sampled.
	samples pairs
	shares  shares
	packet  sensor.Packet // reused
	stats   Stats
	event   haechi.Event // reused
	rec     record       // reused
}

// exporter is what one told about itself.
type exporter struct {
	templates map[templateKey]*template
	streams   map[stream]*state
	twoWay    time.Time // when both directions of a conversation came last
}

// stream is a numbered row of datagrams.
type stream struct {
	version uint16
	domain  uint32
	agent   netip.Addr // of sFlow, which one sender may collect from many
}

// state is what is known of a stream.
type state struct {
	way      uint8  // how an exporter of IPFIX counts, see [mark.missing]
	last     mark   // of the datagram that came last
	late     mark   // and of one that seemed to come late
	counting bool   // what the last one holds is known
	rate     uint32 // of sampling, 0: not told
	rates    map[uint64]uint32
	boot     time.Duration // since 1970, 0: not told
}

// The bounds.
const (
	mostExporters = 256
	mostTemplates = 256
	mostStreams   = 64
	mostSamplers  = 64
	mostFields    = 128
)

// New returns a reader that tells emit, which must not keep the event.
func New(cfg Config, emit func(*haechi.Event)) *Reader {
	cfg = cfg.filled()
	return &Reader{cfg: cfg, emit: emit, known: map[netip.Addr]*exporter{}, pairs: newPairs(cfg.Waiting), samples: newPairs(cfg.Waiting), shares: newShares()}
}

// Stats returns the counters.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Exporters = len(r.known)
	return s
}

// Datagram reads what came from an address at a time.
func (r *Reader) Datagram(from netip.Addr, b []byte, now time.Time) {
	from = from.Unmap()
	if !r.allowed(from) {
		r.stats.Strangers++
		return
	}
	r.stats.Datagrams++
	e := r.exporter(from)
	if e == nil {
		return
	}
	d := datagram{Reader: r, from: from, exporter: e, now: now}
	if !d.read(b) {
		r.stats.Broken++
	}
}

// Pass tells of what waited long enough.
func (r *Reader) Pass(now time.Time) { r.before(now.Add(-r.cfg.Wait), now) }

// before tells of what came before a time.
func (r *Reader) before(due, now time.Time) {
	for {
		h := r.pairs.due(due)
		if h == nil {
			break
		}
		r.alone(h, now)
	}
	for {
		h := r.samples.due(due)
		if h == nil {
			return
		}
		r.sampled(h, now)
	}
}

// End tells of all that waits.
func (r *Reader) End(now time.Time) { r.before(now.Add(1), now) }

func (r *Reader) allowed(a netip.Addr) bool {
	for _, p := range r.cfg.Exporters {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (r *Reader) exporter(a netip.Addr) *exporter {
	e := r.known[a]
	if e == nil {
		if len(r.known) >= mostExporters {
			r.stats.Refused++
			return nil
		}
		e = &exporter{templates: map[templateKey]*template{}, streams: map[stream]*state{}}
		r.known[a] = e
	}
	return e
}

// state is that of a stream; where there is no room, one that is forgotten at once.
func (r *Reader) state(e *exporter, k stream) *state {
	s := e.streams[k]
	if s == nil {
		s = &state{}
		if len(e.streams) >= mostStreams {
			r.stats.Refused++
			return s
		}
		e.streams[k] = s
	}
	return s
}

// mark is the number of a datagram, and what it holds: all that is counted, and without
// what exporters tell of themselves.
type mark struct {
	seq   uint32
	holds [2]uint32
}

// missing is by how much number seq of a datagram that holds so much is ahead of what the
// one before leads to. An exporter of IPFIX should count every record that came before (RFC
// 7011, 3.1); some leave out those about themselves, or count the datagram's own as well.
// Way is which of the four it was last; it is only ever the first of the others.
func (m *mark) missing(seq uint32, holds [2]uint32, either bool, way *uint8) int32 {
	counted := [...]uint32{m.holds[0], m.holds[1], holds[0], holds[1]}
	gap := int32(seq - m.seq - counted[*way]) // of numbers that turn over
	if gap == 0 || !either {
		return gap
	}
	for i, n := range counted {
		if seq-m.seq == n {
			*way = uint8(i)
			return 0
		}
	}
	return gap
}

// numbered counts what is missing before number seq; units are what it counts itself, -1
// where that is not known, and about those that tell of the exporter. A number far off is an
// exporter that began anew, and so are two in a row that seem to come late.
func (r *Reader) numbered(s *state, seq uint32, units, about int) {
	const far = 1 << 20
	holds := [2]uint32{uint32(max(units, 0)), uint32(max(units-about, 0))}
	either := about >= 0
	gap := s.last.missing(seq, holds, either, &s.way)
	if s.counting && gap < 0 && gap > -far && s.late.missing(seq, holds, either, &s.way) != 0 {
		s.late = mark{seq, holds}
		return
	}
	if s.counting && gap > 0 && gap < far {
		r.stats.Lost += uint64(gap)
	}
	s.counting = units >= 0
	s.last = mark{seq, holds}
	s.late = s.last
}
