package sources_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect/rules"
	"haechi/internal/pipeline"
)

// heapCap is what the pipeline, two shards and the shipped rules may hold, in
// bytes, whatever the number of sources. Each of the four rules that count failures
// and logins holds at most 65,536 clients, the queues and their spare 16,384
// events of half a kilobyte.
const heapCap = 96 << 20

// counting takes the place of the records.
type counting struct{ observations, findings atomic.Uint64 }

func (c *counting) RecordEvent(e *haechi.Event)     { c.observations.Add(e.N()) }
func (c *counting) RecordFinding(*haechi.Finding)   { c.findings.Add(1) }
func (c *counting) RecordDecision(*haechi.Decision) {}

// source is the actor number i: half of them IPv4 addresses, half IPv6 networks.
func source(i int) haechi.Actor {
	var b [16]byte
	if i%2 == 0 {
		binary.BigEndian.PutUint32(b[:], uint32(i)+0x0b000000)
		a := netip.AddrFrom4([4]byte(b[:4]))
		return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}
	}
	binary.BigEndian.PutUint64(b[:], 0x2001_0db8_0000_0000+uint64(i))
	a := netip.AddrFrom16(b)
	return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 64), Assurance: haechi.Handshaken}
}

// event is what source i does: it fails to prove a device, fails to log in, is
// limited, or loads a page.
func event(i int, at time.Time) haechi.Event {
	e := haechi.Event{Time: at, Actor: source(i), Service: "bots", Kind: haechi.KindAuth, Outcome: haechi.Failure,
		Reason: haechi.ReasonHMACFailed}
	switch i / 2 % 4 {
	case 1:
		e.Kind, e.Reason, e.Service, e.Class, e.Status = haechi.KindRequest, "", "shop", "login", 401
	case 2:
		e.Kind, e.Reason = haechi.KindMessage, haechi.ReasonRateLimit
		e.Ref = haechi.NewReference("limit/address", e.Addr.String(), at)
	case 3:
		e.Kind, e.Outcome, e.Reason, e.Service, e.Path, e.Status = haechi.KindRequest, haechi.Success, "", "shop", "/", 200
	}
	return e
}

// push sends n distinct sources through and returns the highest heap that a
// collection left.
func push(tb testing.TB, n int) (peak uint64) {
	set, err := rules.Load(os.DirFS("../../rules"), rules.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var records counting
	p := pipeline.New(pipeline.Config{Shards: 2}, pipeline.Deps{Recorder: &records, Detectors: pipeline.Detectors{
		Actor: func(shard, shards int) []pipeline.Detector { return []pipeline.Detector{set.Detector(shard, shards)} },
		Cross: []pipeline.Detector{set.Cross()},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	start := time.Now()
	for i := range n {
		e := event(i, start.Add(time.Duration(i)*10*time.Microsecond))
		p.Emit(&e)
		if i%512 == 511 {
			runtime.Gosched()
		}
		if i%(n/8+1) == n/8 {
			peak = max(peak, heap())
		}
	}
	peak = max(peak, heap())
	cancel()
	<-done
	if got := records.observations.Load(); got != uint64(n) {
		tb.Errorf("%d of %d observations arrived", got, n)
	}
	for _, c := range append(p.Stats(), set.Stats()...) {
		tb.Logf("%-28s %d", c.Name, c.Value)
	}
	return peak
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryIsFlat(t *testing.T) {
	const n = 300_000
	if peak := push(t, n); peak > heapCap {
		t.Errorf("%d sources: %d MiB of heap, at most %d", n, peak>>20, heapCap>>20)
	}
}

// BenchmarkSources is one source an operation.
func BenchmarkSources(b *testing.B) {
	peak := push(b, b.N)
	b.ReportMetric(float64(peak)/(1<<20), "MiB-heap")
	b.ReportMetric(heapCap>>20, "MiB-cap")
	if peak > heapCap {
		b.Errorf("%d sources: %d MiB of heap, at most %d", b.N, peak>>20, heapCap>>20)
	}
}
