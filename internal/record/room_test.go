package record_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/record"
)

// While the disk is nearly full, what can be spared is not written, so that the rest
// of it is there for decisions and for an operator's changes. A flood of events
// would otherwise fill it, and nobody could block anybody.
func TestNearlyFullDiskTakesNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		m := &memory{}
		w, stop := running(t, record.WriterConfig{Journal: m, Room: func() bool { return !full.Load() }}, m)
		full.Store(true)
		for i := range 10 {
			w.RecordEvent(event(i))
		}
		w.RecordFinding(&haechi.Finding{Rule: "r"})
		w.RecordDecision(&haechi.Decision{ID: "00000-00001"})
		<-time.After(10 * time.Second)
		synctest.Wait()
		if len(m.events) != 0 || len(m.rest) != 1 || len(m.decisions) != 1 {
			t.Errorf("written: %d events, %v, %d decisions", len(m.events), m.rest, len(m.decisions))
		}
		if w.Degraded() == "" || counter(w, "observations_lost_total") != 10 {
			t.Errorf("degraded %q, lost %d", w.Degraded(), counter(w, "observations_lost_total"))
		}
		full.Store(false)
		<-time.After(2 * time.Second)
		w.RecordEvent(event(11))
		<-time.After(time.Second)
		synctest.Wait()
		if len(m.events) != 2 || m.events[0].Kind == m.events[1].Kind || w.Degraded() != "" {
			t.Errorf("after: %+v, degraded %q", m.events, w.Degraded())
		}
		for _, e := range m.events {
			if e.Kind == haechi.KindSystem && e.Count != 10 {
				t.Errorf("said to be missing: %d, want 10", e.Count)
			}
		}
		stop()
	})
}
