package pipeline

import (
	"fmt"
	"testing"
	"time"

	"haechi"
)

type records []haechi.Event

func (r *records) take(e *haechi.Event) { *r = append(*r, *e) }

func (r *records) total() (n uint64) {
	for i := range *r {
		n += (*r)[i].N()
	}
	return n
}

var minute = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func TestEqualRefusalsAreRecordedAsCounts(t *testing.T) {
	var got records
	d := newDedupe(10, got.take)
	for i := range 1000 {
		d.take(&haechi.Event{Time: minute.Add(time.Duration(i) * time.Millisecond), Ref: "A", Observed: float64(i)})
	}
	d.take(&haechi.Event{Time: minute, Ref: "B"})
	d.take(&haechi.Event{Time: minute})
	d.take(&haechi.Event{Time: minute})
	if len(got) != 4 {
		t.Fatalf("%d records at once, want the first of A and B and both without reference", len(got))
	}
	d.tick(minute.Add(lag - time.Second))
	if len(got) != 4 {
		t.Fatal("recorded before its time")
	}
	for s := lag; s < time.Minute; s += time.Second {
		d.tick(minute.Add(s))
	}
	d.tick(minute.Add(time.Minute))
	if len(got) != 5 || got[4].Count != 999 || got[4].Observed != 999 || got[4].Ref != "A" {
		t.Errorf("summary: %+v", got[4:])
	}
	if got.total() != 1003 || len(d.held) != 0 || len(d.index) != 0 {
		t.Errorf("%d of 1003 counted, %d still held", got.total(), len(d.held))
	}
}

// TestOngoingRefusalsAreShownSoon: a flood that lasts is on record all the time, in
// a bounded number of records, and every byte of it once.
func TestOngoingRefusalsAreShownSoon(t *testing.T) {
	var got records
	d := newDedupe(10, got.take)
	for i := range 60 {
		now := minute.Add(time.Duration(i) * time.Second)
		d.take(&haechi.Event{Time: now, Ref: "A", Count: 100, BytesIn: 7})
		d.tick(now)
		if missing := uint64(100*(i+1)) - got.total(); missing > 500 {
			t.Fatalf("after %d s %d are not on record", i, missing)
		}
	}
	d.flush()
	var in int64
	for i := range got {
		in += got[i].BytesIn
	}
	if got.total() != 6000 || in != 60*7 || len(got) > 13 {
		t.Errorf("%d refusals and %d bytes in %d records", got.total(), in, len(got))
	}
}

func TestFullTableOfReferencesIsWritten(t *testing.T) {
	var got records
	d := newDedupe(4, got.take)
	for range 3 {
		for i := range 6 {
			d.take(&haechi.Event{Time: minute, Ref: haechi.Reference(fmt.Sprint(i)), Count: 2})
		}
	}
	d.flush()
	if got.total() != 36 {
		t.Errorf("%d of 36 counted", got.total())
	}
	if len(d.held) > 4 || d.flushes.v.Load() == 0 {
		t.Error("the table grew over its cap")
	}
}

func TestTickKeepsTheRunningMinute(t *testing.T) {
	var got records
	d := newDedupe(10, got.take)
	for i := range 6 {
		at := minute.Add(time.Duration(i%2) * time.Minute)
		d.take(&haechi.Event{Time: at, Ref: haechi.Reference(fmt.Sprint(i))})
	}
	d.tick(minute.Add(time.Minute))
	for i := range 6 {
		d.take(&haechi.Event{Time: minute.Add(time.Minute), Ref: haechi.Reference(fmt.Sprint(i))})
	}
	if len(got) != 9 { // the three of the old minute are first ones again
		t.Errorf("%d records, want 9", len(got))
	}
	d.flush()
	if got.total() != 12 {
		t.Errorf("%d of 12 counted", got.total())
	}
}

func TestOnlyRefusalsOfOneKindAreMerged(t *testing.T) {
	var got records
	d := newDedupe(10, got.take)
	for range 3 {
		d.take(&haechi.Event{Time: minute, Ref: "A", Kind: haechi.KindAuth, Outcome: haechi.Failure})
		d.take(&haechi.Event{Time: minute, Ref: "A", Kind: haechi.KindClose})
		d.take(&haechi.Event{Time: minute, Ref: "B", Kind: haechi.KindMessage, Outcome: haechi.Success, Shadow: true})
	}
	if len(got) != 5 {
		t.Errorf("%d records, want the first refusal, its close, and each message that passed", len(got))
	}
	d.flush()
	if len(got) != 7 || got.total() != 9 {
		t.Errorf("%d records of %d events, want 7 of 9", len(got), got.total())
	}
}
