package app

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/defaultpair"
	"haechi/internal/pipeline"
	"haechi/internal/sensor"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/decode"
	"haechi/internal/sensor/flow"
	"haechi/internal/sensor/rhythm"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/login"
	"haechi/internal/sensor/talk/naming"
	"haechi/internal/sensor/talk/web"
	"haechi/internal/sensor/talk/windows"
)

// sensing is the way of a frame, of a file or of the wire: decoded, put to its flow,
// understood. It is used by one goroutine.
type sensing struct {
	table    *flow.Table
	decoders map[uint32]*decode.Decoder
	decoder  *decode.Decoder // of the link type below
	link     uint32
	packet   sensor.Packet
	frames   uint64
	unread   uint64 // of a link type that nobody reads, or cut or broken
	second   int64  // of event time
	ends     int64  // when that second is over, Unix nanoseconds
	passed   func(time.Time)
}

// newSensing tells emit what happens, and passed when a second is over; it may be nil.
func newSensing(cfg flow.Config, emit func(*haechi.Event), passed func(time.Time)) *sensing {
	if passed == nil {
		passed = func(time.Time) {}
	}
	speak := talk.New(talk.Config{V6Bits: cfg.V6Bits, Default: defaultpair.Of}, emit, naming.Accents(), web.Accents(), login.Accents(), windows.Accents())
	hear := rhythm.New(rhythm.Defaults(), speak, emit)
	return &sensing{table: flow.New(cfg, hear, emit), decoders: map[uint32]*decode.Decoder{}, passed: passed}
}

// batchFrames is how many frames of a file wait for memory together.
const batchFrames = 32

// batch are frames of a file that come next, read as one.
type batch struct {
	frames  [batchFrames]capture.Frame
	packets [batchFrames]sensor.Packet
	decoded [batchFrames]bool
}

// batch takes the first n frames.
func (s *sensing) batch(b *batch, n int) {
	for i := range b.frames[:n] {
		b.decoded[i] = s.decode(&b.frames[i], &b.packets[i])
	}
	s.table.Ahead(b.packets[:n])
	for i := range b.frames[:n] {
		s.frames++
		s.until(b.frames[i].Time)
		if b.decoded[i] {
			s.table.Packet(&b.packets[i])
		}
	}
}

func (s *sensing) frame(f *capture.Frame) {
	s.frames++
	s.until(f.Time)
	if s.decode(f, &s.packet) {
		s.table.Packet(&s.packet)
	}
}

// decode reads a frame, and reports whether it is a packet of IP.
func (s *sensing) decode(f *capture.Frame, p *sensor.Packet) bool {
	d := s.decoder
	if d == nil || f.Link != s.link { // nearly always it is that of the frame before
		if d = s.decoders[f.Link]; d == nil {
			if !decode.Supports(f.Link) {
				s.unread++
				return false
			}
			d = decode.New(f.Link)
			s.decoders[f.Link] = d
		}
		s.decoder, s.link = d, f.Link
	}
	p.Time = f.Time
	switch d.Frame(f.Bytes, p) {
	case decode.Decoded:
		return true
	case decode.NoIP:
	default:
		s.unread++
	}
	return false
}

// mostIdle bounds the seconds that are told of one by one where nothing comes.
const mostIdle = 3600

// until lets event time pass, second by second, so that a file says when something was
// over as the wire does.
func (s *sensing) until(at int64) {
	if at < s.ends {
		return
	}
	second := at / int64(time.Second)
	if s.second == 0 {
		s.second = second
	}
	if second-s.second > mostIdle {
		s.second = second - 1
	}
	for s.second < second {
		s.second++
		now := time.Unix(s.second, 0).UTC()
		s.table.Tick(now)
		s.passed(now)
	}
	s.ends = (s.second + 1) * int64(time.Second)
}

// screened are detectors that do not see the events of allowed clients.
type screened struct {
	allowed func(netip.Addr) bool
	list    []pipeline.Detector
	// by are those of them that look at a kind of event: most look at one in five, and are
	// not asked about the others.
	by       *[sortsHeard][]pipeline.Detector
	together *together
}

func newScreened(allowed func(netip.Addr) bool, list []pipeline.Detector) screened {
	by := new([sortsHeard][]pipeline.Detector)
	for k := range by {
		for _, d := range list {
			if c, ok := d.(*counted); !ok || c.hears>>k&1 != 0 {
				by[k] = append(by[k], d)
			}
		}
	}
	return screened{allowed, list, by, &together{}}
}

// Observe implements replay.Detector.
func (s screened) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if s.allowed(e.Addr) {
		return out
	}
	for _, d := range s.by[sortOf(e)] {
		out = d.Observe(e, out)
	}
	return out
}

// Tick implements replay.Detector.
func (s screened) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, d := range s.list {
		out = d.Tick(now, out)
	}
	return out
}
