package sensor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/decode"
	"haechi/internal/sensor/flow"
)

const (
	rounds  = 5 // the medians count
	packets = 1_000_000
	// mostPeer bounds one run of a peer.
	mostPeer = 2 * time.Minute
)

// BenchmarkPackets reads one and the same capture: packets for each second of processor
// time (user and system) of the sensor's stages, and of two programs that do the like.
// softflowd keeps flows and exports them to a socket that reads them; nDPI's reader also
// tells protocols.
func BenchmarkPackets(b *testing.B) {
	path := filepath.Join(b.TempDir(), "traffic.pcap")
	t := makeCapture(b, path, packets)
	b.Logf("%d packets, %d MB, %s of traffic; conversations: %v", t.packets, t.bytes>>20, t.at.Sub(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)).Round(time.Second), t.many)
	all := contestants(b, path)
	app.HugeHeap() // as haechi replay does
	for b.Loop() {
		rates := map[string][]float64{}
		for range rounds {
			for _, c := range all {
				took, n := c.run(b)
				if n != t.packets {
					b.Fatalf("%s counted %d of %d packets", c.name, n, t.packets)
				}
				rates[c.name] = append(rates[c.name], float64(n)/took.Seconds()/1e6)
			}
		}
		for _, c := range all {
			b.ReportMetric(median(rates[c.name]), "Mpps-"+c.name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// contestant reads the capture once.
type contestant struct {
	name string
	run  func(*testing.B) (took time.Duration, packets int)
}

func contestants(b *testing.B, path string) []contestant {
	out := []contestant{
		{"decode", own(func(b *testing.B) int { return decoded(b, path, func([]sensor.Packet) {}, func(*sensor.Packet) {}) })},
		{"flows", own(func(b *testing.B) int {
			t := flow.New(flow.Config{}, nil, func(*haechi.Event) {})
			n := decoded(b, path, t.Ahead, t.Packet)
			t.Flush()
			return n
		})},
		{"detectors", own(func(b *testing.B) int { return replayed(b, path) })},
	}
	if bin, err := exec.LookPath("softflowd"); err == nil {
		out = append(out, contestant{"softflowd", func(b *testing.B) (time.Duration, int) { return softflowd(b, bin, path) }})
	}
	if bin, err := exec.LookPath("ndpiReader"); err == nil {
		out = append(out, contestant{"ndpiReader", func(b *testing.B) (time.Duration, int) { return ndpi(b, bin, path) }})
	}
	return out
}

// gcPercent is that of cmd/haechi (docs/decisions/0011-gogc-400.md).
const gcPercent = 400

// own is the time of processors that this process spends on f.
func own(f func(*testing.B) int) func(*testing.B) (time.Duration, int) {
	return func(b *testing.B) (time.Duration, int) {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
		before := used(b)
		n := f(b)
		return used(b) - before, n
	}
}

func used(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// decoded reads a capture and hands each packet on, as the sensor does.
func decoded(tb testing.TB, path string, ahead func([]sensor.Packet), to func(*sensor.Packet)) (n int) {
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c, err := capture.OpenFile(f, func(int64) {})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var frames [32]capture.Frame
	var ps [32]sensor.Packet
	d := decode.New(decode.LinkEthernet)
	for {
		got, err := c.Batch(frames[:])
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			tb.Fatal(err)
		}
		for i := range frames[:got] {
			ps[i].Time = frames[i].Time
			if d.Frame(frames[i].Bytes, &ps[i]) != decode.Decoded {
				tb.Fatal("a packet of the capture cannot be read")
			}
		}
		ahead(ps[:got])
		for i := range frames[:got] {
			to(&ps[i])
		}
		n += got
	}
}

// replayed is what haechi replay does: all that ships, every detector on.
func replayed(tb testing.TB, path string) int {
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		tb.Fatal(err)
	}
	found, read := map[string]bool{}, int64(0)
	err = r.File(context.Background(), path, nil, func(f *replay.Found) { found[f.Detector] = true }, func(n int64) { read += n })
	if err != nil {
		tb.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != read {
		tb.Fatalf("%d bytes of the capture were read: %v", read, err)
	}
	if !found["port_scan"] {
		tb.Fatalf("the scans of the capture are not found: %v", found)
	}
	return packets
}

// peer runs a program and returns its time of processors and what it printed.
func peer(b *testing.B, bin string, args ...string) (time.Duration, string) {
	ctx, cancel := context.WithTimeout(b.Context(), mostPeer)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = b.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v: %s", bin, err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), string(out)
}

// number is the one that stands behind a word of a report.
func number(b *testing.B, text, word string) (n int) {
	_, rest, ok := strings.Cut(text, word)
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		b.Fatalf("no number after %q: %v: %s", word, err, text)
	}
	return n
}
