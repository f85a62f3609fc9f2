package mysql_test

import (
	"database/sql"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/record/mysql"
)

// opened opens the store in a new database and closes it with the test; db is a client
// beside it.
func opened(t *testing.T, server *mariadbtest.Server, name string) (s *mysql.Store, db *sql.DB) {
	t.Helper()
	db = server.Open(t, name)
	return openedOn(t, server.DSN(name)), db
}

func openedOn(t *testing.T, dsn string) *mysql.Store {
	t.Helper()
	s := open(t, config(t, dsn))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func do(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// column reads the first column of a query.
func column(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// The bot system's own database, or anybody's, is refused and left as it is.
func refusesForeignDatabase(t *testing.T, server *mariadbtest.Server) {
	for _, c := range []struct {
		made []string
		want string
	}{
		{[]string{"CREATE TABLE kb_chat_logs (id INT, message TEXT)"}, "kb_chat_logs"},
		{[]string{"CREATE TABLE KB_server_processes (id INT)"}, "KB_server_processes"},
		{[]string{"CREATE TABLE settings (name INT)"}, "settings"},
		{[]string{"CREATE VIEW kb_bot_devices AS SELECT 1 AS device_id"}, "kb_bot_devices"},
	} {
		db := server.Open(t, "foreign_one")
		do(t, db, c.made...)
		before := column(t, db, "SHOW TABLES")
		_, err := mysql.Open(t.Context(), config(t, server.DSN("foreign_one")))
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != haechi.Conflict || !strings.Contains(e.Msg, c.want) || !strings.Contains(e.Hint, "CREATE DATABASE") {
			t.Errorf("%s: %v, want a conflict that names it", c.want, err)
		}
		if after := column(t, db, "SHOW TABLES"); !slices.Equal(before, after) {
			t.Errorf("%s: the database now has %v", c.want, after)
		}
	}
	// A table of no name of ours does not matter, nor does a kb_ table that comes into
	// our own database later, until it is there at a start.
	db := server.Open(t, "mixed")
	do(t, db, "CREATE TABLE something (id INT)")
	if err := open(t, config(t, server.DSN("mixed"))).Close(); err != nil {
		t.Fatal(err)
	}
	do(t, db, "CREATE TABLE kb_server_processes (id INT)")
	if _, err := mysql.Open(t.Context(), config(t, server.DSN("mixed"))); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("a foreign kb_ table among ours gives %v, want kind conflict", err)
	}
}

// A newer schema is left alone; one that was broken off is completed; nodes that start
// together make it once.
func migrations(t *testing.T, server *mariadbtest.Server) {
	s, db := opened(t, server, "one")
	if err := s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim", Action: "x"}); err != nil {
		t.Fatal(err)
	}
	do(t, db, "DROP TABLE incidents", "DROP VIEW v_query_volume", "DELETE FROM haechi_schema")
	if again := openedOn(t, server.DSN("one")); len(column(t, db, "SELECT version FROM haechi_schema")) != 1 {
		t.Error("the migration was not completed")
	} else if head, err := again.AuditHead(t.Context()); err != nil || head.Seq != 1 {
		t.Errorf("completing a migration lost the audit log: %+v, %v", head, err)
	}
	column(t, db, "SELECT count(*) FROM incidents")
	column(t, db, "SELECT count(*) FROM v_query_volume")
	do(t, db, "INSERT INTO haechi_schema (version) VALUES (99)")
	_, err := mysql.Open(t.Context(), config(t, server.DSN("one")))
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Conflict || !strings.Contains(e.Msg, "99") || e.Hint == "" {
		t.Errorf("a newer schema gives %v", err)
	}

	server.Open(t, "many")
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() { openedOn(t, server.DSN("many")) })
	}
	nodes.Wait()
}

// The log refuses change by accident.
func auditOnlyGrows(t *testing.T, server *mariadbtest.Server) {
	s, db := opened(t, server, "audited")
	if err := s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim", Action: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"DELETE FROM audit", "UPDATE audit SET by_name = 'lee'"} {
		if _, err := db.Exec(q); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s gives %v", q, err)
		}
	}
}

// What the DSN holds is in no error, and what does not know whom it talks to is refused.
func TestDSN(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"haechi:s3cret@tcp(db.example.com:3306":                      "cannot be read",
		"haechi:s3cret@tcp(db.example.com:3306)/":                    "names no database",
		"haechi:s3cret@tcp(db.example.com:3306)/x?tls=skip-verify":   "does not know whom",
		"haechi:s3cret@tcp(db.example.com:3306)/x?tls=preferred":     "does not know whom",
		"haechi:s3cret@tcp(127.0.0.1:1)/x":                           "connection refused",
		"haechi:s3cret@tcp(127.0.0.1:1)/x?allowCleartextPasswords=1": "in the clear",
		"": "names no database",
	} {
		_, err := mysql.Open(t.Context(), config(t, dsn))
		var e *haechi.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.Hint == "" {
			t.Errorf("%q gives %v, want %q and a next step", dsn, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	cfg := config(t, "x")
	cfg.DSNFile += ".missing"
	if _, err := mysql.Open(t.Context(), cfg); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("a missing file gives %v", err)
	}
}

// A password that changes while the store is open is read again.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	db := server.Open(t, "pw")
	do(t, db, "CREATE USER haechi@'127.0.0.1' IDENTIFIED BY 'old'", "GRANT ALL ON pw.* TO haechi@'127.0.0.1'")
	dsn := strings.Replace(server.DSN("pw"), "root@", "haechi:old@", 1)
	cfg := config(t, dsn)
	s := open(t, cfg)
	defer func() { _ = s.Close() }()
	do(t, db, "ALTER USER haechi@'127.0.0.1' IDENTIFIED BY 'new'")
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Devices(t.Context())
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Denied || !strings.Contains(e.Hint, "dsn_file") {
		t.Errorf("the old password gives %v, want kind denied", err)
	}
	if err := os.WriteFile(cfg.DSNFile, []byte(strings.Replace(dsn, ":old@", ":new@", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Devices(t.Context()); err != nil {
		t.Errorf("with the new password: %v", err)
	}
}

// Backup and restore are the database's own.
func backup(t *testing.T, server *mariadbtest.Server) {
	s, _ := opened(t, server, "backed")
	var e *haechi.Error
	if err := s.Backup(t.Context(), t.TempDir()+"/x"); !errors.As(err, &e) || e.Kind != haechi.Conflict || !strings.Contains(e.Hint, "mariadb-dump --single-transaction --triggers backed") {
		t.Errorf("%v", err)
	}
}
