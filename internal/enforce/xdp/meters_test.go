package xdp_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi"
	"haechi/internal/enforce"
	"haechi/internal/enforce/xdp"
)

func set(t testing.TB, e *xdp.Enforcer, m xdp.Meters) {
	t.Helper()
	if err := e.SetMeters(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func counters(t testing.TB, e *xdp.Enforcer) xdp.Counters {
	t.Helper()
	c, err := e.Counters()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dropped(t testing.TB, e *xdp.Enforcer, why string) (packets uint64) {
	t.Helper()
	for _, d := range counters(t, e).Dropped {
		if d.Why == why {
			packets = d.Packets
		}
	}
	return packets
}

// passing is how many of n packets of a source come through.
func passing(t testing.TB, prog *ebpf.Program, from string, n int) (through int) {
	t.Helper()
	packet := frame(netip.MustParseAddr(from))
	for range n {
		if !drops(t, prog, packet) {
			through++
		}
	}
	return through
}

// A source sends its burst and then no more; others, and whoever is guarded, are not
// limited for it. A customer of IPv6 is one source with his whole /64.
func TestSourceRate(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	if got := passing(t, prog, "198.51.100.7", 500); got != 500 {
		t.Fatalf("without a limit %d come through", got)
	}
	limit := xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: time.Second, Burst: 200}} // nothing worth a packet comes back meanwhile
	set(t, e, limit)
	if err := e.Guard(t.Context(), prefixes("192.0.2.0/24")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from     string
		sent     int
		from0, n int
	}{
		{"198.51.100.7", 300, 200, 210}, {"198.51.100.8", 150, 150, 150}, {"198.51.100.8", 100, 50, 60}, {"192.0.2.7", 500, 500, 500},
		{"2001:db8::1", 150, 150, 150}, {"2001:db8::2", 150, 50, 60}, {"2001:db8:0:1::1", 150, 150, 150},
		{"::ffff:0:0:0:0:1", 10, 10, 10}, // no IPv4 address, though its /64 begins likewise
	} {
		if got := passing(t, prog, c.from, c.sent); got < c.from0 || got > c.n {
			t.Errorf("%d of %d of %s come through", got, c.sent, c.from)
		}
	}
	before := dropped(t, e, "source_rate")
	if before < 150 {
		t.Errorf("%d counted", before)
	}
	if got := inForce(t, e); len(got) != 0 {
		t.Errorf("somebody was decided about: %+v", got)
	}
	limit.Source = xdp.Watch
	set(t, e, limit)
	if got := passing(t, prog, "198.51.100.7", 100); got != 100 {
		t.Errorf("watched, %d come through", got)
	}
	if c := counters(t, e); c.Watched[0].Why != "source_rate" || c.Watched[0].Packets < 80 || dropped(t, e, "source_rate") != before {
		t.Errorf("watched: %+v", c.Watched)
	}
	set(t, e, xdp.Meters{})
	if got := passing(t, prog, "198.51.100.7", 100); got != 100 {
		t.Errorf("off, %d come through", got)
	}
}

// What comes through in some time is the burst and the rate, and neither more nor much less.
func TestSourceRateIsExact(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	const rate, burst = 1000, 100
	set(t, e, xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: rate, Per: time.Second, Burst: burst}})
	began, through := time.Now(), 0
	last, room, least := began, float64(burst), 0.0
	for last.Sub(began) < 400*time.Millisecond {
		now := time.Now()
		room = min(room+now.Sub(last).Seconds()*rate, burst)
		last = now
		through += passing(t, prog, "203.0.113.7", 20)
		pass := min(room, 20) // what is sent is little where others have the machine
		room, least = room-pass, least+pass
	}
	most := burst + time.Since(began).Seconds()*rate
	if got := float64(through); got > most+25 || got < least/2 { // the clock ticks up to every 10 ms; the machine is shared
		t.Errorf("%v came through, of %v to %v", through, least, most)
	}
}

// sharing are sources whose entries lie in one line of the table.
func (p *place) sharing(t testing.TB, n int) (out []netip.Addr) {
	t.Helper()
	m, err := ebpf.LoadPinnedMap(filepath.Join(p.dir, "haechi_meters"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	raw, err := m.LookupBytes(uint32(0))
	if err != nil {
		t.Fatal(err)
	}
	seed, odd := binary.NativeEndian.Uint64(raw), binary.NativeEndian.Uint64(raw[8:])
	if seed == 0 || odd&1 == 0 {
		t.Fatalf("hashes begin with %x, %x", seed, odd)
	}
	for a := uint32(100 << 24); len(out) < n; a++ {
		x := ((0xffff<<32 | uint64(a)) ^ seed) * odd
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		x ^= x >> 33
		x *= 0xc4ceb9fe1a85ec53
		x ^= x >> 33
		if x&(1<<18-1) == 5 {
			out = append(out, netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}))
		}
	}
	return out
}

