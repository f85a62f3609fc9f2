package netflow

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
)

// writer writes a datagram.
type writer []byte

func (w *writer) u8(v ...uint8) *writer { *w = append(*w, v...); return w }
func (w *writer) u16(v ...uint16) *writer {
	for _, n := range v {
		*w = binary.BigEndian.AppendUint16(*w, n)
	}
	return w
}
func (w *writer) u32(v ...uint32) *writer {
	for _, n := range v {
		*w = binary.BigEndian.AppendUint32(*w, n)
	}
	return w
}
func (w *writer) ip(s string) *writer {
	*w = append(*w, netip.MustParseAddr(s).AsSlice()...)
	return w
}

// set is a set of version 9 or IPFIX.
func set(id uint16, body *writer) []byte {
	var w writer
	w.u16(id, uint16(4+len(*body)))
	return append(w, *body...)
}

// made is when the datagrams here are made, and came when they come: the clocks differ.
const made = 1_700_000_000

func came() time.Time { return time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC) }

func nine(seq uint32, sets ...[]byte) []byte {
	var w writer
	w.u16(9, uint16(len(sets))).u32(100_000, made, seq, 7)
	return append(w, slices.Concat(sets...)...)
}

func ten(seq uint32, sets ...[]byte) []byte {
	var w writer
	body := slices.Concat(sets...)
	w.u16(10, uint16(16+len(body))).u32(made, seq, 7)
	return append(w, body...)
}

// one is a record of version 5: from ends to ends, of so many packets and flags.
type one struct {
	src, dst     string
	sport, dport uint16
	proto, flags uint8
	packets      uint32
}

func five(seq uint32, sampling uint16, records ...one) []byte {
	var w writer
	w.u16(5, uint16(len(records))).u32(100_000, made, 0, seq).u8(0, 0).u16(sampling)
	for _, r := range records {
		w.ip(r.src).ip(r.dst).u32(0, 0, r.packets, r.packets*100, 90_000, 95_000).u16(r.sport, r.dport).u8(0, r.flags, r.proto, 0).u32(0, 0)
	}
	return w
}

// read feeds datagrams and returns what is told.
func read(t *testing.T, datagrams ...[]byte) ([]haechi.Event, Stats) {
	t.Helper()
	var out []haechi.Event
	r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/30")}}, func(e *haechi.Event) { out = append(out, *e) })
	for _, d := range datagrams {
		r.Datagram(netip.MustParseAddr("::ffff:192.0.2.1"), d, came())
	}
	r.End(came().Add(10 * time.Second))
	return out, r.Stats()
}

// Both directions are one flow of who sent the SYN, with its times by our clock.
func TestBothDirectionsAreOneFlow(t *testing.T) {
	got, s := read(t, five(1, 0, one{"10.0.0.80", "198.51.100.9", 443, 50000, protoTCP, syn | ack | psh | fin, 7},
		one{"198.51.100.9", "10.0.0.80", 50000, 443, protoTCP, syn | ack | psh | fin, 5}))
	if len(got) != 1 || s.Records != 2 || s.Lost+s.Unfit+s.Broken+s.Early != 0 {
		t.Fatalf("%+v %+v", got, s)
	}
	e := got[0]
	if e.Addr.String() != "198.51.100.9" || e.Target.String() != "10.0.0.80" || e.Port != 50000 || e.LocalPort != 443 || e.State != haechi.FlowClosed ||
		e.PacketsIn != 5 || e.PacketsOut != 7 || e.BytesIn != 500 || e.BytesOut != 700 || e.Phase != haechi.FlowEnd || e.Assurance != 0 {
		t.Errorf("%+v", e)
	}
	if !e.Start.Equal(came().Add(-10*time.Second)) || e.Duration != 5*time.Second || e.Client.String() != "198.51.100.9/32" {
		t.Errorf("%v %v %v", e.Start, e.Duration, e.Client)
	}
}

