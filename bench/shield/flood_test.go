package shield_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
)

// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES: what the program does with the packet is done.
const liveFrames = 2

// frames is how many packets a flood has: bounded, in namespaces of the benchmark's own.
const frames = 2_000_000

// BenchmarkFlood is how many packets a second of a flood of a million sources are dropped
// when all of them are on the list, with the generator on the same processor: the best of
// rounds in which each has its turn, since the machine's speed changes. It fails where the
// program drops less than must-show asks for beside its peers.
func BenchmarkFlood(b *testing.B) {
	all := []*contender{
		{name: "xdp-list-1M", frames: frames, guard: func(b *testing.B, g *ground) { g.shield(b, sources4()) }},
		{name: "nft-hash-1M", frames: frames, least: 1.7, guard: hashed},
		{name: "nft-interval-1M", frames: frames / 4, least: 4, guard: func(b *testing.B, g *ground) { rules(b, g, intervals) }},
		{name: "nft-1000-rules", frames: frames / 20, least: 4, guard: func(b *testing.B, g *ground) { rules(b, g, thousand) }},
		{name: "iptables-1000-rules", frames: frames / 20, least: 4, guard: chained},
	}
	for _, c := range all {
		c.prepare(b)
	}
	for b.Loop() {
		for range 5 {
			for _, c := range all {
				c.most = max(c.most, burst(b, c.g, c.p, c.frames))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, c := range all {
		b.ReportMetric(c.most, "Mpps-"+c.name)
		if ratio := all[0].most / c.most; ratio < c.least {
			b.Errorf("XDP drops %.2f for one of %s, less than %.1f", ratio, c.name, c.least)
		}
	}
}

// contender is one that drops the flood.
type contender struct {
	name   string
	frames uint32
	least  float64 // packets that XDP is to drop for one of its
	guard  func(*testing.B, *ground)

	g    *ground
	p    *ebpf.Program
	most float64 // millions a second
}

func (c *contender) prepare(b *testing.B) {
	b.Helper()
	c.g = newGround(b)
	c.g.in.Run(b, "ethtool", "-K", "in0", "gro", "on") // without it the interface takes no frames of XDP
	c.guard(b, c.g)
	c.p = c.g.programs(b, false).Programs["bench_flood"]
}

// hashed is the peer's best: all of the list in one set.
func hashed(b *testing.B, g *ground) {
	e, err := nft.Open(b.Context(), nft.Config{NetNS: g.in.FD(), Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	list := sources4()
	for i := range list {
		list[i] = netip.PrefixFrom(source(i), 32)
	}
	if err := e.Load(b.Context(), enforce.List{Prefixes: list}); err != nil {
		b.Fatal(err)
	}
}

func source(i int) netip.Addr {
	n := uint32(i) * 2654435761
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// rules loads a table with the program nft.
func rules(b *testing.B, g *ground, text func(*strings.Builder)) {
	var w strings.Builder
	w.WriteString("table ip bench {\n")
	text(&w)
	w.WriteString("}\n")
	file := filepath.Join(b.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(w.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	g.in.Run(b, "nft", "-f", file)
}

func intervals(w *strings.Builder) {
	w.WriteString("set listed { type ipv4_addr; flags interval; auto-merge; elements = {")
	for i := range million {
		fmt.Fprintf(w, "%s,", source(i))
	}
	w.WriteString("} }\nchain early { type filter hook prerouting priority -310; ip saddr @listed counter drop; }\n")
}

// thousand are rules of which none is about the sources, and then a drop.
func thousand(w *strings.Builder) {
	w.WriteString("chain early { type filter hook prerouting priority -310;\n")
	for i := range 1000 {
		fmt.Fprintf(w, "ip saddr 127.%d.%d.1 drop\n", i>>8, i&255)
	}
	w.WriteString("counter drop\n}\n")
}

// chained are as many rules of iptables, before the connection table.
func chained(b *testing.B, g *ground) {
	if _, err := exec.LookPath("iptables-restore"); err != nil {
		b.Skipf("%v: bench/install.sh installs it", err)
	}
	var w strings.Builder
	w.WriteString("*raw\n")
	for i := range 1000 {
		fmt.Fprintf(&w, "-A PREROUTING -s 127.%d.%d.1/32 -j DROP\n", i>>8, i&255)
	}
	w.WriteString("-A PREROUTING -i in0 -j DROP\nCOMMIT\n")
	file := filepath.Join(b.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(w.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	g.in.Run(b, "iptables-restore", file)
}

// burst sends the frames and returns how many millions a second arrived, by the counter of
// the guarded interface.
func burst(b *testing.B, g *ground, p *ebpf.Program, frames uint32) (mpps float64) {
	before := received(b, g)
	err := g.out.Do(func() error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		back, err := netnstest.OneProcessor()
		defer back()
		if err != nil {
			return err
		}
		began := time.Now()
		_, err = p.Run(&ebpf.RunOptions{Data: packet(g.mac, false), Repeat: frames, Flags: liveFrames})
		mpps = time.Since(began).Seconds()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(received(b, g)-before) / mpps / 1e6
}

// received is how many packets came in by the guarded interface.
func received(b *testing.B, g *ground) (n uint64) {
	text := g.in.Run(b, "cat", "/proc/net/dev")
	_, rest, ok := strings.Cut(text, "in0:")
	var bytes uint64
	if _, err := fmt.Sscan(rest, &bytes, &n); !ok || err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	return n
}
