package flow_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/flow"
)

const second = int64(time.Second)

var began = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// rig is a table with what it told.
type rig struct {
	*flow.Table
	events []haechi.Event
	at     int64
}

func newRig(cfg flow.Config) *rig {
	r := &rig{at: began}
	r.Table = flow.New(cfg, nil, func(e *haechi.Event) { r.events = append(r.events, *e) })
	return r
}

func packet(src, dst uint32, from, to uint16, proto, flags uint8) sensor.Packet {
	p := sensor.Packet{Flags: flags, Length: 40}
	binary.BigEndian.PutUint32(p.Src[:], src)
	binary.BigEndian.PutUint32(p.Dst[:], dst)
	p.SrcPort, p.DstPort, p.Proto = from, to, proto
	return p
}

func (r *rig) send(after time.Duration, p sensor.Packet) {
	r.at += int64(after)
	p.Time = r.at
	r.Packet(&p)
}

const client, server = 0xc0000201, 0xc6336402

// tcp sends a packet of one connection, by the client unless back.
func (r *rig) tcp(back bool, flags uint8, payload int) {
	p := packet(client, server, 40000, 22, sensor.ProtoTCP, flags)
	if back {
		p = packet(server, client, 22, 40000, sensor.ProtoTCP, flags)
	}
	p.PayloadLength = payload
	p.Seq, p.Ack = 1000, 5001
	if back {
		p.Seq, p.Ack = 5000, 1001
	}
	r.send(time.Millisecond, p)
}

func (r *rig) last() haechi.Event { return r.events[len(r.events)-1] }

func (r *rig) states() (out []haechi.FlowState) {
	for _, e := range r.events {
		if len(out) == 0 || out[len(out)-1] != e.State {
			out = append(out, e.State)
		}
	}
	return out
}

const (
	syn = sensor.SYN
	ack = sensor.ACK
	fin = sensor.FIN
	rst = sensor.RST
)

func TestWhatBecomesOfAConnection(t *testing.T) {
	type step struct {
		back    bool
		flags   uint8
		payload int
	}
	whole := []step{{false, syn, 0}, {true, syn | ack, 0}, {false, ack, 0}, {false, ack, 10}, {true, ack, 20}}
	for name, c := range map[string]struct {
		steps []step
		want  []haechi.FlowState
		sure  bool
	}{
		"closed":      {append(whole[:5:5], step{false, fin | ack, 0}, step{true, fin | ack, 0}), []haechi.FlowState{haechi.FlowAttempt, haechi.FlowHalfOpen, haechi.FlowEstablished, haechi.FlowClosed}, true},
		"reset":       {append(whole[:5:5], step{true, rst, 0}), []haechi.FlowState{haechi.FlowAttempt, haechi.FlowHalfOpen, haechi.FlowEstablished, haechi.FlowReset}, true},
		"refused":     {[]step{{false, syn, 0}, {true, rst | ack, 0}}, []haechi.FlowState{haechi.FlowAttempt, haechi.FlowRejected}, false},
		"half open":   {[]step{{false, syn, 0}, {true, syn | ack, 0}, {false, rst, 0}}, []haechi.FlowState{haechi.FlowAttempt, haechi.FlowHalfOpen}, false},
		"silent":      {[]step{{false, syn, 0}, {false, syn, 0}}, []haechi.FlowState{haechi.FlowAttempt}, false},
		"midstream":   {[]step{{true, ack, 10}, {false, ack, 10}}, []haechi.FlowState{haechi.FlowMidstream}, true},
		"answer only": {[]step{{true, syn | ack, 0}}, []haechi.FlowState{haechi.FlowAnswerOnly}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(flow.Config{})
			for _, s := range c.steps {
				r.tcp(s.back, s.flags, s.payload)
			}
			r.Flush()
			if fmt.Sprint(r.states()) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", r.states(), c.want)
			}
			e := r.last()
			if e.Phase != haechi.FlowEnd || (e.Assurance == haechi.Handshaken) != c.sure {
				t.Errorf("end %+v", e)
			}
			if from := e.Addr.String(); name != "answer only" && (from != "192.0.2.1" || e.LocalPort != 22) {
				t.Errorf("begun by %s to port %d", from, e.LocalPort)
			}
		})
	}
}

// A handshake is believed only if the client has heard the server.
func TestForgedHandshakesAreNotBelieved(t *testing.T) {
	r := newRig(flow.Config{})
	forged := func(flags uint8, number uint32, payload int) {
		p := packet(client, server, 40000, 22, sensor.ProtoTCP, flags)
		p.Ack, p.PayloadLength = number, payload
		r.send(time.Millisecond, p)
	}
	r.tcp(false, syn, 0)
	r.tcp(true, syn|ack, 0)
	for _, number := range []uint32{0, 1, 5000, 5001 + 4096, 1 << 31} {
		forged(ack, number, 0)
		forged(ack, number, 10)
		r.tcp(true, rst, 0)
	}
	for _, e := range r.events {
		if e.Assurance >= haechi.Handshaken || e.State == haechi.FlowEstablished {
			t.Fatalf("%+v", e)
		}
	}
	r.tcp(true, syn|ack, 0)
	r.tcp(false, ack, 0)
	if e := r.last(); e.State != haechi.FlowEstablished || e.Assurance != haechi.Handshaken || e.BytesOut != 7*40 {
		t.Errorf("%+v", e)
	}
	r = newRig(flow.Config{}) // data to a server that refuses it
	for range 3 {
		forged(ack, 1, 10)
		r.tcp(true, rst, 0)
	}
	r.Flush()
	if e := r.last(); e.Assurance >= haechi.Handshaken {
		t.Errorf("%+v", e)
	}
}