// What becomes of a conversation is told by the flags, and never guessed from silence
// where an exporter shows one direction only, or samples.
func TestStates(t *testing.T) {
	const a, b = "198.51.100.9", "10.0.0.80"
	to := func(proto, flags uint8, n uint32) one { return one{a, b, 50000, 5432, proto, flags, n} }
	from := func(proto, flags uint8, n uint32) one { return one{b, a, 5432, 50000, proto, flags, n} }
	seen := []one{{"10.0.0.1", "10.0.0.2", 5000, 53, protoUDP, 0, 1}, {"10.0.0.2", "10.0.0.1", 53, 5000, protoUDP, 0, 1}}
	for name, c := range map[string]struct {
		sampling uint16
		records  []one
		want     haechi.FlowState
	}{
		"refused":            {0, []one{to(protoTCP, syn, 1), from(protoTCP, rst|ack, 1)}, haechi.FlowRejected},
		"half open":          {0, []one{to(protoTCP, syn|rst, 2), from(protoTCP, syn|ack, 1)}, haechi.FlowHalfOpen},
		"no answer":          {0, []one{to(protoTCP, syn, 3)}, haechi.FlowAttempt},
		"one direction":      {0, []one{to(protoTCP, syn|ack|psh, 9)}, haechi.FlowMidstream},
		"backscatter":        {0, []one{to(protoTCP, syn|ack, 1)}, haechi.FlowAnswerOnly},
		"FIN":                {0, []one{to(protoTCP, fin, 1), from(protoTCP, rst|ack, 1)}, haechi.FlowRejected},
		"XMAS":               {0, []one{from(protoTCP, rst|ack, 1), to(protoTCP, fin|psh|32, 1)}, haechi.FlowRejected},
		"NULL":               {0, []one{to(protoTCP, 0, 1), from(protoTCP, rst|ack, 1)}, haechi.FlowRejected},
		"FIN, no answer":     {0, []one{to(protoTCP, fin, 2)}, haechi.FlowAttempt},
		"reset in the midst": {0, []one{to(protoTCP, ack, 4), from(protoTCP, rst|ack, 1)}, haechi.FlowMidstream},
		"end in the midst":   {0, []one{to(protoTCP, fin|ack, 1)}, haechi.FlowMidstream},
		"reset":              {0, []one{to(protoTCP, syn|ack|rst, 4), from(protoTCP, syn|ack, 2)}, haechi.FlowReset},
		"goes on":            {0, []one{to(protoTCP, ack|psh, 4), from(protoTCP, psh|ack, 2)}, haechi.FlowMidstream},
		"sampled SYN":        {1<<14 | 100, []one{to(protoTCP, syn, 1)}, haechi.FlowMidstream},
		"sampled refusal":    {1<<14 | 100, []one{to(protoTCP, syn, 1), from(protoTCP, rst|ack, 1)}, haechi.FlowMidstream},
		"no flags, one":      {0, []one{to(protoTCP, 0, 1)}, haechi.FlowUnknown},
		"no flags, answered": {0, []one{to(protoTCP, 0, 1), from(protoTCP, 0, 1)}, haechi.FlowUnknown},
		"no flags, both":     {0, []one{to(protoTCP, 0, 5), from(protoTCP, 0, 6)}, haechi.FlowEstablished},
		"UDP":                {0, []one{to(protoUDP, 0, 1), from(protoUDP, 0, 1)}, haechi.FlowEstablished},
		"UDP, one way":       {0, []one{to(protoUDP, 0, 1)}, haechi.FlowUnknown},
		"UDP, both ways":     {0, append([]one{to(protoUDP, 0, 1)}, seen...), haechi.FlowAttempt},
		"UDP, sampled":       {1<<14 | 100, append([]one{to(protoUDP, 0, 1)}, seen...), haechi.FlowUnknown},
		"answers only":       {0, append([]one{{a, b, 53, 50000, protoUDP, 0, 1}}, seen...), haechi.FlowAnswerOnly},
		"ping":               {0, append([]one{{a, b, 0, 8 << 8, protoICMP, 0, 1}}, seen...), haechi.FlowAttempt},
		"unreachable":        {0, append([]one{{a, b, 0, 3 << 8, protoICMP, 0, 1}}, seen...), haechi.FlowAnswerOnly},
		"ping answered":      {0, []one{{b, a, 0, 0, protoICMP, 0, 1}, {a, b, 0, 8 << 8, protoICMP, 0, 1}}, haechi.FlowEstablished},
	} {
		got, _ := read(t, five(0, c.sampling, c.records...))
		i := slices.IndexFunc(got, func(e haechi.Event) bool { return e.Addr.String() == a })
		if i < 0 {
			t.Errorf("%s: nothing is told of who began: %+v", name, got)
			continue
		}
		if got[i].State != c.want {
			t.Errorf("%s: %v, not %v", name, got[i].State, c.want)
		}
		if c.sampling != 0 && got[i].PacketsIn != 100*uint64(c.records[0].packets) {
			t.Errorf("%s: the rate is not honoured: %+v", name, got[i])
		}
	}
}

