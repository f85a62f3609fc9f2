package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/audit"
)

// log is a log in memory, with the head kept apart as a store does.
type log struct {
	entries []haechi.AuditEntry
	head    record.ChainHead
	err     error
}

func (l *log) AuditEntries(_ context.Context, from uint64, limit int) ([]haechi.AuditEntry, error) {
	i := slices.IndexFunc(l.entries, func(e haechi.AuditEntry) bool { return e.Seq >= from })
	if i < 0 {
		return nil, l.err
	}
	return l.entries[i:min(i+limit, len(l.entries))], l.err
}

func (l *log) AuditHead(context.Context) (record.ChainHead, error) { return l.head, nil }

func written(n int) *log {
	l := &log{}
	for i := range n {
		e := haechi.AuditEntry{By: "kim", Action: "device.block", Subject: fmt.Sprint("a/", i)}
		l.head.Link(&e)
		l.entries = append(l.entries, e)
	}
	return l
}

// rebuild makes a chain that is right in itself out of the entries.
func (l *log) rebuild() {
	l.head = record.ChainHead{}
	for i := range l.entries {
		l.head.Link(&l.entries[i])
	}
}

func TestVerify(t *testing.T) {
	const n = 2500 // more than two pages
	for _, c := range []struct {
		name   string
		tamper func(l *log)
		seq    uint64 // of the first broken entry; 0: none
	}{
		{"untouched", func(*log) {}, 0},
		{"empty", func(l *log) { *l = log{} }, 0},
		{"one changed", func(l *log) { l.entries[1499].Reason = "x" }, 1500},
		{"first changed", func(l *log) { l.entries[0].By = "lee" }, 1},
		{"last changed", func(l *log) { l.entries[n-1].By = "lee" }, n},
		{"changed with its hash", func(l *log) {
			e := &l.entries[9]
			e.By = "lee"
			e.Hash = record.HashEntry(e)
		}, 11},
		{"one removed", func(l *log) { l.entries = slices.Delete(l.entries, 999, 1000) }, 1000},
		{"first removed", func(l *log) { l.entries = l.entries[1:] }, 1},
		{"removed and renumbered", func(l *log) {
			l.entries = slices.Delete(l.entries, 999, 1000)
			for i := 999; i < len(l.entries); i++ {
				l.entries[i].Seq--
			}
		}, 1000},
		{"one put in", func(l *log) { l.entries = slices.Insert(l.entries, 5, l.entries[4]) }, 5},
		{"two swapped", func(l *log) { l.entries[6], l.entries[7] = l.entries[7], l.entries[6] }, 7},
		{"end cut off", func(l *log) { l.entries = l.entries[:n-3] }, n - 2},
		{"all gone", func(l *log) { l.entries = nil }, 1},
		{"end cut off and head set back", func(l *log) {
			l.entries = l.entries[:10]
			l.head = record.ChainHead{Seq: 9, Hash: l.entries[8].Hash}
		}, 0}, // an entry after the head is a race with a writer, not a break
		{"appended without the store", func(l *log) { l.entries = append(l.entries, haechi.AuditEntry{Seq: n + 1}) }, n + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := written(n)
			c.tamper(l)
			head, err := audit.Verify(t.Context(), l)
			if c.seq == 0 {
				if err != nil || head.Seq != uint64(len(l.entries)) {
					t.Fatalf("head %v of %d entries, error %v", head, len(l.entries), err)
				}
				return
			}
			var broken *record.ChainError
			if !errors.As(err, &broken) || broken.Seq != c.seq || haechi.KindOf(err) != haechi.Conflict {
				t.Fatalf("error %v, want entry %d", err, c.seq)
			}
			if !strings.Contains(err.Error(), fmt.Sprint("entry ", c.seq)) {
				t.Errorf("the error does not name the entry: %v", err)
			}
		})
	}
}

// A chain rebuilt from its start is right in itself; only a head noted elsewhere
// shows it.
func TestVerifyNotedHead(t *testing.T) {
	l := written(20)
	noted := record.ChainHead{Seq: 15, Hash: l.entries[14].Hash}
	if _, err := audit.Verify(t.Context(), l, noted); err != nil {
		t.Fatal(err)
	}
	l.entries[3].By = "lee"
	l.rebuild()
	if _, err := audit.Verify(t.Context(), l); err != nil {
		t.Fatalf("a rebuilt chain is whole in itself: %v", err)
	}
	var broken *record.ChainError
	if _, err := audit.Verify(t.Context(), l, noted); !errors.As(err, &broken) || broken.Seq != 15 {
		t.Errorf("the rebuilt chain gives %v, want entry 15", err)
	}
	l.entries = l.entries[:5]
	l.rebuild()
	if _, err := audit.Verify(t.Context(), l, noted); !errors.As(err, &broken) || broken.Seq != 6 {
		t.Errorf("the shortened chain gives %v, want entry 6", err)
	}
}

func TestVerifyReadError(t *testing.T) {
	l := written(3)
	l.err = errors.New("disk")
	var broken *record.ChainError
	if _, err := audit.Verify(t.Context(), l); err == nil || errors.As(err, &broken) {
		t.Errorf("a log that cannot be read gives %v, want no chain error", err)
	}
}
