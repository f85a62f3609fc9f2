package storetest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

// prune: each kind goes at its own time, what is younger stays.
func prune(t *testing.T, b Backend) {
	s := opened(t, b)
	old, young := Now().Add(-48*time.Hour), Now().Add(-time.Hour)
	for _, at := range []time.Time{old, young} {
		appendAll(t, s, []haechi.Event{{Time: at, Kind: haechi.KindMessage, Actor: actor("203.0.113.7", "a/1")},
			{Time: at, Kind: haechi.KindConnect}, {Time: at, Kind: haechi.KindQuery}, {Time: at, Kind: haechi.KindRequest}},
			finding("r", "a/1", at))
	}
	day := 24 * time.Hour
	count := func() (kinds string) {
		for _, e := range query(t, s, haechi.EventFilter{Until: old.Add(1)}) {
			kinds += " " + e.Kind.String()
		}
		fs, err := s.Events.Findings(t.Context(), &record.FindingFilter{})
		check(t, err)
		return strings.TrimSpace(kinds) + strings.Repeat(" finding", len(fs))
	}
	check2 := func(r record.Retention, rows int64, left int) {
		t.Helper()
		n, err := s.Pruner.Prune(t.Context(), Now(), r)
		check(t, err)
		if got := len(strings.Fields(count())); n < rows || got != left {
			t.Fatalf("pruned %d rows (want at least %d), left %q", n, rows, count())
		}
	}
	check2(record.Retention{}, 0, 6) // the defaults are longer
	check2(record.Retention{Messages: day}, 1, 5)
	check2(record.Retention{Messages: day, Connections: day, Queries: day, Events: day}, 3, 2)
	check2(record.Retention{Messages: day, Connections: day, Queries: day, Events: day, Findings: day}, 1, 1)
	if got := query(t, s, haechi.EventFilter{}); len(got) != 4 {
		t.Errorf("%d young events are left, want 4", len(got))
	}
	if got := query(t, s, haechi.EventFilter{Device: "a/1"}); len(got) != 1 {
		t.Errorf("%d young events of the device are left, want 1", len(got))
	}
}

// eraseDevice: nothing of the device stays, nothing of others goes, and the views
// still agree.
func eraseDevice(t *testing.T, b Backend) {
	s := opened(t, b)
	appendAll(t, s, random(5, 2000, Now(), 20*time.Hour), finding("r", "a/1", Now()), finding("r", "a/2", Now()))
	mixed := finding("address/failed-auth", "b/1", Now())
	mixed.Evidence = append(mixed.Evidence, finding("r", "a/1", Now()).Evidence...)
	appendAll(t, s, nil, mixed)
	others := len(query(t, s, haechi.EventFilter{Limit: 10000})) - len(query(t, s, haechi.EventFilter{Device: "a/1", Limit: 10000}))
	n, err := s.Eraser.EraseDevice(t.Context(), "a/1")
	check(t, err)
	if got := query(t, s, haechi.EventFilter{Device: "a/1"}); len(got) != 0 || n == 0 {
		t.Errorf("%d rows erased, %d events left", n, len(got))
	}
	if got := len(query(t, s, haechi.EventFilter{Limit: 10000})); got != others {
		t.Errorf("%d events of others left, want %d", got, others)
	}
	fs, err := s.Events.Findings(t.Context(), &record.FindingFilter{})
	check(t, err)
	if len(fs) != 2 || len(fs[0].Evidence) != 1 {
		t.Errorf("findings left: %+v", fs)
	}
	agree(t, s, Now())
	appendAll(t, s, []haechi.Event{{Time: Now(), Kind: haechi.KindMessage, Actor: actor("203.0.113.7", "a/1")}})
	if got := query(t, s, haechi.EventFilter{Device: "a/1"}); len(got) != 1 {
		t.Errorf("after erasing, %d new events are found, want 1", len(got))
	}
}

// concurrent: one writes, others read, save and prune; nothing is lost.
func concurrent(t *testing.T, b Backend) {
	s := opened(t, b)
	const batches, size = 20, 100
	appendAll(t, s, nil, finding("r", "a/1", Now()))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range batches {
			batch := record.Batch{Events: random(uint64(i), size, Now(), time.Hour)}
			if err := s.Events.Append(t.Context(), &batch); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range batches {
			d := someDevice("a/1")
			e := haechi.AuditEntry{By: "kim", Action: "device.block"}
			_, err := s.Pruner.Prune(t.Context(), Now(), record.Retention{})
			for _, err := range []error{err, s.Devices.SaveDevice(t.Context(), &d), s.Audit.AppendAudit(t.Context(), &e)} {
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Go(func() {
		for range batches {
			_, err := s.Events.Events(t.Context(), &haechi.EventFilter{Device: "a/1", Limit: 50})
			_, err2 := s.Events.Overview(t.Context(), Now(), Zone())
			_, err3 := s.Events.Report(t.Context(), "daily", Now())
			for _, err := range []error{err, err2, err3} {
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	if got := len(query(t, s, haechi.EventFilter{Limit: 10000})); got != batches*size {
		t.Errorf("%d events, want %d", got, batches*size)
	}
	agree(t, s, Now())
}

// reopen: everything is there again.
func reopen(t *testing.T, b Backend) {
	open := b(t)
	s := open(t)
	events := random(6, 500, Now(), 5*time.Hour)
	appendAll(t, s, events, finding("r", "a/1", Now()))
	d := someDevice("a/1")
	check(t, s.Devices.SaveDevice(t.Context(), &d))
	check(t, s.Decisions.SaveDecision(t.Context(), &haechi.Decision{ID: "00000-00001", Origin: haechi.OriginRule, From: Now()}))
	for range 3 {
		check(t, s.Audit.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim"}))
	}
	before, err := s.Events.Overview(t.Context(), Now(), Zone())
	check(t, err)
	check(t, s.Close())

	s = open(t)
	defer func() { check(t, s.Close()) }()
	after, err := s.Events.Overview(t.Context(), Now(), Zone())
	check(t, err)
	equal(t, after, before)
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, []haechi.Device{d})
	check(t, s.Audit.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim"}))
	if head := walk(t, s); head.Seq != 4 {
		t.Errorf("the audit log after reopening has %d entries, want 4", head.Seq)
	}
	appendAll(t, s, random(7, 500, Now(), 5*time.Hour))
	agree(t, s, Now())
}
