package shield_test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
)

const entries = 1_000_000

// list has a million entries, of which the first stands in every generation.
func list(v6 bool, generation int) []netip.Prefix {
	out := make([]netip.Prefix, entries)
	for i := range out {
		n := i
		if i > 0 {
			n += generation * entries / 2
		}
		if v6 {
			out[i] = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 64)
		} else {
			out[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
		}
	}
	return out
}

func BenchmarkList(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		b.Run(map[bool]string{false: "IPv4", true: "IPv6 64"}[v6], func(b *testing.B) { benchList(b, v6) })
	}
}

func benchList(b *testing.B, v6 bool) {
	out, in := netnstest.New(b), netnstest.New(b)
	netnstest.Link(b, netnstest.End{NS: out, Name: "out0", Addrs: []string{"10.77.0.2/24", "fd77::2/64"}},
		netnstest.End{NS: in, Name: "in0", Addrs: []string{"10.77.0.1/24", "fd77::1/64"}})
	e, err := nft.Open(b.Context(), nft.Config{NetNS: in.FD()})
	if err != nil {
		b.Fatal(err)
	}
	lists := [][]netip.Prefix{list(v6, 0), list(v6, 1)}
	<-time.After(2 * time.Second) // the kernel frees what the last one had
	before := kernelMemory(b)
	began := time.Now()
	if err := e.Load(b.Context(), enforce.List{Prefixes: lists[0]}); err != nil {
		b.Fatal(err)
	}
	load, memory := time.Since(began), kernelMemory(b)-before

	to := netip.MustParseAddrPort("10.77.0.1:9000")
	if v6 {
		to = netip.MustParseAddrPort("[fd77::1]:9000")
	}
	var socket net.PacketConn
	err = in.Do(func() (err error) {
		socket, err = net.ListenPacket("udp", "[::]:9000")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	s := out.NewStream(lists[0][0].Addr(), to, socket, 100*time.Microsecond)
	waits := replacing(b, e, lists)
	s.Close(b)
	sent, slipped := s.Count()
	slices.Sort(waits)
	b.ReportMetric(load.Seconds(), "s/load")
	b.ReportMetric(float64(memory)/entries, "B/entry")
	b.ReportMetric(float64(slipped), "slipped")
	b.ReportMetric(float64(sent), "sent")
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms/decision-p50")
	b.ReportMetric(float64(waits[len(waits)-1].Microseconds())/1000, "ms/decision-most")
}

// replacing replaces the list again and again, and puts decisions into force meanwhile.
func replacing(b *testing.B, e *nft.Enforcer, lists [][]netip.Prefix) (waits []time.Duration) {
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(5 * time.Millisecond):
			}
			now := time.Now()
			d := haechi.Decision{ID: haechi.Reference(fmt.Sprint(i)), Action: haechi.Drop, Mode: haechi.Enforce, From: now, Until: now.Add(time.Hour),
				Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 32)}}
			if err := e.Apply(b.Context(), []haechi.Decision{d}); err != nil {
				done <- err
				return
			}
			waits = append(waits, time.Since(now))
		}
	}()
	i := 0
	for b.Loop() {
		i++
		if err := e.Load(b.Context(), enforce.List{Prefixes: lists[i%2]}); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return waits
}

// kernelMemory is what is used of the machine's memory beyond this process, in bytes.
func kernelMemory(b *testing.B) int64 {
	b.Helper()
	debug.FreeOSMemory()
	m, own := fields(b, "/proc/meminfo"), fields(b, "/proc/self/status")
	return (m["MemTotal"] - m["MemFree"] - m["Buffers"] - m["Cached"] - own["RssAnon"]) << 10
}

// fields reads lines such as "MemFree: 123 kB".
func fields(b *testing.B, name string) map[string]int64 {
	b.Helper()
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	out := make(map[string]int64)
	for in := bufio.NewScanner(f); in.Scan(); {
		key, rest, _ := strings.Cut(in.Text(), ":")
		var n int64
		if _, err := fmt.Sscan(rest, &n); err == nil {
			out[key] = n
		}
	}
	return out
}
