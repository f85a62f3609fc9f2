package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
	"haechi/internal/record/sqlrows"
	"haechi/internal/record/storetest"
)

func requests(n int) *record.Batch {
	b := &record.Batch{}
	for i := range n {
		b.Events = append(b.Events, haechi.Event{Time: storetest.Now().Add(time.Duration(i) * time.Microsecond), Kind: haechi.KindRequest, Outcome: haechi.Success,
			Service: "shop", Actor: from(fmt.Sprint("203.0.113.", i%50), ""), Method: "GET", Host: "shop.example.com", Path: fmt.Sprint("/", i%100), Status: 200})
	}
	return b
}

// Requests that were answered lie in blocks of one minute and at most a thousand; what
// somebody asks about lies in a row.
func TestBlocks(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	b := requests(1500)
	b.Events[700].Time = storetest.Now().Add(time.Minute)
	b.Events[800].Outcome, b.Events[800].Verdict, b.Events[800].Ref = haechi.Failure, haechi.Deny, "AAAAA-BBBBB"
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, lines(t, db, "SELECT events, (last_ns - first_ns) / 1000 FROM event_blocks ORDER BY id"), "1000 | 1001", "498 | 497", "1 | 0")
	want(t, lines(t, db, "SELECT ref FROM events"), "AAAAA-BBBBB")
	var payload []byte
	if err := db.QueryRow("SELECT payload FROM event_blocks ORDER BY id").Scan(&payload); err != nil {
		t.Fatal(err)
	}
	events, err := sqlrows.BlockEvents(payload)
	if err != nil || len(events) != 1000 || events[999].Path != "/1" || len(payload) > 8000 {
		t.Errorf("%d events in %d bytes, %v", len(events), len(payload), err)
	}
}

// Texts end a block before they grow it without bound.
func TestBlocksOfLongTexts(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	b := requests(300)
	for i := range b.Events {
		b.Events[i].Path = fmt.Sprintf("/%04000d", i)
	}
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, lines(t, db, "SELECT max(length(payload)) < 300000, sum(events), count(*) FROM event_blocks"), "1 | 300 | 5")
}

// A block that was damaged is told, and not taken for an empty one; forgetting it works.
func TestDamagedBlock(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	s := opened(t, dir)
	if err := s.Append(t.Context(), requests(100)); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, filepath.Join(dir, sqlite.EventsFile)).Exec("UPDATE event_blocks SET payload = CAST(replace(payload, 'shop', 'shot') AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Events(t.Context(), &haechi.EventFilter{})
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Internal || e.Hint == "" {
		t.Errorf("a damaged block gives %v", err)
	}
	if got, err := s.Events(t.Context(), &haechi.EventFilter{Failures: true}); err != nil || len(got) != 0 {
		t.Errorf("%d failures, %v", len(got), err)
	}
	if n, err := s.Prune(t.Context(), storetest.Now().Add(30*24*time.Hour), record.Retention{Events: 24 * time.Hour}); err != nil || n < 100 {
		t.Errorf("%d events forgotten, %v", n, err)
	}
	if got, err := s.Events(t.Context(), &haechi.EventFilter{}); err != nil || len(got) != 0 {
		t.Errorf("%d events are left, %v", len(got), err)
	}
}

// A batch that fails takes its blocks with it, counts and sightings too.
func TestBlocksOfAFailedBatch(t *testing.T) {
	t.Parallel()
	s := opened(t, filepath.Join(t.TempDir(), "r"))
	sqlite.LimitPages(t, s, 60)
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		b := requests(500)
		for i := range b.Events {
			b.Events[i].Path = fmt.Sprintf("/%0200d", n*1000+i)
		}
		err = s.Append(t.Context(), b)
	}
	if haechi.KindOf(err) != haechi.Unavailable {
		t.Fatal(n, err)
	}
	sqlite.LimitPages(t, s, 1<<30)
	if err := s.Append(t.Context(), requests(500)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Events(t.Context(), &haechi.EventFilter{Limit: 10000})
	o, err2 := s.Overview(t.Context(), storetest.Now(), nil)
	if err := errors.Join(err, err2); err != nil || len(got) != n*500 || o.Requests != uint64(len(got)) {
		t.Errorf("%d events, %d counted, want %d: %v", len(got), o.Requests, n*500, err)
	}
}
