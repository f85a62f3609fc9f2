package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
)

const (
	batchRows = 1000 // rows in one transaction, on both sides
	batches   = 50   // transactions of one round
	rounds    = 5    // rounds of each side; the median counts
)

// events makes the traffic of a busy minute: 500 devices behind 250 addresses,
// frames mostly, some connections and proofs, one in fifty refused: each of them a row.
func events(n int) []haechi.Event {
	start := time.Date(2025, 11, 22, 10, 0, 0, 0, time.UTC)
	out := make([]haechi.Event, n)
	for i := range out {
		addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 250)})
		e := haechi.Event{Time: start.Add(time.Duration(i) * 4 * time.Microsecond), Kind: haechi.KindMessage, Outcome: haechi.Success,
			Service: "bots", Actor: haechi.Actor{Addr: addr, Client: netip.PrefixFrom(addr, 32),
				Device: fmt.Sprintf("LOA.i/%016x", i%500), Assurance: haechi.Authenticated},
			Port: uint16(20000 + i%40000), LocalPort: 1491, Session: uint64(i % 500), Frame: "message", Room: fmt.Sprint("room ", i%40),
			BytesIn: 400, Duration: 1500}
		switch {
		case i%50 == 0:
			e.Kind, e.Outcome, e.Reason, e.Verdict, e.Rule = haechi.KindAuth, haechi.Failure, haechi.ReasonHMACFailed, haechi.Deny, "device/auth"
			e.Ref = haechi.NewReference(e.Rule, e.Device, e.Time)
		case i%10 == 1:
			e.Kind, e.Frame, e.Room = haechi.KindConnect, "", ""
		case i%10 == 2:
			e.Kind, e.Frame, e.Room, e.Method, e.Host, e.Path, e.Status = haechi.KindAuth, "", "", "GET", "shop.example.com", "/", 200
		}
		out[i] = e
	}
	return out
}

