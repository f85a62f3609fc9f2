package record_test

import (
	"errors"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

func entry() haechi.AuditEntry {
	return haechi.AuditEntry{Seq: 1, Time: time.Unix(1763800000, 5).UTC(), By: "b", Via: "v", Action: "a", Subject: "s",
		Before: "x", After: "y", Reason: "r", Prev: "p"}
}

// Every field changes the hash, and no text can be moved from one field to the next.
func TestHashCoversEverything(t *testing.T) {
	base := entry()
	seen := map[string]string{record.HashEntry(&base): "the entry"}
	for name, change := range map[string]func(e *haechi.AuditEntry){
		"Seq":     func(e *haechi.AuditEntry) { e.Seq++ },
		"second":  func(e *haechi.AuditEntry) { e.Time = e.Time.Add(time.Second) },
		"nano":    func(e *haechi.AuditEntry) { e.Time = e.Time.Add(1) },
		"By":      func(e *haechi.AuditEntry) { e.By = "B" },
		"Via":     func(e *haechi.AuditEntry) { e.Via = "V" },
		"Action":  func(e *haechi.AuditEntry) { e.Action = "A" },
		"Subject": func(e *haechi.AuditEntry) { e.Subject = "S" },
		"Before":  func(e *haechi.AuditEntry) { e.Before = "X" },
		"After":   func(e *haechi.AuditEntry) { e.After = "Y" },
		"Reason":  func(e *haechi.AuditEntry) { e.Reason = "R" },
		"Prev":    func(e *haechi.AuditEntry) { e.Prev = "P" },
		"moved":   func(e *haechi.AuditEntry) { e.By, e.Via = "bv", "" },
		"swapped": func(e *haechi.AuditEntry) { e.Before, e.After = e.After, e.Before },
	} {
		e := entry()
		change(&e)
		h := record.HashEntry(&e)
		if other, ok := seen[h]; ok {
			t.Errorf("%s: same hash as %s", name, other)
		}
		seen[h] = name
	}
}

// The encoding is fixed for ever: logs written by an older version must verify.
func TestHashIsPinned(t *testing.T) {
	e := entry()
	const want = "4d9220194b2607a152070e1d933e71b0e2765771798b42a894dbe8a810f3934d"
	if got := record.HashEntry(&e); got != want {
		t.Errorf("the hash of the pinned entry is %s, want %s", got, want)
	}
}

func TestHashIgnoresZoneAndOwnHash(t *testing.T) {
	a, b := entry(), entry()
	b.Time, b.Hash = b.Time.In(time.FixedZone("KST", 9*3600)), "anything"
	if record.HashEntry(&a) != record.HashEntry(&b) {
		t.Error("the zone or the hash itself goes into the hash")
	}
}

func TestChainFollow(t *testing.T) {
	var link, follow record.ChainHead
	for range 5 {
		e := entry()
		link.Link(&e)
		if err := follow.Follow(&e); err != nil {
			t.Fatal(err)
		}
	}
	if link != follow || link.Seq != 5 {
		t.Errorf("linked %v, followed %v", link, follow)
	}
	e := entry()
	link.Link(&e)
	e.After = "tampered"
	var broken *record.ChainError
	if err := follow.Follow(&e); !errors.As(err, &broken) || broken.Seq != 6 {
		t.Errorf("a changed entry gives %v", err)
	}
}
