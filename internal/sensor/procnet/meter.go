package procnet

import (
	"fmt"
	"io"
	"io/fs"
	"time"

	"haechi"
)

// The bounds.
const (
	maxInterfaces = 256
	maxFile       = 1 << 20
	// unbelievable is more than any machine moves or counts in a second: 8.8 Tbit/s, or as
	// many packets.
	unbelievable = 1 << 40
	longestName  = 15 // IFNAMSIZ without the end
	loopback     = "lo"
	sensorName   = "kernel"
)

// Meter tells what was counted between two readings. It is used by one goroutine.
type Meter struct {
	files fs.FS
	types [counters]string

	last    time.Time // of the reading before; zero: none yet
	v4, v6  family
	links   map[string]*known
	reading uint64 // number of the present reading
	buf     []byte
	stats   Stats
}

// known is an interface as it was read last.
type known struct {
	link
	reading uint64
}

// family is where the counters of one IP version stood at the reading before.
type family struct {
	totals totals
	known  bool
}

// Stats are a meter's own counters.
type Stats struct {
	Readings uint64
	// Refused counts interfaces that found no room, and amounts that nobody believes.
	Refused uint64
	// Restarted counts counters that were lower than before.
	Restarted uint64
	// Interfaces is how many there are, loopback left out.
	Interfaces int
}

// New returns a meter of the files of a network namespace: os.DirFS("/proc/self/net").
func New(files fs.FS) *Meter {
	return &Meter{files: files, types: types(), links: map[string]*known{}}
}

// Stats returns the meter's own counters.
func (m *Meter) Stats() Stats {
	s := m.stats
	s.Interfaces = len(m.links)
	return s
}

// Read reads the counters and tells emit what was added since the last call; the first
// call tells nothing. now must have a monotonic reading, or never step. The event is used
// again after emit. Errors are of kind Unavailable: a kernel without these files, or one
// that shows them to nobody.
func (m *Meter) Read(now time.Time, emit func(*haechi.Event)) error {
	text, err := m.file("dev")
	if err != nil {
		return err
	}
	span, told := now.Sub(m.last), emit
	first := m.last.IsZero()
	if !first && span <= 0 {
		return nil // the same moment, or an earlier one: no rate
	}
	if first {
		told = func(*haechi.Event) {}
	}
	m.reading++
	m.stats.Readings++
	e := haechi.Event{Time: now.UTC(), Kind: haechi.KindCounted, Duration: span, Flow: haechi.Flow{Sensor: sensorName}}
	m.interfaces(text, e, told)
	if err := m.machine(e, told); err != nil {
		return err
	}
	m.last, e.Type = now, haechi.CountedAll
	told(&e)
	return nil
}

// interfaces tells of each interface that moved something.
func (m *Meter) interfaces(text []byte, e haechi.Event, emit func(*haechi.Event)) {
	e.Type = haechi.CountedInterface
	parseDev(text, func(name []byte, l link) {
		d, ok := m.moved(name, l)
		if !ok || !m.believe(max(d.bytesIn, d.packetsIn, d.bytesOut, d.packetsOut), e.Duration) {
			return
		}
		e.Name = string(name)
		e.BytesIn, e.PacketsIn, e.BytesOut, e.PacketsOut = int64(d.bytesIn), d.packetsIn, int64(d.bytesOut), d.packetsOut
		emit(&e)
	})
	for name, k := range m.links { // one that comes back has counted meanwhile
		if k.reading != m.reading {
			delete(m.links, name)
		}
	}
}

// moved is what an interface moved since the reading before, if that is known and
// something.
func (m *Meter) moved(name []byte, l link) (d link, ok bool) {
	if string(name) == loopback {
		return d, false
	}
	k := m.links[string(name)]
	switch {
	case k == nil && (len(m.links) >= maxInterfaces || len(name) > longestName):
		m.stats.Refused++
		return d, false
	case k == nil:
		m.links[string(name)] = &known{l, m.reading}
		return d, false
	}
	before := k.link
	k.link, k.reading = l, m.reading
	if l.bytesIn < before.bytesIn || l.packetsIn < before.packetsIn || l.bytesOut < before.bytesOut || l.packetsOut < before.packetsOut {
		m.stats.Restarted++
		return d, false
	}
	d = link{l.bytesIn - before.bytesIn, l.packetsIn - before.packetsIn, l.bytesOut - before.bytesOut, l.packetsOut - before.packetsOut}
	return d, d != link{}
}

// machine tells of each counter of the whole machine that moved. Without IPv6 there is no
// snmp6; the others must be there.
func (m *Meter) machine(e haechi.Event, emit func(*haechi.Event)) error {
	var four, six totals
	for _, name := range [...]string{"snmp", "netstat"} {
		text, err := m.file(name)
		if err != nil {
			return err
		}
		parsePairs(text, four.four)
	}
	moved := m.since(&m.v4, &four)
	if text, err := m.file("snmp6"); err == nil {
		parseSix(text, six.six)
		for i, n := range m.since(&m.v6, &six) {
			moved[i] += n
		}
	}
	for i, n := range moved {
		if n > 0 && m.believe(n, e.Duration) {
			e.Type, e.Count = m.types[i], n
			emit(&e)
		}
	}
	return nil
}

// since is what was added since the reading before: nothing at the first, and nothing
// where a counter began anew.
func (m *Meter) since(f *family, now *totals) (moved totals) {
	before, known := f.totals, f.known
	f.totals, f.known = *now, true
	for i := range now {
		switch {
		case !known || now[i] == before[i]:
		case now[i] < before[i]:
			m.stats.Restarted++
		default:
			moved[i] = now[i] - before[i]
		}
	}
	return moved
}

// believe reports whether a machine may have moved so much in the time.
func (m *Meter) believe(n uint64, span time.Duration) bool {
	if float64(n) <= unbelievable*max(span.Seconds(), 1) {
		return true
	}
	m.stats.Refused++
	return false
}

// file reads one of the files into memory that the next one uses again.
func (m *Meter) file(name string) ([]byte, error) {
	f, err := m.files.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	m.buf = m.buf[:0]
	for len(m.buf) < maxFile {
		if len(m.buf) == cap(m.buf) {
			m.buf = append(m.buf, make([]byte, 16<<10)...)[:len(m.buf)]
		}
		n, err := f.Read(m.buf[len(m.buf):cap(m.buf)])
		m.buf = m.buf[:len(m.buf)+n]
		switch {
		case err == io.EOF:
			return m.buf, nil
		case err != nil:
			return nil, unreadable(name, err)
		}
	}
	return m.buf, nil
}

func unreadable(name string, err error) error {
	return &haechi.Error{Kind: haechi.Unavailable, Op: "read the kernel's counters", Msg: fmt.Sprintf("/proc/net/%s cannot be read", name), Err: err,
		Hint: "mount /proc for the gateway; without it floods are sensed on named interfaces only"}
}