func open(tb testing.TB, dir string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// bareRows is what the bare loop writes: statement and values, table by table, as
// the store itself would have written them.
type bareRows struct {
	insert string
	values [][]any
}

func bare(tb testing.TB, all []haechi.Event) [][]bareRows {
	tb.Helper()
	var out [][]bareRows
	for part := range slices.Chunk(all, batchRows) {
		dir := tb.TempDir()
		s := open(tb, dir)
		if err := s.Append(context.Background(), &record.Batch{Events: slices.Clone(part)}); err != nil {
			tb.Fatal(err)
		}
		if err := s.Close(); err != nil {
			tb.Fatal(err)
		}
		db := openBare(tb, dir)
		var rows []bareRows
		for _, table := range []string{"kb_chat_logs", "kb_connection_logs", "events"} {
			rows = append(rows, readAll(tb, db, table))
		}
		out = append(out, rows)
		if err := db.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

func openBare(tb testing.TB, dir string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.EventsFile)+
		"?_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_pragma=cache_size(-32768)&_pragma=secure_delete(FAST)")
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func readAll(tb testing.TB, db *sql.DB, table string) bareRows {
	tb.Helper()
	cols := []string{}
	rows, err := db.Query("SELECT name FROM pragma_table_info('" + table + "') WHERE name <> 'id'")
	if err != nil {
		tb.Fatal(err)
	}
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			tb.Fatal(err)
		}
		cols = append(cols, c)
	}
	names := strings.Join(cols, ",")
	out := bareRows{insert: "INSERT INTO " + table + " (" + names + ") VALUES (" + strings.Repeat("?,", len(cols)-1) + "?)"}
	if rows, err = db.Query("SELECT " + names + " FROM " + table + " ORDER BY id"); err != nil {
		tb.Fatal(err)
	}
	for rows.Next() {
		v, into := make([]any, len(cols)), make([]any, len(cols))
		for i := range v {
			into[i] = &v[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatal(err)
		}
		out.values = append(out.values, v)
	}
	return out
}

// roundBare writes all rows with one prepared INSERT for each table, row by row.
func roundBare(tb testing.TB, all [][]bareRows) time.Duration {
	dir := tb.TempDir()
	if err := open(tb, dir).Close(); err != nil { // the same schema
		tb.Fatal(err)
	}
	db := openBare(tb, dir)
	defer db.Close()
	return writeBare(tb, db, all)
}

// writeBare writes the batches, each in a transaction.
func writeBare(tb testing.TB, db *sql.DB, all [][]bareRows) time.Duration {
	stmts := map[string]*sql.Stmt{}
	for _, r := range all[0] {
		s, err := db.Prepare(r.insert)
		if err != nil {
			tb.Fatal(err)
		}
		stmts[r.insert] = s
	}
	start := time.Now()
	for _, batch := range all {
		tx, err := db.Begin()
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range batch {
			stmt := tx.Stmt(stmts[r.insert])
			for _, v := range r.values {
				if _, err := stmt.Exec(v...); err != nil {
					tb.Fatal(err)
				}
			}
		}
		if err := tx.Commit(); err != nil {
			tb.Fatal(err)
		}
	}
	return time.Since(start)
}

// roundStore appends all events in batches of the same size.
func roundStore(tb testing.TB, all []haechi.Event) time.Duration {
	s := open(tb, tb.TempDir())
	defer s.Close()
	return appendAll(tb, s, all)
}

func appendAll(tb testing.TB, s record.Appender, all []haechi.Event) time.Duration {
	start := time.Now()
	for part := range slices.Chunk(all, batchRows) {
		if err := s.Append(context.Background(), &record.Batch{Events: part}); err != nil {
			tb.Fatal(err)
		}
	}
	return time.Since(start)
}

// roundWriter records each event through the writer's queue and waits until all are
// written.
func roundWriter(tb testing.TB, all []haechi.Event) time.Duration {
	s := open(tb, tb.TempDir())
	defer s.Close()
	return writeAll(tb, s, all)
}

func writeAll(tb testing.TB, s record.Appender, all []haechi.Event) time.Duration {
	w := record.NewWriter(record.WriterConfig{MaxBatch: batchRows, Queue: len(all)}, s)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	start := time.Now()
	for i := range all {
		w.RecordEvent(&all[i])
	}
	if err := w.Flush(ctx); err != nil {
		tb.Fatal(err)
	}
	took := time.Since(start)
	stop()
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
	for _, c := range w.Stats() {
		if c.Name == "record_rows_written_total" && c.Value != uint64(len(all)) {
			tb.Fatalf("%d rows written, want %d", c.Value, len(all))
		}
	}
	return took
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkStore compares; one iteration is the whole comparison.
func BenchmarkStore(b *testing.B) {
	all := events(batchRows * batches)
	rows := bare(b, all)
	for b.Loop() {
		var plain, store, writer []time.Duration
		for range rounds {
			plain = append(plain, roundBare(b, rows))
			store = append(store, roundStore(b, all))
			writer = append(writer, roundWriter(b, all))
		}
		report(b, len(all), plain, store, writer)
	}
}

// report prints the medians and fails below 0.9 of the bare loop.
func report(b *testing.B, rows int, plain, store, writer []time.Duration) {
	perSecond := func(d time.Duration) float64 { return float64(rows) / d.Seconds() }
	b.ReportMetric(perSecond(median(plain)), "bare-rows/s")
	b.ReportMetric(perSecond(median(store)), "store-rows/s")
	b.ReportMetric(perSecond(median(writer)), "writer-rows/s")
	ratio := float64(median(plain)) / float64(median(store))
	b.ReportMetric(ratio, "store/bare")
	b.ReportMetric(float64(median(plain))/float64(median(writer)), "writer/bare")
	if ratio < 0.9 {
		b.Errorf("the store reaches %.2f of the bare loop, want 0.9", ratio)
	}
}

// BenchmarkRecordEvent is what recording costs the caller.
func BenchmarkRecordEvent(b *testing.B) {
	w := record.NewWriter(record.WriterConfig{Queue: 1 << 14}, nil)
	e := events(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		w.RecordEvent(&e)
	}
}