// Where the capture lacks the handshake's last packet, data both ways shows as much.
func TestLostPacketsOfAHandshake(t *testing.T) {
	for name, back := range map[string][]uint8{"the last": {syn | ack}, "all but the first": nil} {
		r := newRig(flow.Config{})
		r.tcp(false, syn, 0)
		for _, f := range back {
			r.tcp(true, f, 0)
		}
		r.tcp(true, ack, 10)
		r.tcp(true, ack, 10)
		r.tcp(false, ack, 10)
		if r.Flush(); r.last().Assurance != haechi.Handshaken {
			t.Errorf("%s: %+v", name, r.last())
		}
	}
}

func TestUnreachableRefuses(t *testing.T) {
	r := newRig(flow.Config{})
	asked := packet(client, server, 40000, 33434, sensor.ProtoUDP, 0)
	r.send(0, asked)
	p := packet(server, client, 0, 0, sensor.ProtoICMP, 3)
	p.Refused, p.Embedded = true, asked.Path
	r.send(time.Millisecond, p)
	if e := r.events[1]; e.State != haechi.FlowRejected || e.LocalPort != 33434 || e.Transport != haechi.UDP {
		t.Errorf("%+v", e)
	}
	// A forged error about something that works changes nothing.
	r = newRig(flow.Config{})
	r.send(0, asked)
	r.send(time.Millisecond, packet(server, client, 33434, 40000, sensor.ProtoUDP, 0))
	r.send(time.Millisecond, p)
	for _, e := range r.events {
		if e.State == haechi.FlowRejected || e.Assurance >= haechi.Handshaken {
			t.Errorf("%+v", e)
		}
	}
	if e := r.events[1]; e.State != haechi.FlowEstablished {
		t.Errorf("%+v", e)
	}
}

func TestSilentFlowsEnd(t *testing.T) {
	r := newRig(flow.Config{})
	r.tcp(false, syn, 0)
	other := packet(client+1, server, 1, 2, sensor.ProtoUDP, 0)
	for range 60 {
		r.send(time.Second, other)
	}
	var ended int
	for _, e := range r.events {
		if e.Phase == haechi.FlowEnd && e.LocalPort == 22 {
			ended++
		}
	}
	if ended != 1 || r.Stats().Live != 1 {
		t.Errorf("%d ends, %+v", ended, r.Stats())
	}
	if n := len(r.events); n < 8 || n > 11 { // two begins, an end, an update each 10 s
		t.Errorf("%d events", n)
	}
}

// A new connection on the ports of a closed one is another flow; a late SYN of one that
// was refused is not.
func TestPortsAreUsedAgain(t *testing.T) {
	r := newRig(flow.Config{})
	for range 2 {
		r.tcp(false, syn, 0)
		r.tcp(true, syn|ack, 0)
		r.tcp(false, ack, 0)
		r.tcp(false, rst, 0)
	}
	if n := r.Stats().Flows; n != 2 {
		t.Errorf("%d flows", n)
	}
	r = newRig(flow.Config{})
	for range 3 {
		r.tcp(false, syn, 0)
		r.tcp(true, rst|ack, 0)
	}
	if n := r.Stats().Flows; n != 1 {
		t.Errorf("%d flows", n)
	}
}

// Under a flood of attempts the table stays within its bound, and no flow that was
// established goes.
func TestFloodDoesNotPushOutHonestFlows(t *testing.T) {
	const flows = 1 << 14
	r := &rig{at: began}
	lost := 0
	r.Table = flow.New(flow.Config{Flows: flows}, nil, func(e *haechi.Event) {
		if e.Phase == haechi.FlowEnd && e.Assurance == haechi.Handshaken {
			lost++
		}
	})
	honest := func(i uint32, flags uint8, back bool) {
		p := packet(0x0a000000+i, server, 5000, 443, sensor.ProtoTCP, flags)
		if back {
			p = packet(server, 0x0a000000+i, 443, 5000, sensor.ProtoTCP, flags)
		}
		r.send(0, p)
	}
	for i := range uint32(1000) {
		honest(i, syn, false)
		honest(i, syn|ack, true)
		honest(i, ack, false)
	}
	for i := range uint32(1_000_000) {
		r.send(time.Microsecond, packet(0x0b000000+i, server, 1234, 443, sensor.ProtoTCP, syn))
	}
	s := r.Stats()
	if lost > 0 || s.Live > flows || s.Evicted == 0 {
		t.Errorf("%d honest flows lost, %+v", lost, s)
	}
}

