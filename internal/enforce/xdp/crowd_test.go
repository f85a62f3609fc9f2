package xdp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi/internal/enforce/xdp"
)

// slowly is a limit that a machine under any load is faster than: 20 at once.
func slowly() xdp.Limit { return xdp.Limit{Packets: 5, Per: time.Second, Burst: 20} }

// sends hands the program n packets of each source, one after the other, in the guarded
// namespace, and returns how many of each it drops.
func (p *place) sends(t testing.TB, prog *ebpf.Program, packet []byte, n int, sources ...string) (drops int) {
	t.Helper()
	for range n {
		for _, s := range sources {
			from := netip.MustParseAddr(s)
			b := with(packet, func(b []byte) {
				if from.Is4() {
					copy(b[26:], from.AsSlice())
				} else {
					copy(b[22:], from.AsSlice())
				}
			})
			if verdict, _ := p.within(t, prog, b); verdict == 1 {
				drops++
			}
		}
	}
	return drops
}

// crowd is so many sources.
func crowd(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250))
	}
	return out
}

// TestACrowdIsAskedToComeAgain: pings and fragments that are too many together are dropped
// at once, whoever sends them; somebody real, who comes again, gets through, and so do the
// known and the guarded. Nobody is decided about.
func TestACrowdIsAskedToComeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		why    string
	}{
		"pings":               {ip4(1, 0, 8, 8), "pings"},
		"answers to pings":    {ip4(1, 0, 8, 0), "pings"},
		"first fragments":     {ip4(17, 0x2000, 24), "fragments"},
		"other fragments":     {ip4(17, 3, 5), "fragments"},
		"fragments of a SYN":  {ip4(6, 0x2000, 24, 0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2), "fragments"},
		"fragments of a ping": {ip4(1, 0x2000, 8, 8), "fragments"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			e := p.open(t, xdp.Config{})
			prog := p.program(t)
			set(t, e, xdp.Meters{Pings: slowly(), Fragments: slowly()})
			stage := e.Stage()
			if err := e.Guard(t.Context(), prefixes("192.0.2.7/32")); err != nil {
				t.Fatal(err)
			}
			sources := crowd(1000)
			if n := p.sends(t, prog, c.packet, 1, sources[:20]...); n != 0 {
				t.Fatalf("of 20 packets %d are dropped", n)
			}
			if n := p.sends(t, prog, c.packet, 1, sources...); n < 500 {
				t.Fatalf("of 1,000 sources with a packet each %d are dropped", n)
			}
			if n := p.sends(t, prog, c.packet, 1, "203.0.113.9"); n != 1 {
				t.Error("a stranger gets through at once")
			}
			if n := p.sends(t, prog, c.packet, 3, "203.0.113.9"); n != 0 {
				t.Errorf("somebody who comes again is dropped %d times", n)
			}
			if n := p.sends(t, prog, c.packet, 50, "192.0.2.7"); n != 0 {
				t.Errorf("somebody guarded is dropped %d times", n)
			}
			began := time.Now()
			n := p.sends(t, prog, c.packet, 300, "203.0.113.9")
			if passed, most := 300-n, 110+int(50*time.Since(began).Seconds()); passed > most { // of fragments, more than of pings
				t.Errorf("of 300 packets of one source %d pass, at most %d", passed, most)
			}
			if n := dropped(t, e, c.why); n < 500 {
				t.Errorf("%d counted", n)
			}
			set(t, e, xdp.Meters{Pings: slowly(), Fragments: slowly(), Crowd: xdp.Watch})
			if n := p.sends(t, prog, c.packet, 1, crowd(100)[50:]...); n != 0 {
				t.Errorf("watched, %d are dropped", n)
			}
			if got := inForce(t, e); len(got) != 0 {
				t.Errorf("somebody was decided about: %+v", got)
			}
			set(t, e, xdp.Meters{Pings: slowly(), Fragments: slowly()})
			knownPasses(t, p, stage, prog, c.packet)
		})
	}
}

