package shield_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi/internal/brick/netnstest"
	"haechi/test/gateway"
)

// BenchmarkCrowd is what the process `haechi shield` needs, and the kernel for each packet,
// while ten million sources send one packet each, none of them twice: after the first million
// and after all. Every limit of the program is on. It fails if the process grows by more than
// a tenth, or the program's tables at all.
func BenchmarkCrowd(b *testing.B) {
	for b.Loop() {
		g := newGround(b)
		g.in.Run(b, "ethtool", "-K", "in0", "gro", "on")
		pid := g.process(b)
		all := g.programs(b, false)
		crowd(b, g, all, 100_000) // what is made at the first packet is there
		<-time.After(3 * time.Second)
		idle, cpu, kernel := rss(b, pid), worked(b, pid), tables(b, all)
		first := crowd(b, g, all, 1_000_000)
		at1 := rss(b, pid)
		rest := crowd(b, g, all, 9_000_000)
		at10, after := rss(b, pid), tables(b, all)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(idle)/(1<<10), "MiB-idle")
		b.ReportMetric(float64(at1)/(1<<10), "MiB-1M")
		b.ReportMetric(float64(at10)/(1<<10), "MiB-10M")
		b.ReportMetric(float64(kernel)/(1<<20), "MiB-tables-idle")
		b.ReportMetric(float64(after)/(1<<20), "MiB-tables-10M")
		b.ReportMetric(first, "ns/packet-1M")
		b.ReportMetric(rest, "ns/packet-10M")
		b.ReportMetric(float64((worked(b, pid) - cpu).Milliseconds()), "ms-cpu")
		if at10 > idle+idle/10 {
			b.Errorf("the process grew from %d to %d KiB", idle, at10)
		}
		if after > kernel {
			b.Errorf("the tables grew from %d to %d bytes", kernel, after)
		}
	}
}

// process is a shield on the guarded interface, with every limit that a virtual one takes.
func (g *ground) process(b *testing.B) (pid int) {
	b.Helper()
	p, remove, err := gateway.Build()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(remove)
	dir := b.TempDir()
	socket, file := filepath.Join(dir, "shield.sock"), filepath.Join(dir, "haechi.yaml")
	text := fmt.Sprintf(`state: %s/state
console: { listen: "" }
shield: { kernel: xdp, interfaces: [in0], pins: %s, socket: %s, source_rate: 1000/s burst 2000, ping_rate: 1000/s burst 200, fragment_rate: 1000/s burst 200, reflection: drop }
services:
  any: { kind: tcp, listen: ["10.77.0.1:7000"], upstream: "10.77.0.1:7001" }
`, dir, g.dir, socket)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	run := p.In(g.in.Enter()...).Start(b, "shield", "--config", file, "--user", "root")
	gateway.Eventually(b, "the shield serves", time.Minute, func() bool { _, err := os.Stat(socket); return err == nil })
	return run.PID()
}

// crowd sends a packet of each of so many further sources, from one processor, and returns
// what each took, in ns.
func crowd(b *testing.B, g *ground, all *ebpf.Collection, n uint32) (ns float64) {
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
		_, err = all.Programs["bench_crowd"].Run(&ebpf.RunOptions{Data: packet(g.mac, false), Repeat: n, Flags: liveFrames})
		ns = float64(time.Since(began).Nanoseconds()) / float64(n)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if came := received(b, g) - before; came < uint64(n)*99/100 {
		b.Fatalf("%d of %d packets came", came, n)
	}
	return ns
}

// tables is what the kernel has for the program's tables, in bytes, as it says itself.
func tables(b *testing.B, all *ebpf.Collection) (sum uint64) {
	b.Helper()
	for _, m := range all.Maps {
		info, err := m.Info()
		if err != nil {
			b.Fatal(err)
		}
		n, _ := info.Memlock() // a trie without entries takes nothing
		sum += n
	}
	return sum
}

// rss is what a process has in memory, in KiB.
func rss(b *testing.B, pid int) int64 { return fields(b, fmt.Sprintf("/proc/%d/status", pid))["VmRSS"] }

// worked is the processor time that a process has used (proc_pid_stat(5)), in ticks of 10 ms.
func worked(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