// Records of one direction and the same ends are told one by one; only exporters count.
func TestStrangersAndLosses(t *testing.T) {
	again := one{"198.51.100.9", "10.0.0.80", 50000, 443, protoTCP, syn, 1}
	got, s := read(t, five(10, 0, again), five(15, 0, again), five(11, 0, again), five(16, 0))
	if len(got) != 3 || s.Lost != 4 {
		t.Errorf("%d flows, %+v", len(got), s)
	}
	r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, func(*haechi.Event) { t.Error("a stranger is heard") })
	r.Datagram(netip.MustParseAddr("192.0.2.2"), five(1, 0, again), came())
	New(Config{}, nil).Datagram(netip.MustParseAddr("192.0.2.2"), five(1, 0, again), came())
	if r.End(came()); r.Stats().Strangers != 1 || r.Stats().Exporters != 0 {
		t.Errorf("%+v", r.Stats())
	}
}

// A server whose answers alone are exported is not who began.
func TestOneDirectionOfAServer(t *testing.T) {
	got, _ := read(t, five(0, 0, one{"10.0.0.80", "198.51.100.9", 443, 50000, protoTCP, syn | ack | psh | fin, 900}))
	if len(got) != 1 || got[0].Addr.String() != "198.51.100.9" || got[0].PacketsIn != 0 || got[0].PacketsOut != 900 || got[0].LocalPort != 443 {
		t.Errorf("%+v", got)
	}
}

// softflowd's numbers count a datagram's own records, and not those about itself; others
// do as RFC 7011 says. What is missing is what is missing in both.
func TestNumbersOfIPFIX(t *testing.T) {
	var template, option, about writer
	template.u16(256, 1, iePackets, 4)
	option.u16(257, 2, 1, ieSelector, 2, ieTaken, 2)
	about.u32(0)
	records := func(n int) []byte {
		var w writer
		for range n {
			w.u32(1)
		}
		return set(256, &w)
	}
	first := func(seq uint32) []byte {
		return ten(seq, set(2, &template), set(3, &option), set(257, &about), records(24))
	}
	for name, c := range map[string]struct {
		all  [][]byte
		lost uint64
	}{
		"softflowd":       {[][]byte{first(24), ten(56, records(32)), ten(88, records(32)), first(112), ten(144, records(32))}, 0},
		"as it should":    {[][]byte{first(0), ten(25, records(32)), ten(57, records(32)), first(89), ten(114, records(32))}, 0},
		"softflowd, lost": {[][]byte{first(24), ten(56, records(32)), ten(120, records(32)), first(144)}, 32},
		"as it should, 1": {[][]byte{first(0), ten(57, records(32)), ten(89, records(32))}, 32},
		"began anew":      {[][]byte{first(9024), ten(9056, records(32)), first(24), ten(56, records(32)), ten(88, records(32))}, 0},
	} {
		if _, s := read(t, c.all...); s.Lost != c.lost {
			t.Errorf("%s: %d lost, not %d", name, s.Lost, c.lost)
		}
	}
}

// A template may come after the data; that is counted, and what follows is read. The rate
// comes by an option.
func TestNine(t *testing.T) {
	var template, option, rate, data writer
	template.u16(260, 9, ieSrc6, 16, ieDst6, 16, ieSrcPort, 2, ieDstPort, 2, ieProto, 1, ieFlags, 1, ieBytes, 8, iePackets, 3, ieFirst, 4)
	option.u16(261, 4, 4, 1, 4, ieInterval, 4) // its scope is 1: the system
	rate.u32(9, 10)
	data.ip("2001:db8::9").ip("2001:db8:1::80").u16(50000, 22).u8(protoTCP, syn|ack|psh).u32(0, 3000).u8(0, 0, 2).u32(40_000)
	got, s := read(t, nine(1, set(260, &data)), nine(2, set(0, &template), set(1, &option), set(261, &rate)), nine(4, set(260, &data)))
	if len(got) != 1 || s.Unknown != 1 || s.Lost != 1 || s.Broken != 0 {
		t.Fatalf("%+v %+v", got, s)
	}
	e := got[0]
	if e.Addr.String() != "2001:db8::9" || e.Client.String() != "2001:db8::/64" || e.BytesIn != 30_000 || e.PacketsIn != 20 || !e.Start.Equal(came().Add(-time.Minute)) {
		t.Errorf("%+v", e)
	}
}

