package shield_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/enforce/xdp"
	"haechi/internal/sensor/capture"
)

// BenchmarkCount is how many packets a second of a flood are counted, all of them, with
// the generator on the same processor: by the program of the shield, which counts by class
// and looks each source up in a list of a million; and by the sensor's ring, whose reader
// has another processor to itself and counts only. In both cases the packet ends there: a
// rule drops it before the kernel makes anything of it. In turns; the best of five counts,
// since the machine is shared.
func BenchmarkCount(b *testing.B) {
	for b.Loop() {
		inXDP, inRing := 0.0, 0.0
		var lost uint64
		for range 5 {
			inXDP = max(inXDP, countXDP(b))
			mpps, gone := countRing(b)
			inRing, lost = max(inRing, mpps), lost+gone
		}
		b.ReportMetric(inXDP, "Mpps-XDP")
		b.ReportMetric(inRing, "Mpps-AF_PACKET")
		b.ReportMetric(inXDP/inRing, "XDP/AF_PACKET")
		b.ReportMetric(float64(lost)/(5*frames), "share-lost-AF_PACKET")
	}
	b.ReportMetric(0, "ns/op")
}

func countXDP(b *testing.B) float64 {
	g := newGround(b)
	g.in.Run(b, "ethtool", "-K", "in0", "gro", "on")
	e := g.shield(b, sources4())
	p := g.programs(b, false).Programs["bench_flood"]
	before := counted(b, e)
	mpps := burst(b, g, p, frames)
	if n := counted(b, e) - before; n < frames {
		b.Fatalf("%d of %d packets were counted", n, frames)
	}
	return mpps
}

func counted(b *testing.B, e *xdp.Enforcer) (n uint64) {
	c, err := e.Counters()
	if err != nil {
		b.Fatal(err)
	}
	for _, in := range c.Received {
		n += in.All().Packets
	}
	return n
}

func countRing(b *testing.B) (mpps float64, lost uint64) {
	g := newGround(b)
	g.in.Run(b, "ethtool", "-K", "in0", "gro", "on")
	g.in.Run(b, "nft", "add table ip bench; add chain ip bench early { type filter hook prerouting priority -310; }; add rule ip bench early drop")
	var live *capture.Live
	err := g.in.Do(func() error {
		f, err := capture.OpenSocket("in0")
		if err == nil {
			live, err = capture.NewLive(f)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	var read atomic.Uint64
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- reading(live, &read, stop) }()
	mpps = burst(b, g, g.programs(b, false).Programs["bench_flood"], frames)
	for wait := 0; wait < 200 && read.Load() < frames; wait++ {
		<-time.After(10 * time.Millisecond)
	}
	close(stop)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if _, lost = live.Stats(); read.Load()+lost < frames {
		b.Fatalf("%d packets were read and %d lost, of %d", read.Load(), lost, frames)
	}
	if err := live.Close(); err != nil {
		b.Fatal(err)
	}
	return mpps, lost
}

// reading counts frames until it is told to stop.
func reading(live *capture.Live, read *atomic.Uint64, stop chan struct{}) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var f capture.Frame
	for {
		n := uint64(0)
		for live.Next(&f) {
			n++
		}
		read.Add(n)
		select {
		case <-stop:
			return nil
		default:
		}
		if n == 0 {
			if _, err := capture.Wait(10*time.Millisecond, []*capture.Live{live}); err != nil {
				return err
			}
		}
	}
}
