package record_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that can be broken.
type memory struct {
	mu        sync.Mutex
	err       error
	events    []haechi.Event
	rest      []string // what else was written, in order
	batches   []int
	hold      chan struct{} // if set, Append waits for it
	decisions []haechi.Decision
}

func (m *memory) Append(ctx context.Context, b *record.Batch) error {
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.batches = append(m.batches, b.Len())
	m.events = append(m.events, b.Events...)
	for _, f := range b.Findings {
		m.rest = append(m.rest, "finding "+f.Rule)
	}
	for _, i := range b.Incidents {
		m.rest = append(m.rest, "incident "+i.Rule)
	}
	for _, d := range b.Devices {
		m.rest = append(m.rest, "device "+d.Key)
	}
	return nil
}

func (m *memory) SaveDecisions(_ context.Context, ds []haechi.Decision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.decisions = append(m.decisions, ds...)
	return nil
}

func (m *memory) breakIt(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// running starts a writer inside the bubble; stop ends and waits.
func running(t *testing.T, cfg record.WriterConfig, m *memory) (w *record.Writer, stop func()) {
	t.Helper()
	w = record.NewWriter(cfg, m)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func event(i int) *haechi.Event {
	addr := netip.MustParseAddr("203.0.113.7")
	return &haechi.Event{Time: time.Date(2000, 1, 1, 0, 0, i, 0, time.UTC), Kind: haechi.KindMessage, Session: uint64(i),
		Actor: haechi.Actor{Addr: addr, Client: netip.PrefixFrom(addr, 32), Device: "LOA.i/1", Assurance: haechi.Authenticated},
		Room:  "방 \" \n <x>", Outcome: haechi.Failure, Verdict: haechi.Deny, Reason: haechi.ReasonReplay, Ref: "7K29Q-XM4TC", Duration: 5}
}

func counter(w *record.Writer, name string) uint64 {
	for _, c := range w.Stats() {
		if c.Name == "record_"+name {
			return c.Value
		}
	}
	panic("no counter " + name)
}

func sessions(events []haechi.Event) (out []uint64) {
	for _, e := range events {
		out = append(out, e.Session)
	}
	return out
}

func upTo(n int) (out []uint64) {
	for i := range n {
		out = append(out, uint64(i))
	}
	return out
}

// A row waits no longer than the interval.
func TestWriterInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w, stop := running(t, record.WriterConfig{}, m)
		defer stop()
		w.RecordEvent(event(0))
		time.Sleep(26 * time.Millisecond)
		synctest.Wait()
		if len(m.events) != 1 {
			t.Errorf("%d events written within the interval, want 1", len(m.events))
		}
	})
}

// A full batch is written at once, and no transaction is longer.
func TestWriterBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w, stop := running(t, record.WriterConfig{MaxBatch: 10, Interval: time.Hour}, m)
		defer stop()
		for i := range 9 {
			w.RecordEvent(event(i))
		}
		synctest.Wait()
		if len(m.events) != 0 {
			t.Fatalf("%d events written before the batch is full", len(m.events))
		}
		for i := 9; i < 25; i++ {
			w.RecordEvent(event(i))
		}
		synctest.Wait()
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, n := range m.batches {
			if n > 10 {
				t.Errorf("batches of %v rows, want at most 10", m.batches)
			}
		}
		if d := cmp.Diff(upTo(25), sessions(m.events)); d != "" {
			t.Error(d)
		}
	})
}

