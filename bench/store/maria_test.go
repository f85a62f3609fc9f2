package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/record"
	"haechi/internal/record/mysql"
)

// On MariaDB a round is smaller: the bare loop waits for an answer to every row.
const (
	mariaBatches = 20
	mariaRounds  = 3
)

func openMaria(tb testing.TB, dsn string) *mysql.Store {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte(dsn), 0o600); err != nil {
		tb.Fatal(err)
	}
	s, err := mysql.Open(context.Background(), mysql.Config{DSNFile: file})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// fresh is a new database with the store's schema.
func fresh(tb testing.TB, server *mariadbtest.Server) (*mysql.Store, *sql.DB) {
	tb.Helper()
	db := server.Open(tb, "bench")
	return openMaria(tb, server.DSN("bench")), db
}

// bareMaria is what the bare loop writes, batch by batch: the rows as the store wrote
// them.
func bareMaria(tb testing.TB, server *mariadbtest.Server, all []haechi.Event) (out [][]bareRows) {
	tb.Helper()
	s, db := fresh(tb, server)
	defer s.Close()
	last := map[string]int64{}
	for part := range slices.Chunk(all, batchRows) {
		if err := s.Append(context.Background(), &record.Batch{Events: slices.Clone(part)}); err != nil {
			tb.Fatal(err)
		}
		var rows []bareRows
		for _, table := range []string{"kb_chat_logs", "kb_connection_logs", "events"} {
			rows = append(rows, readAfter(tb, db, table, last))
		}
		out = append(out, rows)
	}
	return out
}

// readAfter reads the rows of a table that came since the last time.
func readAfter(tb testing.TB, db *sql.DB, table string, last map[string]int64) bareRows {
	tb.Helper()
	var names string
	if err := db.QueryRow(`SELECT group_concat(column_name ORDER BY ordinal_position) FROM information_schema.columns
		WHERE table_schema = database() AND table_name = ? AND column_name <> 'id' AND generation_expression IS NULL`, table).Scan(&names); err != nil {
		tb.Fatal(err)
	}
	n := strings.Count(names, ",") + 1
	out := bareRows{insert: "INSERT INTO " + table + " (" + names + ") VALUES (" + strings.Repeat("?,", n-1) + "?)"}
	rows, err := db.Query("SELECT id,"+names+" FROM "+table+" WHERE id > ? ORDER BY id", last[table])
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		v, into := make([]any, n+1), make([]any, n+1)
		for i := range v {
			into[i] = &v[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatal(err)
		}
		last[table] = v[0].(int64)
		out.values = append(out.values, v[1:])
	}
	return out
}

// roundBareMaria writes all rows with one prepared INSERT for each table, row by row.
func roundBareMaria(tb testing.TB, server *mariadbtest.Server, all [][]bareRows) time.Duration {
	s, db := fresh(tb, server)
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return writeBare(tb, db, all)
}

// BenchmarkStoreMaria compares the driver for MariaDB with the bare loop, as
// BenchmarkStore does for SQLite.
func BenchmarkStoreMaria(b *testing.B) {
	server := mariadbtest.Start(b)
	all := events(batchRows * mariaBatches)
	rows := bareMaria(b, server, all)
	for b.Loop() {
		var plain, store, writer []time.Duration
		for range mariaRounds {
			plain = append(plain, roundBareMaria(b, server, rows))
			s, _ := fresh(b, server)
			store = append(store, appendAll(b, s, all))
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			s, _ = fresh(b, server)
			writer = append(writer, writeAll(b, s, all))
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		report(b, len(all), plain, store, writer)
	}
}
