package baseline

import (
	"math"

	"haechi"
	"haechi/internal/brick/tally"
)

// The four of a habit.
const (
	rate = iota
	bytes
	peers
	failed
	four
)

// values are the four of one hour: logarithms of amounts, and a share.
type values [four]float32

// hour is what somebody did in the present hour.
type hour struct {
	n, in, out uint64
	done       *deeds // nil: nothing
}

// deeds are what somebody failed in and had to do with. Most have never anything to do with
// anything: they are devices that are connected.
type deeds struct {
	failed       uint64
	peers, ports tally.Set
}

func (h *hour) do() *deeds {
	if h.done == nil {
		h.done = new(deeds)
	}
	return h.done
}

// begin makes it the next hour, which is as the one before as a rule: its memory is kept.
func (h *hour) begin() {
	kept := h.done
	if h.n == 0 {
		kept = nil
	}
	if kept != nil {
		*kept = deeds{}
	}
	*h = hour{done: kept}
}

func (h *hour) failed() uint64 {
	if h.done == nil {
		return 0
	}
	return h.done.failed
}

// different is how many peers and ports were met.
func (h *hour) different() (peers, ports int) {
	if h.done == nil {
		return 0, 0
	}
	return h.done.peers.Count(), h.done.ports.Count()
}

// add takes an event in.
func (h *hour) add(e *haechi.Event) {
	n := e.N()
	h.n += n
	h.in += uint64(max(e.BytesIn, 0))
	h.out += uint64(max(e.BytesOut, 0))
	if e.Outcome == haechi.Failure || e.Kind == haechi.KindFlow && unanswered(e.State) {
		h.do().failed += n
	}
	switch e.Kind {
	case haechi.KindFlow:
		a := e.Target.As16()
		h.do().peers.Add(tally.Hash(uint64(e.LocalPort), string(a[:]), false))
		h.do().ports.Add(tally.Mix(1, uint64(e.LocalPort)))
	case haechi.KindMessage:
		h.do().peers.Add(tally.Hash(1, e.Room, false))
	case haechi.KindRequest:
		h.do().peers.Add(tally.Hash(tally.Hash(2, e.Host, true), e.Path, false))
	}
}

func unanswered(s haechi.FlowState) bool {
	return s == haechi.FlowAttempt || s == haechi.FlowHalfOpen || s == haechi.FlowRejected
}

// amounts are the four as they are told.
func (h *hour) amounts() [four]float64 {
	peers, _ := h.different()
	return [four]float64{float64(h.n), float64(h.in + h.out), float64(peers), float64(h.failed())}
}

func log1(v float64) float32 { return float32(math.Log1p(v)) }

func (h *hour) share() float32 { return float32(float64(h.failed()) / float64(max(h.n, 1))) }

func (h *hour) values() values {
	a := h.amounts()
	return values{log1(a[rate]), log1(a[bytes]), log1(a[peers]), h.share()}
}

const features = 10

// row is the hour for the forest: the four, bytes in and out apart, different ports,
// bytes for each event, events for each peer, and the hour of the day as an angle.
func (h *hour) row(at int64) [features]float32 {
	v := h.values()
	_, ports := h.different()
	sin, cos := math.Sincos(2 * math.Pi * float64(at%24) / 24)
	return [features]float32{v[rate], v[peers], v[failed], log1(float64(h.in)), log1(float64(h.out)), log1(float64(ports)),
		v[bytes] - v[rate], v[rate] - v[peers], float32(sin), float32(cos)}
}

// ofFour says to which of the four a feature of the row belongs, -1 for the time of day.
func ofFour(feature int) int {
	return [features]int{rate, peers, failed, bytes, bytes, peers, bytes, rate, -1, -1}[feature]
}