// Recording never waits for the store: what does not fit is dropped and counted,
// findings still fit, and a system event tells how much is missing.
func TestWriterFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hold: make(chan struct{})}
		w, stop := running(t, record.WriterConfig{Queue: 10}, m)
		w.RecordEvent(event(0))
		time.Sleep(30 * time.Millisecond) // the writer now waits in Append
		for i := range 13 {
			e := event(1 + i)
			e.Count = 4
			w.RecordEvent(e)
		}
		w.RecordFinding(&haechi.Finding{Rule: "r"})
		close(m.hold)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if got := counter(w, "rows_dropped_total"); got != 3 {
			t.Errorf("%d rows dropped, want 3", got)
		}
		if got := counter(w, "observations_lost_total"); got != 12 {
			t.Errorf("%d observations lost, want 12", got)
		}
		last := m.events[len(m.events)-1]
		if last.Kind != haechi.KindSystem || last.Count != 12 || last.Reason != haechi.ReasonOverload {
			t.Errorf("the last event does not tell of the loss: %+v", last)
		}
		if d := cmp.Diff([]string{"finding r"}, m.rest); d != "" {
			t.Error(d)
		}
	})
}

// While the store fails, everything goes to the spool; afterwards it is written back
// in order, before what is new.
func TestWriterSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{err: errors.New("disk full")}
		path := filepath.Join(t.TempDir(), "spool")
		w, stop := running(t, record.WriterConfig{SpoolPath: path, Journal: m, MaxBatch: 7}, m)
		for i := range 40 {
			w.RecordEvent(event(i))
		}
		w.RecordFinding(&haechi.Finding{Rule: "f"})
		w.RecordIncident(&haechi.Incident{Rule: "i"})
		w.RecordDevice(&haechi.Device{Key: "a/1"})
		w.RecordDecision(&haechi.Decision{ID: "00000-00001", Origin: haechi.OriginRule})
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.Degraded() == "" || counter(w, "rows_spooled_total") != 44 || counter(w, "rows_dropped_total") != 0 {
			t.Fatalf("degraded %q, counters %v", w.Degraded(), w.Stats())
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("spool: %v, %v", info, err)
		}
		m.breakIt(nil)
		for i := 40; i < 50; i++ {
			w.RecordEvent(event(i))
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if d := cmp.Diff(upTo(50), sessions(m.events)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(*event(3), m.events[3], cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("an event differs after the spool:\n%s", d)
		}
		if d := cmp.Diff([]string{"finding f", "incident i", "device a/1"}, m.rest); d != "" {
			t.Error(d)
		}
		if len(m.decisions) != 1 || w.Degraded() != "" || counter(w, "spool_bytes") != 0 {
			t.Errorf("decisions %v, degraded %q, %v", m.decisions, w.Degraded(), w.Stats())
		}
		stop()
	})
}

// A spool outlives the process, and a record that a crash cut short only costs
// itself.
func TestWriterSpoolAfterCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "spool")
		broken := &memory{err: errors.New("gone")}
		w, stop := running(t, record.WriterConfig{SpoolPath: path}, broken)
		for i := range 10 {
			w.RecordEvent(event(i))
		}
		stop() // drains into the spool
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data[:len(data)-3], 0o600); err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		w, stop = running(t, record.WriterConfig{SpoolPath: path}, m)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(upTo(9), sessions(m.events)); d != "" {
			t.Error(d)
		}
		stop()
		m2 := &memory{}
		w, stop = running(t, record.WriterConfig{SpoolPath: path}, m2)
		defer stop()
		if err := w.Flush(t.Context()); err != nil || len(m2.events) != 0 {
			t.Errorf("a spool written back is written back again: %d events, %v", len(m2.events), err)
		}
	})
}

// The spool has a cap; beyond it rows are dropped and counted.
func TestWriterSpoolCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{err: errors.New("gone")}
		path := filepath.Join(t.TempDir(), "spool")
		w, stop := running(t, record.WriterConfig{SpoolPath: path, SpoolMax: 3000}, m)
		for i := range 100 {
			w.RecordEvent(event(i))
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() > 3000 {
			t.Errorf("spool of %v bytes, %v", info.Size(), err)
		}
		kept, lost := counter(w, "rows_spooled_total"), counter(w, "rows_dropped_total")
		if kept == 0 || kept+lost != 100 || counter(w, "observations_lost_total") != lost {
			t.Errorf("%d kept and %d lost of 100", kept, lost)
		}
		m.breakIt(nil)
		time.Sleep(1100 * time.Millisecond)
		stop()
		last := m.events[len(m.events)-1]
		if last.Kind != haechi.KindSystem || last.Count != lost {
			t.Errorf("the loss of %d is told as %+v", lost, last)
		}
	})
}

