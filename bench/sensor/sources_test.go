package sensor_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
)

// strangers is how many sources there are, each with a flow of its own. honest are the
// connections that were there before them.
const (
	strangers = 10_000_000
	honest    = 1000
	// sensorCap is what the sensor with the shipped rules and a million flows may hold, in
	// bytes, whatever comes: 67 MiB of flows of IPv4, 44 of IPv6, and the tables of the
	// detectors.
	sensorCap = 192 << 20
)

// BenchmarkStrangers sends ten million SYN of as many sources, half of them in IPv6, past
// a thousand connections that are idle, through all that haechi replay does; then the
// idle ones say something. It fails if one of them was forgotten, if the flood was not
// told of, or if more memory is held than may be.
func BenchmarkStrangers(b *testing.B) {
	for b.Loop() {
		pipe := filepath.Join(b.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			b.Fatal(err)
		}
		go flood(b, pipe)
		var m memory
		seen, took := watch(b, pipe, &m)
		b.ReportMetric(float64(took.Nanoseconds())/strangers, "ns/flow")
		b.ReportMetric(float64(m.first)/(1<<20), "MiB-heap-1M")
		b.ReportMetric(float64(m.peak)/(1<<20), "MiB-heap")
		b.ReportMetric(float64(sensorCap)/(1<<20), "MiB-cap")
		b.ReportMetric(float64(seen.lost), "honest-lost")
		b.ReportMetric(float64(seen.begun), "flows")
		if m.peak > sensorCap || seen.lost > 0 || seen.alive != honest || !seen.flood || seen.begun < strangers {
			b.Errorf("%+v, %d MiB", seen, m.peak>>20)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// memory is the highest heap that a collection left, and what the first million left.
type memory struct {
	read, next  int64
	first, peak uint64
}

// progress collects after every million of packets.
func (m *memory) progress(n int64) {
	const million = strangers / 10 * 86 // bytes, nearly
	if m.read += n; m.read < m.next {
		return
	}
	m.next += million
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	if m.read > million && m.first == 0 {
		m.first = s.HeapAlloc
	}
	m.peak = max(m.peak, s.HeapAlloc)
}

// sight is what became of the connections.
type sight struct {
	begun, alive, lost int
	flood              bool
}

func watch(b *testing.B, pipe string, m *memory) (s sight, took time.Duration) {
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	end := map[uint16]bool{} // of honest connections, before they spoke again
	before := used(b)
	err = r.File(context.Background(), pipe, func(e *haechi.Event) {
		if e.Kind != haechi.KindFlow {
			return
		}
		if e.Phase == haechi.FlowBegin {
			s.begun++
		}
		if e.LocalPort != 22 || e.Phase == haechi.FlowBegin {
			return
		}
		switch {
		case e.Phase == haechi.FlowEnd && e.State == haechi.FlowEstablished && !end[e.Port]:
			s.lost++
		case e.State == haechi.FlowClosed && !end[e.Port]:
			end[e.Port] = true
			s.alive++
		}
	}, func(f *replay.Found) { s.flood = s.flood || f.Detector == "syn_flood" }, m.progress)
	if err != nil {
		b.Fatal(err)
	}
	return s, used(b) - before
}

// flood writes the capture into the pipe.
func flood(b *testing.B, pipe string) {
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	w := &writer{out: bufio.NewWriterSize(f, 1<<20)}
	w.head()
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	say := func(p packet) {
		at = at.Add(5 * time.Microsecond)
		w.write(at, &p)
	}
	old := idle()
	talk := func(steps int) {
		for _, c := range old {
			for range steps {
				say(c.next())
			}
		}
	}
	talk(4)
	for i := range uint32(strangers) {
		p := packet{to: end{[16]byte{10, 1, 0, byte(i)}, 443}, from: end{port: uint16(1024 + i%50000)}, proto: protoTCP, flags: syn, seq: i}
		if p.v6 = i%2 == 1; p.v6 {
			p.to.addr = [16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 15: byte(i)}
			binary.BigEndian.PutUint64(p.from.addr[:], 0x2002_0000_0000_0000+uint64(i))
		} else {
			binary.BigEndian.PutUint32(p.from.addr[:], 0x0b000000+i)
		}
		say(p)
	}
	talk(4)
	if err := w.out.Flush(); err != nil {
		b.Error(err)
	}
}

// idle are the honest connections, each with four steps before the flood and four behind.
func idle() (out []*conversation) {
	for i := range uint32(honest) {
		c := &conversation{client: end{[16]byte{10, 2, byte(i >> 8), byte(i)}, uint16(30000 + i)}, server: end{[16]byte{10, 1, 0, 1}, 22},
			proto: protoTCP, seq: [2]uint32{i, 5000 + i}}
		c.shake()
		c.tell(false, []byte("SSH-2.0-a\r\n"))
		c.tell(true, []byte("SSH-2.0-b\r\n"))
		c.part()
		out = append(out, c)
	}
	return out
}
