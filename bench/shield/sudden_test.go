package shield_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce/xdp"
)

// threshold is the limit of the flood, a second: a fifth of it may come at once.
const (
	threshold = 1000
	rounds    = 50
	customers = 1000
)

// BenchmarkSudden is how long a flood that names 1,000 customers as its sources goes on
// before its first packet is dropped, or answered by a cookie: at 15 times the limit, and at
// twice.
func BenchmarkSudden(b *testing.B) {
	limit := xdp.Limit{Packets: threshold, Per: time.Second, Burst: threshold / 5}
	to := netip.AddrPortFrom(netip.MustParseAddr("10.77.0.1"), door)
	answer := "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00"
	for _, c := range []struct {
		name string
		set  xdp.Meters
		send func(f *netnstest.Forge, from netip.Addr, i int) error
	}{
		{"openings", xdp.Meters{Opening: limit}, func(f *netnstest.Forge, from netip.Addr, i int) error {
			return f.SYN(netip.AddrPortFrom(from, uint16(1024+i%60000)), to, uint32(i))
		}},
		{"pings", xdp.Meters{Pings: limit}, func(f *netnstest.Forge, from netip.Addr, i int) error { return f.Ping(from, to.Addr(), uint16(i)) }},
		{"fragments", xdp.Meters{Fragments: limit}, func(f *netnstest.Forge, from netip.Addr, i int) error { return f.Fragment(from, to.Addr(), uint16(i)) }},
		{"answers of DNS", xdp.Meters{Unasked: xdp.Drop}, func(f *netnstest.Forge, from netip.Addr, i int) error {
			return f.UDP(netip.AddrPortFrom(from, 53), to, answer)
		}},
	} {
		for _, times := range []int{15, 2} {
			b.Run(fmt.Sprintf("%s, %d times", c.name, times), func(b *testing.B) { sudden(b, c.set, times, c.send) })
		}
	}
}

func sudden(b *testing.B, set xdp.Meters, times int, send func(*netnstest.Forge, netip.Addr, int) error) {
	g := newGround(b)
	g.in.Set(b, "net/ipv4/tcp_syncookies", "2")
	g.in.Run(b, "ip", "route", "add", "default", "via", "10.77.0.2")
	listen(b, g)
	g.listenAt(b, passes(b))
	e := g.shield(b, nil)
	if err := e.SetMeters(b.Context(), set); err != nil {
		b.Fatal(err)
	}
	f, err := g.out.NewForge()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var took []time.Duration
	for b.Loop() {
		for range rounds {
			<-time.After(220 * time.Millisecond) // what came before is paid
			g.calm(b)
			took = append(took, firstDrop(b, e, times*threshold, func(i int) error { return send(f, customer(i), i) }))
		}
	}
	if ds, err := e.InForce(b.Context()); err != nil || len(ds) != 0 {
		b.Errorf("decided about: %+v, %v", ds, err)
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[(len(took)*99-1)/100].Microseconds())/1000, "ms-p99")
}

func customer(i int) netip.Addr {
	i %= customers
	return netip.AddrFrom4([4]byte{198, 51, byte(i / 250), byte(1 + i%250)})
}

// firstDrop floods until something is dropped, at most for 5 seconds.
func firstDrop(b *testing.B, e *xdp.Enforcer, perSecond int, send func(i int) error) time.Duration {
	b.Helper()
	before, sent, began := stopped(b, e), 0, time.Now()
	for time.Since(began) < 5*time.Second {
		for due := int(time.Since(began).Seconds()*float64(perSecond)) + 1; sent < due; sent++ {
			if err := send(sent); err != nil {
				b.Fatal(err)
			}
		}
		if stopped(b, e) > before {
			return time.Since(began)
		}
	}
	b.Fatal("nothing was dropped")
	return 0
}

// stopped is how many packets the kernel did not see.
func stopped(b *testing.B, e *xdp.Enforcer) (n uint64) {
	c, err := e.Counters()
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range c.Dropped {
		n += d.Packets
	}
	return n + c.Answered.Packets
}

// calm ends the crowd of the round before, which lasts ten seconds.
func (g *ground) calm(b *testing.B) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(g.dir, "haechi_crowd"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Put(uint32(0), make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
}

// passes is a program for the other end, which lets answers in.
func passes(b *testing.B) *ebpf.Program {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() })
	return p
}