// A damaged or foreign spool, or none at all, does not stop the writer.
func TestWriterWithoutSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, []byte("something else entirely"), 0o600); err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		w, stop := running(t, record.WriterConfig{SpoolPath: path}, m)
		w.RecordEvent(event(0))
		stop()
		if len(m.events) != 1 || w.Degraded() == "" {
			t.Errorf("%d events, degraded %q", len(m.events), w.Degraded())
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "something else entirely" {
			t.Error("the foreign file was written to")
		}
	})
}

// Shutdown writes what waits; recording afterwards is harmless.
func TestWriterDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w, stop := running(t, record.WriterConfig{Interval: time.Hour}, m)
		for i := range 500 {
			w.RecordEvent(event(i))
		}
		stop()
		if len(m.events) != 500 {
			t.Errorf("%d events after shutdown, want 500", len(m.events))
		}
		w.RecordEvent(event(1))
		if err := w.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestWriterEndsAWrite: the end of the program does not break the write under way,
// and does not wait for ever for one that hangs.
func TestWriterEndsAWrite(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{hold: make(chan struct{})}
			w, stop := running(t, record.WriterConfig{Interval: time.Second, DrainLimit: time.Minute}, m)
			w.RecordEvent(event(1))
			time.Sleep(2 * time.Second)
			synctest.Wait() // in the store
			if !hangs {
				time.AfterFunc(time.Second, func() { close(m.hold) })
			}
			stop()
			if written := len(m.events) == 1; written == hangs || counter(w, "store_failures_total") != 0 && !hangs {
				t.Errorf("hangs %v, written %v, failures %d", hangs, written, counter(w, "store_failures_total"))
			}
		})
	}
}

func TestWriterConcurrent(t *testing.T) {
	m := &memory{}
	w, stop := running(t, record.WriterConfig{Queue: 100000, MaxBatch: 100, Interval: time.Millisecond}, m)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				w.RecordEvent(event(g*1000 + i))
			}
		})
	}
	wg.Wait()
	stop()
	seen := map[uint64]bool{}
	for _, e := range m.events {
		seen[e.Session] = true
	}
	if len(seen) != 4000 || len(m.events) != 4000 {
		t.Errorf("%d events, %d different, want 4000", len(m.events), len(seen))
	}
}

// Recording costs no allocation once the queue has grown.
func TestRecordEventAllocates(t *testing.T) {
	w := record.NewWriter(record.WriterConfig{Queue: 4096}, &memory{})
	e := event(1)
	for range 4096 {
		w.RecordEvent(e)
	}
	if n := testing.AllocsPerRun(100, func() { w.RecordEvent(e) }); n != 0 {
		t.Errorf("RecordEvent allocates %v times", n)
	}
}

func FuzzSpool(f *testing.F) {
	good := filepath.Join(f.TempDir(), "good")
	w, stop := record.NewWriter(record.WriterConfig{SpoolPath: good}, &memory{err: errors.New("x")}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	for i := range 3 {
		w.RecordEvent(event(i))
	}
	cancel()
	go func() { stop <- w.Run(ctx) }()
	if err := <-stop; err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte("HAECHIS1"))
	f.Add([]byte(nil))
	// Whatever lies in the file, the writer starts, gives back only rows that were
	// written, and what it records afterwards arrives.
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		w := record.NewWriter(record.WriterConfig{SpoolPath: path, Interval: time.Hour}, m)
		ctx, cancel := context.WithCancel(context.Background())
		w.RecordEvent(event(99))
		cancel()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(m.events); n == 0 || m.events[n-1].Session != 99 {
			t.Fatal(fmt.Sprint(n, " events, and not the new one"))
		}
	})
}
