package record_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/record"
)

// forgetful is a store that keeps batches by their number, and whose answers may be
// lost after it has written.
type forgetful struct {
	memory
	known map[record.BatchID]int // rows of each batch
	lose  int                    // so many answers are lost
}

func (f *forgetful) Append(ctx context.Context, b *record.Batch) error {
	if rows, ok := f.known[b.ID]; ok {
		if rows != b.Len() {
			return errors.New("a batch came again with other rows")
		}
		return nil
	}
	if f.known == nil {
		f.known = map[record.BatchID]int{}
	}
	if err := f.memory.Append(ctx, b); err != nil {
		return err
	}
	f.known[b.ID] = b.Len()
	if f.lose > 0 {
		f.lose--
		return errors.New("the answer was lost")
	}
	return nil
}

func runs(t *testing.T, cfg record.WriterConfig, s record.Appender) (w *record.Writer, stop func()) {
	t.Helper()
	w = record.NewWriter(cfg, s)
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

// A batch whose answer was lost is sent again as it was, under its number, through the
// spool and however many come after it: the store can tell, and nothing is there twice.
func TestLostAnswersAreNotWrittenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &forgetful{lose: 3}
		w, stop := runs(t, record.WriterConfig{SpoolPath: filepath.Join(t.TempDir(), "spool"), MaxBatch: 10}, s)
		for i := range 200 {
			w.RecordEvent(event(i))
			if i%7 == 0 {
				time.Sleep(30 * time.Millisecond)
			}
		}
		time.Sleep(10 * time.Second)
		stop()
		if d := cmp.Diff(upTo(200), sessions(s.events)); d != "" {
			t.Error(d)
		}
	})
}

// A process that is killed after the store took a batch of the spool and before that is
// noted sends it again after its start; so does one that spooled what was written.
func TestKilledBeforeTheSpoolMovedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "spool")
		s := &forgetful{lose: 1}
		s.err = errors.New("away")
		w, stop := runs(t, record.WriterConfig{SpoolPath: path, MaxBatch: 10}, s)
		for i := range 25 {
			w.RecordEvent(event(i))
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s.breakIt(nil)
		time.Sleep(5 * time.Second)
		stop()
		if err := os.WriteFile(path, before, 0o600); err != nil { // as the kill left it
			t.Fatal(err)
		}
		w, stop = runs(t, record.WriterConfig{SpoolPath: path, MaxBatch: 10}, s)
		w.RecordEvent(event(25))
		time.Sleep(5 * time.Second)
		stop()
		if d := cmp.Diff(upTo(26), sessions(s.events)); d != "" {
			t.Error(d)
		}
	})
}

// A spool of the version before batches had numbers is written back.
func TestSpoolWithoutNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := bytes.NewBufferString("HAECHIS1")
		file.Write(binary.BigEndian.AppendUint64(nil, 16))
		for i := range 5 {
			line, err := json.Marshal(map[string]*haechi.Event{"event": event(i)})
			if err != nil {
				t.Fatal(err)
			}
			line = append(line, '\n')
			file.Write(binary.BigEndian.AppendUint32(nil, uint32(len(line))))
			file.Write(binary.BigEndian.AppendUint32(nil, crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))))
			file.Write(line)
		}
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		_, stop := running(t, record.WriterConfig{SpoolPath: path}, m)
		time.Sleep(2 * time.Second)
		stop()
		if d := cmp.Diff(upTo(5), sessions(m.events)); d != "" {
			t.Error(d)
		}
	})
}

// A store that hangs is given up after the attempt's time, so that the queue is
// emptied; the state says what goes on.
func TestHangingStoreIsSpooledPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hold: make(chan struct{})}
		w, stop := running(t, record.WriterConfig{SpoolPath: filepath.Join(t.TempDir(), "spool"), Attempt: time.Second, Queue: 1000}, m)
		for i := range 3000 {
			w.RecordEvent(event(i))
			time.Sleep(2 * time.Millisecond)
		}
		if s := w.State(); !s.Failing || s.CatchingUp || s.Waiting == 0 || counter(w, "store_failing") != 1 {
			t.Errorf("while it hangs: %+v", s)
		}
		close(m.hold)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := w.State(); s != (record.State{}) || w.Degraded() != "" || counter(w, "catching_up") != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		stop()
		if n := counter(w, "rows_dropped_total"); n != 0 || len(m.events) != 3000 {
			t.Errorf("%d rows dropped, %d written", n, len(m.events))
		}
	})
}
