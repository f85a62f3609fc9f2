package scan_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/scan"
)

const (
	inside  = "10.1.0.7"
	outside = "203.0.113.9"
)

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

func rule() detect.Rule {
	return detect.Rule{ID: "network/port-scan", Version: 1, Detector: "port_scan", Severity: haechi.High}
}

func site() detect.Site {
	return detect.NewSite([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, map[detect.Role][]netip.Prefix{
		detect.Monitoring: {netip.MustParsePrefix("10.1.0.250/32")}, detect.Scanner: {netip.MustParsePrefix("10.1.0.251/32")}})
}

func host(i int) string  { return fmt.Sprintf("10.2.%d.%d", i/250, i%250+1) }
func world(i int) string { return fmt.Sprintf("20.9.%d.%d", i/250, i%250+1) }

// wire builds the events that a sensor gives for conversations.
type wire struct {
	events []haechi.Event
	now    time.Time
}

func newWire() *wire { return &wire{now: begin()} }

func (w *wire) wait(d time.Duration) *wire { w.now = w.now.Add(d); return w }

func flow(from, to string, port int, transport haechi.Transport) haechi.Event {
	a, b := netip.MustParseAddr(from), netip.MustParseAddr(to)
	e := haechi.Event{Kind: haechi.KindFlow, LocalPort: uint16(port), Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen()), Assurance: haechi.Seen},
		Flow: haechi.Flow{Sensor: "capture", Target: b, Transport: transport, State: haechi.FlowAttempt, PacketsIn: 1}}
	if transport == haechi.TCP {
		e.First, e.FlagsIn = 2, 2
	}
	return e
}

func (w *wire) add(e haechi.Event, phase haechi.FlowPhase, start time.Time) {
	e.Time, e.Start, e.Phase = w.now, start, phase
	w.events = append(w.events, e)
}

// tell adds the begin of a conversation, its change a millisecond later, and its end.
func (w *wire) tell(e haechi.Event, becomes haechi.FlowState, flagsIn, flagsOut uint8, after time.Duration) *wire {
	start := w.now
	w.add(e, haechi.FlowBegin, start)
	e.State, e.FlagsIn, e.FlagsOut = becomes, e.FlagsIn|flagsIn, flagsOut
	if becomes != haechi.FlowAttempt {
		w.add(e, haechi.FlowUpdate, start)
	}
	back := w.now
	w.now = start.Add(after)
	w.add(e, haechi.FlowEnd, start)
	w.now = back
	return w
}

func (w *wire) rejected(from, to string, port int) *wire {
	return w.tell(flow(from, to, port, haechi.TCP), haechi.FlowRejected, 0, 20, time.Second)
}

func (w *wire) silent(from, to string, port int) *wire {
	return w.tell(flow(from, to, port, haechi.TCP), haechi.FlowAttempt, 0, 0, 30*time.Second)
}

func (w *wire) served(from, to string, port int) *wire {
	e := flow(from, to, port, haechi.TCP)
	e.Assurance = haechi.Handshaken
	return w.tell(e, haechi.FlowEstablished, 24, 26, 2*time.Second)
}

func (w *wire) empty(from, to string, port int) *wire {
	e := flow(from, to, port, haechi.TCP)
	e.Assurance = haechi.Handshaken
	return w.tell(e, haechi.FlowEstablished, 17, 18, time.Second)
}

func (w *wire) datagram(from, to string, port int, becomes haechi.FlowState) *wire {
	return w.tell(flow(from, to, port, haechi.UDP), becomes, 0, 0, 20*time.Second)
}

// play runs the events in the order of their times, with a tick each second, and then
// the end of the recording.
func play(t *testing.T, w *wire) []haechi.Finding {
	t.Helper()
	return playOn(scan.New(rule(), site(), scan.Defaults()), w)
}

func playOn(d *scan.Detector, w *wire) (out []haechi.Finding) {
	sorted(w.events)
	tick := begin()
	for i := range w.events {
		e := &w.events[i]
		for e.Time.Sub(tick) >= time.Second {
			tick = tick.Add(max(time.Second, e.Time.Sub(tick).Truncate(time.Second)/8))
			out = d.Tick(tick, out)
		}
		out = d.Observe(e, out)
	}
	out = d.Tick(w.now.Add(time.Minute), out)
	return d.Tick(w.now.Add(48*time.Hour), out)
}

func sorted(events []haechi.Event) {
	slices.SortStableFunc(events, func(a, b haechi.Event) int { return a.Time.Compare(b.Time) })
}
