package flood_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/flood"
)

const (
	victim  = "10.1.0.80"
	outside = "203.0.113.9"
)

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

func rule(class string) detect.Rule {
	return detect.Rule{ID: "network/" + class, Version: 1, Detector: class, Severity: haechi.High, Want: haechi.Deny, For: time.Hour}
}

func site() detect.Site {
	return detect.NewSite(nil, map[detect.Role][]netip.Prefix{detect.Monitoring: {netip.MustParsePrefix("10.1.0.250/32")}})
}

// world is one of many addresses outside.
func world(i int) string { return fmt.Sprintf("20.%d.%d.%d", i>>16&255, i>>8&255, i&255) }

type detector interface {
	Observe(*haechi.Event, []haechi.Finding) []haechi.Finding
	Tick(time.Time, []haechi.Finding) []haechi.Finding
	Refused() uint64
}

// all are the seven detectors as shipped.
func all() []detector {
	return []detector{
		flood.NewSYN(rule("syn_flood"), site(), flood.SYNDefaults()),
		flood.NewUDP(rule("udp_flood"), site(), flood.UDPDefaults()),
		flood.NewICMP(rule("icmp_flood"), site(), flood.ICMPDefaults()),
		flood.NewFragments(rule("fragment_flood"), site(), flood.FragmentDefaults()),
		flood.NewAmplification(rule("amplification"), site(), flood.AmplificationDefaults()),
		flood.NewHTTP(rule("http_flood"), site(), flood.HTTPDefaults()),
		flood.NewSlow(rule("slow_http"), site(), flood.SlowDefaults()),
	}
}

// wire builds the events that a sensor gives for conversations.
type wire struct {
	events []haechi.Event
	now    time.Time
	port   uint16
}

func newWire() *wire { return &wire{now: begin(), port: 1024} }

func (w *wire) wait(d time.Duration) *wire { w.now = w.now.Add(d); return w }

// talk is a conversation in the making.
type talk struct {
	w     *wire
	start time.Time
	e     haechi.Event
}

func (w *wire) flow(from, to string, port int, transport haechi.Transport, bytes int) *talk {
	a, b := netip.MustParseAddr(from), netip.MustParseAddr(to)
	w.port = max(1024, w.port+1)
	e := haechi.Event{Kind: haechi.KindFlow, Port: w.port, LocalPort: uint16(port), BytesIn: int64(bytes),
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen()), Assurance: haechi.Seen},
		Flow:  haechi.Flow{Sensor: "capture", Target: b, Transport: transport, State: haechi.FlowAttempt, PacketsIn: 1}}
	if transport == haechi.TCP {
		e.First, e.FlagsIn = 2, 2
	}
	return &talk{w, w.now, e}
}

func (t *talk) at(after time.Duration, phase haechi.FlowPhase, change func(*haechi.Event)) *talk {
	if change != nil {
		change(&t.e)
	}
	t.e.Time, t.e.Start, t.e.Phase = t.start.Add(after), t.start, phase
	t.w.events = append(t.w.events, t.e)
	return t
}

func (t *talk) begin(change func(*haechi.Event)) *talk { return t.at(0, haechi.FlowBegin, change) }

// syn is a SYN that nobody answers.
func (w *wire) syn(from, to string, port int) {
	w.flow(from, to, port, haechi.TCP, 60).begin(nil).at(30*time.Second, haechi.FlowEnd, nil)
}

// served is a connection with an answer.
func (w *wire) served(from, to string, port int) {
	w.flow(from, to, port, haechi.TCP, 60).begin(nil).
		at(20*time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) {
			e.State, e.Assurance, e.PacketsIn, e.PacketsOut, e.BytesIn, e.BytesOut, e.FlagsIn, e.FlagsOut = haechi.FlowEstablished, haechi.Handshaken, 2, 1, 112, 60, 18, 18
		}).
		at(time.Second, haechi.FlowEnd, func(e *haechi.Event) {
			e.State, e.PacketsIn, e.PacketsOut, e.BytesIn, e.BytesOut, e.FlagsIn, e.FlagsOut = haechi.FlowClosed, 8, 9, 900, 9000, 27, 27
		})
}

// datagram is one that nobody answers.
func (w *wire) datagram(from, to string, port, bytes int) {
	w.flow(from, to, port, haechi.UDP, bytes).begin(nil).at(30*time.Second, haechi.FlowEnd, nil)
}