// IPFIX: fields of other enterprises and of any length, both directions in a record,
// times in several units.
func TestIPFIX(t *testing.T) {
	var template, data writer
	template.u16(300, 10, ieSrc4, 4, ieDst4, 4, ieSrcPort, 2, ieDstPort, 2, ieProto, 1, 0x8000|7, varying).u32(9999).
		u16(iePackets, 4, 0x8000|iePackets, 4).u32(reverse).u16(0x8000|ieFlags, 1).u32(reverse).u16(ieStartMs, 8)
	data.ip("198.51.100.9").ip("10.0.0.80").u16(50000, 443).u8(protoTCP, 3, 1, 2, 3).u32(2, 1).u8(rst | ack)
	ms := uint64(made-30) * 1000
	data.u32(uint32(ms>>32), uint32(ms))
	got, s := read(t, ten(5, set(2, &template), set(300, &data)), ten(6, set(300, &data)))
	if len(got) != 2 || s.Lost != 0 || s.Broken != 0 {
		t.Fatalf("%+v %+v", got, s)
	}
	if e := got[0]; e.PacketsIn != 2 || e.PacketsOut != 1 || e.FlagsOut != rst|ack || !e.Start.Equal(came().Add(-30*time.Second)) {
		t.Errorf("%+v", e)
	}
}

// What is hostile costs nothing but a counter.
func TestHostile(t *testing.T) {
	var empty, many, cut, long writer
	empty.u16(256, 2, ieBytes, 0, iePackets, 0)
	many.u16(257, 200)
	for range 200 {
		many.u16(ieBytes, 1)
	}
	cut.u16(258, 65535, ieBytes, 1)
	long.u16(259, 1, ieBytes, 65534)
	var data writer
	data.u32(1, 2, 3)
	for name, c := range map[string]struct {
		b       []byte
		refused uint64
		broken  uint64
	}{
		"no byte":       {ten(0, set(2, &empty), set(256, &data)), 1, 0},
		"many fields":   {ten(0, set(2, &many), set(257, &data)), 1, 0},
		"cut":           {ten(0, set(2, &cut)), 0, 1},
		"long":          {ten(0, set(2, &long), set(259, &data)), 0, 0},
		"set of none":   {ten(0, []byte{1, 0, 0, 0}), 0, 1},
		"version 8":     {append([]byte{0, 8}, make([]byte, 60)...), 0, 1},
		"short":         {[]byte{0, 5}, 0, 1},
		"many records":  {five(0, 0)[:24], 0, 0},
		"IPFIX too big": {[]byte{0, 10, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 1},
	} {
		got, s := read(t, c.b)
		if len(got) != 0 || s.Refused != c.refused || s.Broken != c.broken {
			t.Errorf("%s: %d told, %+v", name, len(got), s)
		}
	}
}

// Bounds hold, with counters: templates, streams, records that wait.
func TestBounds(t *testing.T) {
	told := 0
	r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, Waiting: 100}, func(*haechi.Event) { told++ })
	from := netip.MustParseAddr("192.0.2.1")
	for i := range uint16(1000) {
		var template writer
		template.u16(256+i, 1, ieBytes, 4)
		r.Datagram(from, ten(0, set(2, &template)), came())
		r.Datagram(from, five(uint32(i), 0, one{"198.51.100.9", "10.0.0.80", 40000 + i, 443, protoTCP, syn, 1}), came())
	}
	if s := r.Stats(); len(r.known[from].templates) != mostTemplates || s.Refused != 1000-mostTemplates || s.Early != 900 || told != 900 || len(r.pairs.ring) != 100 {
		t.Errorf("%+v, %d templates, %d told", s, len(r.known[from].templates), told)
	}
	for i := range 300 {
		r.Datagram(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), five(0, 0), came())
		d := ten(0)
		d[15] = byte(i) // its domain
		r.Datagram(from, d, came())
	}
	if s := r.Stats(); s.Exporters != mostExporters || len(r.known[from].streams) != mostStreams {
		t.Errorf("%+v, %d streams", s, len(r.known[from].streams))
	}
	if r.End(came()); told != 1000 || r.pairs.len != 0 || len(r.pairs.at) != 0 {
		t.Errorf("%d told, %d wait", told, r.pairs.len)
	}
}

func TestNoAllocationForARecord(t *testing.T) {
	r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, func(*haechi.Event) {})
	b := five(0, 0, one{"198.51.100.9", "10.0.0.80", 40000, 443, protoTCP, syn, 1}, one{"10.0.0.80", "198.51.100.9", 443, 40000, protoTCP, rst | ack, 1})
	from, now := netip.MustParseAddr("192.0.2.1"), came()
	if n := testing.AllocsPerRun(1000, func() { r.Datagram(from, b, now); r.Pass(now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
