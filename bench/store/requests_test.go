package store_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
)

// requests makes what a busy web service records, 50,000 requests a second: 500 clients,
// 200 paths, 20 browsers; every tenth event is the end of a connection.
func requests(n int) []haechi.Event {
	start := time.Date(2025, 11, 22, 10, 0, 0, 0, time.UTC)
	out := make([]haechi.Event, n)
	for i := range out {
		client := i * 7919 % 500
		addr := netip.AddrFrom4([4]byte{203, 0, byte(client >> 8), byte(client)})
		e := haechi.Event{Time: start.Add(time.Duration(i)*20*time.Microsecond + time.Duration(i*31%977)), Kind: haechi.KindRequest, Outcome: haechi.Success,
			Service: "shop", Actor: haechi.Actor{Addr: addr, Client: netip.PrefixFrom(addr, 32), Assurance: haechi.Handshaken},
			Port: uint16(20000 + i*31%40000), LocalPort: 443, Session: uint64(i / 10), TLS: true, Method: "GET", Host: "shop.example.com",
			Path: fmt.Sprint("/item/", i*31%200), Status: 200, Class: "page", UserAgent: fmt.Sprint("Mozilla/5.0 (X11; Linux x86_64; rv:", client%20, ") Gecko/20100101 Firefox"),
			BytesOut: int64(300 + i*31%4000), Duration: time.Duration(200+i*977%3000) * time.Microsecond}
		if i%10 == 9 {
			e.Kind, e.Method, e.Host, e.Path, e.Status, e.Class, e.UserAgent, e.Reason = haechi.KindClose, "", "", "", 0, "", "", haechi.ReasonPeerClosed
		}
		out[i] = e
	}
	return out
}

// cpu is the processor time that this process has taken.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRequests is what recording a request costs: processor time in the store and
// through the writer's queue, and bytes in the file.
func BenchmarkRequests(b *testing.B) {
	all := requests(200_000)
	b.Run("store", func(b *testing.B) { measure(b, all, func(s *sqlite.Store) { appendAll(b, s, all) }) })
	b.Run("writer", func(b *testing.B) { measure(b, all, func(s *sqlite.Store) { paced(b, s, all) }) })
}

// paced records through the writer's queue, and lets it write after each batch.
func paced(b *testing.B, s *sqlite.Store, all []haechi.Event) {
	w := record.NewWriter(record.WriterConfig{MaxBatch: 2 * batchRows, Interval: time.Hour}, s)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for part := range slices.Chunk(all, batchRows) {
		for i := range part {
			w.RecordEvent(&part[i])
		}
		if err := w.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func measure(b *testing.B, all []haechi.Event, write func(s *sqlite.Store)) {
	var took time.Duration
	var size int64
	for b.Loop() {
		dir := b.TempDir()
		s := open(b, dir)
		from := cpu(b)
		write(s)
		took += cpu(b) - from
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, sqlite.EventsFile))
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	b.ReportMetric(float64(took)/float64(b.N*len(all)), "cpu-ns/event")
	b.ReportMetric(float64(size)/float64(len(all)), "bytes/event")
}

// BenchmarkFind is how long it takes to find events among a million requests and 100,000
// events that are rows: the newest, those of
// one address, of one refusal by its reference, and of an hour that has none.
func BenchmarkFind(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	all := requests(1_000_000)
	refused := &all[123_456]
	refused.Kind, refused.Outcome, refused.Verdict, refused.Reason, refused.Ref = haechi.KindRequest, haechi.Failure, haechi.Deny, haechi.ReasonRateLimit, "AAAAA-BBBBB"
	rare := netip.MustParseAddr("198.51.100.9")
	for i := 0; i < len(all); i += 100_000 {
		all[i].Addr, all[i].Client = rare, netip.PrefixFrom(rare, 32)
	}
	rows := events(100_000)
	for _, some := range [][]haechi.Event{all, rows} { // over ten hours
		for i := range some {
			some[i].Time = all[0].Time.Add(time.Duration(i) * 10 * time.Hour / time.Duration(len(some)))
		}
		appendAll(b, s, some)
	}
	for _, c := range []struct {
		name string
		f    haechi.EventFilter
		want int
	}{
		{"newest", haechi.EventFilter{Limit: 100}, 100},
		{"reference", haechi.EventFilter{Ref: "AAAAA-BBBBB", Limit: 20}, 1},
		{"rare-address", haechi.EventFilter{Source: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.PrefixFrom(rare, 32)}, Limit: 100}, 10},
		{"usual-address", haechi.EventFilter{Source: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: all[5].Client}, Limit: 100}, 100},
		{"failures", haechi.EventFilter{Failures: true, Limit: 100}, 100},
		{"of-a-kind", haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindClose}, Limit: 100}, 100},
		{"ten-thousand", haechi.EventFilter{Limit: 10_000}, 10_000},
		{"no-such-service", haechi.EventFilter{Service: "none", Limit: 100}, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if got, err := s.Events(context.Background(), &c.f); err != nil || len(got) != c.want {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
