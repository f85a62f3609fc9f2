package netflow

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// sample is a packet of IPv4 or IPv6 as a switch read it, sampled at a rate, in the form
// of RFC 4506.
func sample(wide bool, rate uint32, r one, length uint32) []byte {
	var fields, body, out writer
	fields.u32(length, uint32(r.proto)).ip(r.src).ip(r.dst).u32(uint32(r.sport), uint32(r.dport), uint32(r.flags), 0)
	kind := uint32(sflowIPv4)
	if netip.MustParseAddr(r.src).Is6() {
		kind = sflowIPv6
	}
	form := uint32(sflowFlow)
	if body.u32(1, 7); wide {
		form = sflowWide
		body.u32(7)
	}
	body.u32(rate, rate*100, 0, 1, 2)
	if wide {
		body.u32(1, 2)
	}
	body.u32(2, 1001, 16).u32(0, 0, 0, 0).u32(kind, uint32(len(fields))) // first what nobody reads
	body = append(body, fields...)
	out.u32(form, uint32(len(body)))
	return append(out, body...)
}

// sflow is a datagram of an agent.
func sflow(seq uint32, samples ...[]byte) []byte {
	var w writer
	w.u32(sflowVersion, 1).ip("192.0.2.7").u32(0, seq, 100_000, uint32(len(samples)))
	return append(w, slices.Concat(samples...)...)
}

// Samples of both directions are one flow with scaled amounts, and nothing is claimed of
// what a sample cannot show; every packet (a rate of 1) shows all.
func TestSamplesAreOneFlow(t *testing.T) {
	const a, b = "198.51.100.9", "10.0.0.80"
	to := func(flags uint8) one { return one{a, b, 50000, 443, protoTCP, flags, 1} }
	from := func(flags uint8) one { return one{b, a, 443, 50000, protoTCP, flags, 1} }
	for name, c := range map[string]struct {
		rate    uint32
		packets []one
		state   haechi.FlowState
		in, out uint64
	}{
		"all":               {1, []one{to(syn), from(syn | ack), to(ack), to(ack | psh), from(ack | psh)}, haechi.FlowEstablished, 3, 2},
		"refused":           {1, []one{to(syn), from(rst | ack)}, haechi.FlowRejected, 1, 1},
		"not answered":      {1, []one{to(syn), to(syn)}, haechi.FlowAttempt, 2, 0},
		"FIN":               {1, []one{to(fin), from(rst | ack)}, haechi.FlowRejected, 1, 1},
		"sampled":           {400, []one{from(ack), to(ack | psh), from(ack | psh)}, haechi.FlowMidstream, 400, 800},
		"a sampled SYN":     {400, []one{to(syn)}, haechi.FlowMidstream, 400, 0},
		"an answer":         {400, []one{from(ack | psh)}, haechi.FlowMidstream, 0, 400},
		"a rate of nothing": {0, []one{to(syn)}, haechi.FlowMidstream, 1, 0},
	} {
		for _, wide := range []bool{false, true} {
			var samples [][]byte
			for _, p := range c.packets {
				samples = append(samples, sample(wide, c.rate, p, 100))
			}
			got, s := read(t, sflow(1, samples...))
			if len(got) != 1 || s.Broken != 0 || s.Samples != uint64(len(samples)) {
				t.Errorf("%s: %+v %+v", name, got, s)
				continue
			}
			e := got[0]
			if e.State != c.state || e.PacketsIn != c.in || e.PacketsOut != c.out || e.BytesIn != int64(100*c.in) || e.Addr.String() != a || e.LocalPort != 443 || e.Assurance != 0 {
				t.Errorf("%s: %+v", name, e)
			}
			if c.rate != 1 && e.First != 0 {
				t.Errorf("%s: the first packet of a sample is told: %+v", name, e)
			}
		}
	}
}