// A crowd of sources that fills the table, however many, makes nobody honest pay, and
// whoever is over his limit is not forgotten for it.
func TestACrowdHidesNobody(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	set(t, e, xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: 4 * time.Second, Burst: 50}})
	all := p.sharing(t, 120)
	heavy, honest, crowd := all[0], all[1], all[2:]
	if got := passing(t, prog, heavy.String(), 80); got != 50 && got != 51 {
		t.Fatalf("%d of the heavy one come through", got)
	}
	for i, a := range crowd {
		if drops(t, prog, frame(a)) {
			t.Fatalf("%s pays for the others", a)
		}
		if i%10 == 0 && drops(t, prog, frame(honest)) {
			t.Fatal("an honest source pays for the crowd")
		}
	}
	if got := passing(t, prog, heavy.String(), 20); got > 5 {
		t.Errorf("%d of the heavy one come through after the crowd", got)
	}
}

// Meters outlive the process, on a real wire as well.
func TestMetersOnTheWire(t *testing.T) {
	p := newPlace(t)
	first := p.open(t, xdp.Config{})
	if err := first.Guard(t.Context(), prefixes("10.77.0.0/24", "fd77::/64")); err != nil { // what Arrives compares with
		t.Fatal(err)
	}
	set(t, first, xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: 2 * time.Second, Burst: 100}})
	arrive := func(from string) (n int) {
		for range 130 {
			if p.Arrives(t, netip.MustParseAddr(from)) {
				n++
			}
		}
		return n
	}
	for _, from := range []string{"203.0.113.7", "2001:db8::1"} {
		if got := arrive(from); got < 100 || got > 110 {
			t.Errorf("%d of %s arrive", got, from)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := arrive("203.0.113.7"); got > 15 {
		t.Errorf("without a process %d arrive", got)
	}
	second := p.open(t, xdp.Config{})
	if got := arrive("203.0.113.7"); got > 15 {
		t.Errorf("started again, %d arrive", got)
	}
	c := counters(t, second)
	if len(c.Received) != 1 || c.Received[0].Interface != "in0" {
		t.Fatalf("counted: %+v", c.Received)
	}
	if all := c.Received[0].All(); all.Packets < 4*130*2 || all.Bytes < 42*all.Packets || c.Received[0].UDP.Packets < all.Packets*9/10 { // some ports are an answer's
		t.Errorf("counted: %+v", c.Received)
	}
}

func TestMetersAreBounded(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	for _, m := range []xdp.Meters{{Source: 3, Limit: xdp.Limit{Packets: 1, Per: time.Second, Burst: 1}}, {Source: xdp.Drop}, {Source: xdp.Drop, Limit: xdp.Limit{Packets: -1, Burst: 5}}, {Source: xdp.Drop, Limit: xdp.Limit{Packets: 1_000_001, Per: time.Second, Burst: 1_000_001}},
		{Source: xdp.Watch, Limit: xdp.Limit{Packets: 1000, Per: time.Second, Burst: 19}}, {Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: time.Second, Burst: 241}}, {Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: time.Second, Burst: 1 << 62}}} {
		if err := e.SetMeters(t.Context(), m); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%+v: %v", m, err)
		}
	}
	for range 10 { // more settings than there is room for
		set(t, e, xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: 1_000_000, Per: time.Second, Burst: 20_000}})
		set(t, e, xdp.Meters{Source: xdp.Watch, Limit: xdp.Limit{Packets: 1, Per: time.Second, Burst: 240}})
	}
}

func tcp(flags byte) []byte {
	return ip4(6, 0, 20, 0, 80, 0x9c, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags)
}

