package devicegate_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi/internal/ingress/devicegate"
)

// TestPuttingAwayLosesNothing lists every field of a machine with what becomes of it
// while the connection is idle. A new field has to be put here, and into still.go.
func TestPuttingAwayLosesNothing(t *testing.T) {
	kept := map[string]string{
		"gate": "the session's", "session": "the session's", "state": "open, or it is not put away",
		"actor": "kept, or it is not put away", "deadline": "kept", "bot": "part of the key", "serial": "part of the key",
		"key": "the session's", "version": "told to the registry before, which keeps it", "stamp": "kept", "rooms": "kept", "lastSeen": "kept",
		"seq": "kept", "proofSeq": "part of seq once the session is open", "bound": "kept", "nest": "not within a frame",
		"status": "approved, or it is not put away", "hello": "none", "early": "none", "partial": "none", "whole": "none",
		"wait": "none under way", "refused": "none", "holdUntil": "not held", "discarded": "not held", "end": "not at its end",
		"enrol": "none once the session is open", "pin": "kept, or the same as serial", "greetings": "kept",
		"failure": "not at its end", "out": "the gate's own frame, which was sent",
	}
	for _, f := range devicegate.MachineFields() {
		if kept[f] == "" {
			t.Errorf("Machine.%s is forgotten while the connection is idle: keep it in still.go, or do not put such a machine away (resting)", f)
		}
		delete(kept, f)
	}
	for f := range kept {
		t.Errorf("there is no Machine.%s any more", f)
	}
}

// A machine that was put away and brought back answers as if nothing had been.
func TestPutAwayAndBack(t *testing.T) {
	_, m, w, p := machineWith(t)
	for _, frame := range []string{p.message("방", "QQ=="), p.pong(), p.message("다른 방", "")} {
		before := devicegate.Dump(m)
		away, ok := devicegate.PutAway(m)
		if !ok {
			t.Fatal("a machine at rest was not put away")
		}
		back := away()
		if after := devicegate.Dump(back); after != before {
			t.Errorf("before: %s\nafter:  %s", before, after)
		}
		m = back
		if n, a := m.Step(w, []byte(frame), start); n != len(frame) || a.Op != devicegate.OpForward {
			t.Errorf("took %d of %d bytes, then %v", n, len(frame), a.Op)
		}
	}
	m.Step(w, []byte("{"), start)
	if _, ok := devicegate.PutAway(m); ok {
		t.Error("half a line was put away")
	}
}

// TestBeats: a deadline that was put away is never early and less than a fifth of a second
// late, a note of life a tenth of a second old at most; none stays none.
func TestBeats(t *testing.T) {
	const far = int64(6 * 365 * 24 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		due := start.Add(time.Duration(rapid.Int64Range(-far, far).Draw(t, "due")))
		seen := start.Add(time.Duration(rapid.Int64Range(-far, far).Draw(t, "seen")))
		d, s, ok := devicegate.Beats(start, due, seen)
		if late, old := d.Sub(due), seen.Sub(s); !ok || late < 0 || late > 200*time.Millisecond || old < 0 || old > 100*time.Millisecond {
			t.Fatalf("%v too late, %v too old, %v", late, old, ok)
		}
	})
	if d, _, ok := devicegate.Beats(start, time.Time{}, start); !ok || !d.IsZero() {
		t.Errorf("no deadline became %v", d)
	}
	if _, _, ok := devicegate.Beats(start, start.AddDate(20, 0, 0), start); ok {
		t.Error("a deadline beyond what is kept was put away")
	}
}
