package shield_test

import (
	"fmt"
	"net/netip"
	"os"
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
// when all of them are on the list, with the generator on the same processor.
func BenchmarkFlood(b *testing.B) {
	for _, c := range []struct {
		name  string
		guard func(*testing.B, *ground)
	}{
		{"XDP, list of 1M", func(b *testing.B, g *ground) { g.shield(b, sources4()) }},
		{"nftables, hash set of 1M", func(b *testing.B, g *ground) {
			e, err := nft.Open(b.Context(), nft.Config{NetNS: g.in.FD(), Timeout: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			list := sources4()
			for i := range list { // one set, as the peer's best
				list[i] = netip.PrefixFrom(source(i), 32)
			}
			if err := e.Load(b.Context(), enforce.List{Prefixes: list}); err != nil {
				b.Fatal(err)
			}
		}},
		{"nftables, interval set of 1M", func(b *testing.B, g *ground) { rules(b, g, intervals) }},
		{"nftables, 1,000 rules", func(b *testing.B, g *ground) { rules(b, g, thousand) }},
	} {
		b.Run(c.name, func(b *testing.B) { flood(b, c.guard) })
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

func flood(b *testing.B, guard func(*testing.B, *ground)) {
	g := newGround(b)
	g.in.Run(b, "ethtool", "-K", "in0", "gro", "on") // without it the interface takes no frames of XDP
	guard(b, g)
	p := g.programs(b, false).Programs["bench_flood"]
	most := 0.0
	for b.Loop() {
		for range 3 {
			most = max(most, burst(b, g, p))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(most, "Mpps")
}

// burst sends the frames and returns how many millions a second arrived, by the counter of
// the guarded interface.
func burst(b *testing.B, g *ground, p *ebpf.Program) (mpps float64) {
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