// Every packet is counted in one place, with its bytes.
func TestReceivedIsCountedOnce(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	apply(t, e, drop(t, "A", "ip:203.0.113.7"))
	if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes("203.0.113.8/32")}); err != nil {
		t.Fatal(err)
	}
	if err := e.Guard(t.Context(), prefixes("192.0.2.1/32")); err != nil {
		t.Fatal(err)
	}
	guarded := with(ip4(1, 0, 8, 8), func(b []byte) { copy(b[26:], []byte{192, 0, 2, 1}) })
	answers := func(i int) func(*xdp.Received) xdp.Traffic {
		return func(r *xdp.Received) xdp.Traffic { return r.Answers[i] }
	}
	port := func(n uint16) int {
		ports := xdp.AnswerPorts()
		return slices.IndexFunc(ports[:], func(p xdp.AnswerPort) bool { return p.Port == n })
	}
	cases := map[string]struct {
		packet []byte
		of     func(*xdp.Received) xdp.Traffic
	}{
		"decided":         {frame(netip.MustParseAddr("203.0.113.7")), func(r *xdp.Received) xdp.Traffic { return r.Denied }},
		"listed":          {frame(netip.MustParseAddr("203.0.113.8")), func(r *xdp.Received) xdp.Traffic { return r.Denied }},
		"opening":         {tcp(2), func(r *xdp.Received) xdp.Traffic { return r.Opening }},
		"answer to it":    {tcp(0x12), func(r *xdp.Received) xdp.Traffic { return r.TCP }},
		"TCP":             {tcp(0x10), func(r *xdp.Received) xdp.Traffic { return r.TCP }},
		"TCP cut off":     {ip4(6, 0, 10), func(r *xdp.Received) xdp.Traffic { return r.TCP }},
		"UDP":             {ip4(17, 0, 8, 0x9c, 0x40, 0, 53), func(r *xdp.Received) xdp.Traffic { return r.UDP }},
		"UDP of IPv6":     {ip6(17, 8, 0x9c, 0x40, 0, 53), func(r *xdp.Received) xdp.Traffic { return r.UDP }},
		"DNS":             {ip4(17, 0, 8, 0, 53, 0x9c, 0x40), answers(port(53))},
		"memcached":       {ip6(17, 8, 0x2b, 0xcb, 0x9c, 0x40), answers(port(11211))},
		"NTP, behind":     {ip6(0, 16, 17, 0, 1, 4, 0, 0, 0, 0, 0, 123, 0, 99), answers(port(123))},
		"ping":            {ip4(1, 0, 8, 8), func(r *xdp.Received) xdp.Traffic { return r.ICMP }},
		"ping of IPv6":    {ip6(58, 8, 128), func(r *xdp.Received) xdp.Traffic { return r.ICMP }},
		"guarded":         {guarded, func(r *xdp.Received) xdp.Traffic { return r.ICMP }},
		"first fragment":  {ip4(17, 0x2000, 24), func(r *xdp.Received) xdp.Traffic { return r.Fragments }},
		"other fragment":  {ip4(17, 3, 5), func(r *xdp.Received) xdp.Traffic { return r.Fragments }},
		"fragment of 6":   {ip6(44, 28, 17, 0, 0, 8, 0, 0, 0, 1), func(r *xdp.Received) xdp.Traffic { return r.Fragments }},
		"alone":           {ip6(44, 20, 17, 0, 0, 0, 0, 0, 0, 1, 0, 53, 0, 9), answers(port(53))},
		"ping of death":   {ip4(1, 0x1fff, 16), func(r *xdp.Received) xdp.Traffic { return r.Fragments }},
		"GRE":             {ip4(47, 0, 8), func(r *xdp.Received) xdp.Traffic { return r.Other }},
		"ARP":             {with(ip4(17, 0, 8), func(b []byte) { b[13] = 6 }), func(r *xdp.Received) xdp.Traffic { return r.Alien }},
		"half a header":   {ip4(17, 0, 8)[:30], func(r *xdp.Received) xdp.Traffic { return r.Alien }},
		"malformed, kept": {with(slices.Clone(guarded), func(b []byte) { b[14] = 0x44 }), func(r *xdp.Received) xdp.Traffic { return r.ICMP }},
	}
	for name, c := range cases {
		var before xdp.Received
		for _, r := range counters(t, e).Received {
			if r.Interface == "" {
				before = r
			}
		}
		drops(t, prog, c.packet)
		got := counters(t, e).Received
		after := got[len(got)-1] // a test packet comes by no named interface
		if of, was := c.of(&after), c.of(&before); of.Packets != was.Packets+1 || of.Bytes != was.Bytes+uint64(len(c.packet)) {
			t.Errorf("%s: %+v after %+v", name, of, was)
		}
		if all, was := after.All(), before.All(); all.Packets != was.Packets+1 || all.Bytes != was.Bytes+uint64(len(c.packet)) {
			t.Errorf("%s: all %+v after %+v", name, all, was)
		}
	}
}

// All ports of the table have their place.
func TestAnswerPortsAreCounted(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	for i, port := range xdp.AnswerPorts() {
		for range i + 1 {
			drops(t, prog, ip4(17, 0, 8, byte(port.Port>>8), byte(port.Port), 0x9c, 0x40))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		drops(t, prog, ip4(17, 0, 8, byte(0xa0|rnd.IntN(16)), byte(rnd.IntN(256)), 0, 53)) // no such port
	}
	got := counters(t, e).Received
	for i, n := range got[len(got)-1].Answers {
		if n.Packets != uint64(i+1) {
			t.Errorf("%+v: %d packets", xdp.AnswerPorts()[i], n.Packets)
		}
	}
	if got[len(got)-1].UDP.Packets != 500 {
		t.Errorf("others: %+v", got[len(got)-1].UDP)
	}
}