func knownPasses(t *testing.T, p *place, stage *xdp.Stage, prog *ebpf.Program, packet []byte) {
	t.Helper()
	m := enforceDocuments()
	m.Echo.Events, m.Echo.Burst = 0, 0
	if err := stage.SetMeters(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := stage.Know(t.Context(), prefixes("203.0.113.77/32"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := p.sends(t, prog, packet, 50, "203.0.113.77"); n != 0 {
		t.Errorf("somebody known is dropped %d times", n)
	}
}

// TestNoCrowdNoDrop: what comes in a usual burst, and what no such limit is about, passes.
func TestNoCrowdNoDrop(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	set(t, e, xdp.Meters{Pings: xdp.Limit{Packets: 1000, Per: time.Second, Burst: 200}, Fragments: xdp.Limit{Packets: 2000, Per: time.Second, Burst: 400}})
	for name, c := range map[string]struct {
		packet  []byte
		n       int
		sources []string
	}{
		"a page":                   {tcp(2), 100, []string{"203.0.113.1"}},
		"200 devices come back":    {tcp(2), 1, crowd(200)},
		"a backup":                 {tcp(0x10), 3000, []string{"203.0.113.2"}},
		"monitoring of 200 hosts":  {ip4(1, 0, 8, 8), 1, crowd(200)},
		"unreachable, too big":     {ip4(1, 0, 8, 3, 4), 1000, []string{"203.0.113.3"}},
		"a large datagram":         {ip4(17, 0x2000, 24), 45, []string{"203.0.113.4"}},
		"datagrams that are whole": {ip4(17, 0, 8, 0x9c, 0x40, 0, 53), 1000, []string{"203.0.113.5"}},
		"neighbours of IPv6":       {ip6(58, 8, 135), 1000, []string{"fd77::2"}},
	} {
		if n := p.sends(t, prog, c.packet, c.n, c.sources...); n != 0 {
			t.Errorf("%s: %d dropped", name, n)
		}
	}
}

// TestACrowdOfSixes: the same with IPv6, where a source is a /64.
func TestACrowdOfSixes(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	set(t, e, xdp.Meters{Pings: slowly(), Fragments: slowly()})
	for name, packet := range map[string][]byte{"pings": ip6(58, 8, 128), "fragments": ip6(44, 28, 17, 0, 0, 8, 0, 0, 0, 1)} {
		var sources []string
		for i := range 300 {
			sources = append(sources, fmt.Sprintf("2001:db8:%x::1", i+1))
		}
		if n := p.sends(t, prog, packet, 1, sources...); n < 100 || n > 285 {
			t.Errorf("%s: %d of 300 sources are dropped", name, n)
		}
		if n := p.sends(t, prog, packet, 1, "2001:db8:ffff::1"); n != 1 {
			t.Errorf("%s: a stranger gets through at once", name)
		}
		if n := p.sends(t, prog, packet, 1, "2001:db8:ffff::2"); n != 0 {
			t.Errorf("%s: another address of the same /64 is another source", name)
		}
	}
}

// TestAStageOutlastsNoProcess: what an earlier process left of a stage is gone when the
// configuration is put into force again, and what is configured stays.
func TestAStageOutlastsNoProcess(t *testing.T) {
	p := newPlace(t)
	first := p.open(t, xdp.Config{})
	set(t, first, xdp.Meters{Pings: slowly()})
	if err := first.Stage().SetMeters(t.Context(), enforceDocuments()); err != nil {
		t.Fatal(err)
	}
	prog := p.program(t)
	if n := p.sends(t, prog, tcp(2), 20, "203.0.113.1"); n < 10 {
		t.Fatalf("%d of 20 SYNs are dropped", n)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if n := p.sends(t, prog, tcp(2), 20, "203.0.113.2"); n < 10 {
		t.Errorf("without a process %d of 20 SYNs are dropped", n)
	}
	second := p.open(t, xdp.Config{})
	set(t, second, xdp.Meters{Pings: slowly()})
	prog = p.program(t)
	if n := p.sends(t, prog, tcp(2), 20, "203.0.113.3"); n != 0 {
		t.Errorf("started again, %d of 20 SYNs are dropped", n)
	}
	if n := p.sends(t, prog, ip4(1, 0, 8, 8), 1, crowd(300)...); n < 100 {
		t.Errorf("started again, %d of 300 pings are dropped", n)
	}
}
