package signature_test

import (
	"testing"
	"time"

	"haechi/internal/identity/signature"
)

// A capture of the run before, played back as the answer to a liveness check, must
// not open a session: the memory that would have known it is gone.
func TestRestartDoesNotOpenTheReplayWindow(t *testing.T) {
	began := vectorTime.Add(2 * time.Second)
	v := signature.New(signature.Config{Start: began}, ring())
	old := claim(bot, vectorKey(), vectorTime, 7, "captured")
	old.Live = true
	p := v.Prove(&old, began.Add(time.Second))
	if p.Reason != "" || !p.Duplicate {
		t.Fatalf("a capture from before the start: %+v, want a duplicate", p)
	}
	fresh := claim(bot, vectorKey(), began, 7, "answer")
	fresh.Live = true
	if p := v.Prove(&fresh, began.Add(time.Second)); p.Reason != "" || p.Duplicate {
		t.Errorf("signed at the start: %+v, want proved", p)
	}
	// What waited in the phone's queue follows on the proved connection.
	queued := claim(bot, vectorKey(), vectorTime.Add(-28*time.Second), 7, "queued")
	if p := v.Prove(&queued, began.Add(time.Second)); p.Reason != "" || p.Duplicate {
		t.Errorf("a queued frame: %+v, want proved", p)
	}
	if stat(t, v, "before_start") != 1 {
		t.Errorf("not counted: %v", v.Stats())
	}
}

// A start with a clock an hour ahead must not shut every phone out for an hour.
func TestWrongClockAtStartPasses(t *testing.T) {
	real := vectorTime
	v := signature.New(signature.Config{Start: real.Add(time.Hour)}, ring())
	c := claim(bot, vectorKey(), real, 1, "answer")
	c.Live = true
	if p := v.Prove(&c, real); !p.Duplicate {
		t.Errorf("within the window: %+v", p)
	}
	v = signature.New(signature.Config{Start: real.Add(-11 * time.Minute)}, ring())
	c = claim(bot, vectorKey(), real, 1, "answer")
	c.Live = true
	if p := v.Prove(&c, real); p.Reason != "" || p.Duplicate {
		t.Errorf("long after the start: %+v", p)
	}
}