// TestNothingIsAllocatedForAPacket, of a new flow or of one that is there, told of and
// pushed out, of either version.
func TestNothingIsAllocatedForAPacket(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		tab := flow.New(flow.Config{Flows: 1 << 12}, nil, func(*haechi.Event) {})
		p := packet(client, server, 1, 2, sensor.ProtoTCP, syn)
		p.Time, p.V6 = began, v6
		i := uint32(0)
		next := func() {
			i++
			p.Time += second / 1000
			binary.BigEndian.PutUint32(p.Src[:], i)
			tab.Packet(&p)
			tab.Packet(&p)
		}
		for range 1 << 14 { // the table has grown
			next()
		}
		if n := testing.AllocsPerRun(1000, next); n > 0 {
			t.Errorf("version 6 %v: %v allocations", v6, n)
		}
	}
}

// FuzzTable: whatever packets come, counts add up and every flow that begins ends.
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		open, bytes := 0, int64(0)
		type ends struct {
			from, to        netip.Addr
			port, localPort uint16
			transport       haechi.Transport
			first           uint8
		}
		told := map[ends]haechi.FlowState{}
		tab := flow.New(flow.Config{Flows: 64}, nil, func(e *haechi.Event) {
			id := ends{e.Addr, e.Target, e.Port, e.LocalPort, e.Transport, e.First}
			if e.Transport != haechi.OtherTransport && e.Before != told[id] {
				t.Fatalf("%s before, told as %s: %+v", told[id], e.Before, e)
			}
			if told[id] = e.State; e.Phase == haechi.FlowEnd {
				delete(told, id)
			}
			switch e.Phase {
			case haechi.FlowBegin:
				open++
			case haechi.FlowEnd:
				open--
				bytes += e.BytesIn + e.BytesOut
			}
		})
		at, sent := began, int64(0)
		for ; len(b) >= 4; b = b[4:] {
			p := packet(uint32(b[0]%16), uint32(b[1]%16), uint16(b[2]%4), uint16(b[2]>>4), []uint8{6, 17, 1, 47}[b[3]&3], b[3]>>2)
			p.V6 = b[2]&8 != 0
			at += int64(b[1]) * second / 8
			p.Time = at
			tab.Packet(&p)
			sent += 40
		}
		refused := int64(tab.Stats().Refused) * 40
		tab.Flush()
		if open != 0 || bytes != sent-refused || tab.Stats().Live != 0 {
			t.Fatalf("%d open, %d bytes told of %d sent and %d refused, %+v", open, bytes, sent, refused, tab.Stats())
		}
	})
}

func BenchmarkTable(b *testing.B) {
	tab := flow.New(flow.Config{}, nil, func(*haechi.Event) {})
	p := packet(client, server, 1, 2, sensor.ProtoUDP, 0)
	p.Time = began
	n, x := 0, uint32(1)
	b.ReportAllocs()
	for b.Loop() {
		x = x*1664525 + 1013904223
		binary.BigEndian.PutUint32(p.Src[:], x>>12)
		p.Time += 500
		tab.Packet(&p)
		n++
	}
}

// TestAnInitiatorThatTakesNoMore is told so as long as its window is closed.
func TestAnInitiatorThatTakesNoMore(t *testing.T) {
	r := newRig(flow.Config{})
	r.tcp(false, syn, 0)
	r.tcp(true, syn|ack, 0)
	r.tcp(false, ack, 0)
	for _, closed := range []bool{true, false} {
		flags := uint8(ack)
		if closed {
			flags |= sensor.Stalled
		}
		r.tcp(false, flags, 0)
		r.at += int64(20 * time.Second)
		r.tcp(true, ack|sensor.Stalled, 10)
		if e := r.last(); (e.FlagsIn&sensor.Stalled != 0) != closed || e.FlagsOut&sensor.Stalled != 0 {
			t.Errorf("closed %v: flags %b and %b", closed, e.FlagsIn, e.FlagsOut)
		}
	}
}

// A hint changes nothing but the time that it takes.
func TestAheadChangesNothing(t *testing.T) {
	var ps []sensor.Packet
	for i := range 20000 {
		p := packet(client+uint32(i*7919%5000), server, uint16(1024+i%3000), 80, sensor.ProtoTCP, []uint8{syn, ack, fin | ack}[i%3])
		if i%4 == 0 {
			p.V6, p.Src[15], p.Dst[15] = true, byte(i), byte(i>>8)
		}
		p.Time, p.PayloadLength = began+int64(i)*second/500, i%3
		ps = append(ps, p)
	}
	run := func(ahead bool) *rig {
		r := newRig(flow.Config{Flows: 4096, Seed: 7})
		for at := 0; at < len(ps); at += 32 {
			next := append([]sensor.Packet(nil), ps[at:min(at+32, len(ps))]...)
			if ahead {
				r.Ahead(next)
			}
			for i := range next {
				r.Packet(&next[i])
			}
		}
		r.Flush()
		return r
	}
	with, without := run(true), run(false)
	if !slices.Equal(with.events, without.events) || with.Stats() != without.Stats() {
		t.Errorf("%d events and %+v, without %d and %+v", len(with.events), with.Stats(), len(without.events), without.Stats())
	}
}