// stream is a conversation at a rate for some time; out is what comes back.
func (w *wire) stream(from, to string, port int, transport haechi.Transport, packets, bytes, out int, length time.Duration) {
	t := w.flow(from, to, port, transport, bytes/packets).begin(nil)
	for at := 10 * time.Second; ; at += 10 * time.Second {
		at = min(at, length)
		phase := haechi.FlowUpdate
		if at == length {
			phase = haechi.FlowEnd
		}
		t.at(at, phase, func(e *haechi.Event) {
			e.PacketsIn, e.BytesIn = uint64(packets)*uint64(at/time.Second), int64(bytes)*int64(at/time.Second)
			if out > 0 {
				e.State, e.PacketsOut, e.BytesOut = haechi.FlowEstablished, uint64(max(out/1000, 1))*uint64(at/time.Second), int64(out)*int64(at/time.Second)
			}
		})
		if at == length {
			return
		}
	}
}

// answer is what nobody asked for.
func (w *wire) answer(from, to string, port int, transport haechi.Transport, bytes int) *talk {
	return w.flow(from, to, 1024+len(w.events)%60000, transport, bytes).begin(func(e *haechi.Event) {
		e.Port, e.State = uint16(port), haechi.FlowAnswerOnly
		if transport == haechi.TCP {
			e.First, e.FlagsIn = 18, 18
		}
	})
}

// unasked is one that answers again and again, ten times a second, though nobody asked.
func (w *wire) unasked(from, to string, port, bytes int, length time.Duration) {
	t := w.answer(from, to, port, haechi.UDP, bytes)
	t.e.LocalPort = 47813
	for at := 10 * time.Second; at <= length; at += 10 * time.Second {
		t.at(at, haechi.FlowUpdate, func(e *haechi.Event) {
			e.PacketsIn = uint64(10 * at / time.Second)
			e.BytesIn = int64(e.PacketsIn) * int64(bytes)
		})
	}
}

func (w *wire) request(from, path string, status int) {
	a := netip.MustParseAddr(from)
	w.events = append(w.events, haechi.Event{Time: w.now, Kind: haechi.KindRequest, Method: "GET", Path: path, Status: status, LocalPort: 80,
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}, Flow: haechi.Flow{Target: netip.MustParseAddr(victim), Protocol: "http"}})
}

// drip is a connection that is held open: each 10 s some bytes of each side.
func (w *wire) drip(from string, in, out int, length time.Duration) {
	t := w.flow(from, victim, 80, haechi.TCP, 60).begin(nil)
	t.at(time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) {
		e.State, e.Assurance, e.PacketsIn, e.PacketsOut, e.BytesIn, e.BytesOut, e.FlagsIn, e.FlagsOut = haechi.FlowEstablished, haechi.Handshaken, 2, 1, 112, 60, 18, 18
	})
	for at := 10 * time.Second; at < length; at += 10 * time.Second {
		t.at(at, haechi.FlowUpdate, func(e *haechi.Event) {
			e.FlagsIn |= 8
			e.PacketsIn, e.PacketsOut = e.PacketsIn+1, e.PacketsOut+1
			e.BytesIn, e.BytesOut = e.BytesIn+52+int64(in), e.BytesOut+52+int64(out)
		})
	}
	t.at(length, haechi.FlowEnd, func(e *haechi.Event) { e.State = haechi.FlowReset })
}

// tellBefore adds to each event of a flow which state was told before, as the flow table does.
func (w *wire) tellBefore() {
	type flow struct {
		from, to         netip.Addr
		fromPort, toPort uint16
		start            time.Time
	}
	slices.SortStableFunc(w.events, func(a, b haechi.Event) int { return a.Time.Compare(b.Time) })
	told := map[flow]haechi.FlowState{}
	for i := range w.events {
		if e := &w.events[i]; e.Kind == haechi.KindFlow {
			f := flow{e.Addr, e.Target, e.Port, e.LocalPort, e.Start}
			if e.Phase != haechi.FlowBegin {
				e.Before = told[f]
			}
			told[f] = e.State
		}
	}
}

// play runs the events in the order of their times, with a tick each second, and then
// the end of the recording; it returns the findings by detector.
func (w *wire) play(ds []detector) map[string][]haechi.Finding {
	slices.SortStableFunc(w.events, func(a, b haechi.Event) int { return a.Time.Compare(b.Time) })
	out := map[string][]haechi.Finding{}
	for _, d := range ds {
		var fs []haechi.Finding
		tick := begin()
		for i := range w.events {
			e := &w.events[i]
			for e.Time.Sub(tick) >= time.Second {
				tick = tick.Add(max(time.Second, e.Time.Sub(tick).Truncate(time.Second)/8))
				fs = d.Tick(tick, fs)
			}
			fs = d.Observe(e, fs)
		}
		last := w.events[len(w.events)-1].Time
		fs = d.Tick(last.Add(5*time.Second), fs)
		fs = d.Tick(last.Add(48*time.Hour), fs)
		for _, f := range fs {
			out[f.Detector] = append(out[f.Detector], f)
		}
	}
	return out
}

func addr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
}
func client(i int) netip.Prefix { return netip.PrefixFrom(addr(i), 32) }