// A host of whose traffic so much was sampled that answers would be among it is flooded;
// one that answers is not, and a few pings at a great rate are not many.
func TestSilenceInSamples(t *testing.T) {
	many := func(answers int, r one) (out []haechi.Event) {
		var all [][]byte
		for i := range 100 {
			r.sport = uint16(40000 + i)
			all = append(all, sflow(uint32(len(all)), sample(false, 1000, r, 100)))
			if i < answers {
				all = append(all, sflow(uint32(len(all)), sample(false, 1000, one{r.dst, "203.0.113.9", r.dport, 5000, r.proto, ack, 1}, 100)))
			}
		}
		out, _ = read(t, all...)
		return out
	}
	count := func(all []haechi.Event, s haechi.FlowState) (n int) {
		for i := range all {
			if all[i].State == s && all[i].Target.String() == "10.0.0.80" {
				n++
			}
		}
		return n
	}
	udp, open := one{"198.51.100.9", "10.0.0.80", 0, 9000, protoUDP, 0, 1}, one{"198.51.100.9", "10.0.0.80", 0, 443, protoTCP, syn, 1}
	if n := count(many(0, udp), haechi.FlowAttempt); n != 100 {
		t.Errorf("%d of 100 datagrams of a flood are known as not answered", n)
	}
	if n := count(many(20, udp), haechi.FlowAttempt); n != 0 {
		t.Errorf("%d datagrams to a host that answers are told as not answered", n)
	}
	if n := count(many(0, open), haechi.FlowAttempt); n != 100 {
		t.Errorf("%d of 100 SYNs of a flood are known as not answered", n)
	}
	var acks [][]byte
	for i := range 300 {
		acks = append(acks, sample(false, 1000, one{"198.51.100.9", "10.0.0.80", uint16(1000 + i/3), 443, protoTCP, [3]uint8{syn, ack, ack | psh}[i%3], 1}, 100))
	}
	if got, _ := read(t, sflow(1, acks...)); count(got, haechi.FlowAttempt) != 0 {
		t.Error("SYNs of an honest server are told as not answered")
	}
	ping := sample(false, 1000, one{"198.51.100.9", "10.0.0.80", 0, 0, protoICMP, 0, 1}, 84)
	if got, _ := read(t, sflow(1, ping, ping)); len(got) != 1 || got[0].PacketsIn != 2 || got[0].BytesIn != 168 {
		t.Errorf("two pings that were sampled: %+v", got)
	}
}

// The frame in a datagram that pmacctd (its sfprobe) made of a SYN is handed to the
// decoder, whose word counts.
func TestFramesOfARealExporter(t *testing.T) {
	b, err := hex.DecodeString("00000005000000017f00000100000000000000010000000000000001000000010000008c00000001000000010000000100000001000000003fffffff3fffffff00000002000003e90000001000000000000000000000000000000000000000010000004c000000010000003e000000040000003a02ffc0a801c802ffc633641708004500002c0001400040064e10c6336417c0a801c8c0010001031b33a5000000006002faf0b9b70000020405b40001")
	if err != nil {
		t.Fatal(err)
	}
	var links []uint32
	var sizes []int
	var out []haechi.Event
	r := New(Config{Sensor: "sflow", Exporters: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Decode: func(link uint32, frame []byte, p *sensor.Packet) bool {
		links, sizes = append(links, link), append(sizes, len(frame))
		p.Path = sensor.Path{Src: [16]byte{198, 51, 100, 23}, Dst: [16]byte{192, 168, 1, 200}, SrcPort: 49153, DstPort: 1, Proto: protoTCP}
		p.Flags, p.Length = syn, 44
		return true
	}}, func(e *haechi.Event) { out = append(out, *e) })
	r.Datagram(netip.MustParseAddr("127.0.0.1"), b, came())
	r.End(came().Add(time.Second))
	if len(out) != 1 || !slices.Equal(links, []uint32{1}) || !slices.Equal(sizes, []int{0x3a}) || r.Stats().Broken != 0 {
		t.Fatalf("%+v %v %v %+v", out, links, sizes, r.Stats())
	}
	if e := out[0]; e.State != haechi.FlowAttempt || e.First != syn || e.BytesIn != 44 || e.Sensor != "sflow" {
		t.Errorf("%+v", e)
	}
}

// What is cut or lies about its length costs a counter; what was lost is counted by the
// agents' own numbers, each by itself.
func TestHostileSamples(t *testing.T) {
	whole := sflow(5, sample(true, 1, one{"2001:db8::9", "2001:db8:1::80", 50000, 443, protoTCP, syn, 1}, 100))
	if got, s := read(t, whole, sflow(9)); len(got) != 1 || s.Lost != 3 || got[0].Client.String() != "2001:db8::/64" {
		t.Errorf("%+v %+v", got, s)
	}
	for i := 4; i < len(whole); i += 4 {
		if got, s := read(t, whole[:i]); len(got) > 1 || s.Broken != 1 {
			t.Errorf("%d bytes: %d told, %+v", i, len(got), s)
		}
	}
	huge := slices.Clone(whole)
	copy(huge[28:], []byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff})
	if got, s := read(t, huge); len(got) != 0 || s.Broken != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNoAllocationForASample(t *testing.T) {
	r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, func(*haechi.Event) {})
	b := sflow(0, sample(false, 100, one{"198.51.100.9", "10.0.0.80", 40000, 443, protoTCP, ack, 1}, 100))
	from, now := netip.MustParseAddr("192.0.2.1"), came()
	if n := testing.AllocsPerRun(1000, func() { r.Datagram(from, b, now); r.Pass(now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
