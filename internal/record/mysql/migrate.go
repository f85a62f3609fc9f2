package mysql

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/record/sqlrows"
)

//go:embed schema/*.sql
var schema embed.FS

// versions is the present schema: schema/records_1.sql up to this one.
const versions = 1

// marker is the table that says the database is ours, and of which version.
const marker = "haechi_schema"

// migrateFor is how long one node waits for another that is migrating, in seconds.
const migrateFor = 30

// created finds the tables that a schema file makes.
var created = regexp.MustCompile(`(?m)^CREATE TABLE IF NOT EXISTS (\w+)`)

// migrate brings the database to the present schema, on one connection that holds a
// lock, so that two nodes which start together do it once.
func (d *database) migrate(ctx context.Context, log *slog.Logger) (err error) {
	conn, err := d.r.Conn(ctx) // a statement that changes a large table may take longer than a write
	if err != nil {
		return failure("open the records", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	lock := "haechi " + d.name
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT get_lock(?, ?)", lock, migrateFor).Scan(&got); err != nil || got.Int64 != 1 {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "migrate the records", Msg: "another node is migrating the database", Hint: "start again when it is done", Err: err}
	}
	m := migration{conn: conn, log: log, name: d.name}
	err = m.run(ctx)
	_, uerr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT release_lock(?)", lock)
	return failure("migrate the records", errors.Join(err, uerr))
}

type migration struct {
	conn *sql.Conn
	log  *slog.Logger
	name string
}

func (m *migration) run(ctx context.Context) error {
	version, err := m.inspect(ctx)
	if err != nil {
		return err
	}
	table, err := m.tableOptions(ctx)
	if err != nil {
		return err
	}
	for v := version + 1; v <= versions; v++ {
		if err := m.step(ctx, v, table); err != nil {
			return fmt.Errorf("to schema %d: %w", v, err)
		}
	}
	d := dialect()
	for _, n := range sqlrows.ViewNames() {
		if _, err := m.conn.ExecContext(ctx, "CREATE OR REPLACE VIEW "+n+" AS "+d.ViewText(n)); err != nil {
			return fmt.Errorf("make the view %s: %w", n, err)
		}
	}
	return nil
}

// inspect finds the version, without changing anything: a database that somebody else
// made, or a newer version, is refused.
func (m *migration) inspect(ctx context.Context) (version int, err error) {
	there, err := m.tables(ctx)
	if err != nil {
		return 0, err
	}
	ours := slices.Contains(there, marker)
	if foreign := foreignTables(there, ours); len(foreign) > 0 {
		return 0, &haechi.Error{Kind: haechi.Conflict, Op: "open the records",
			Msg:  fmt.Sprintf("the database %s has tables that Haechi did not make: %s", m.name, strings.Join(foreign, ", ")),
			Hint: "give Haechi a database of its own: CREATE DATABASE haechi CHARACTER SET utf8mb4, and name it in records.dsn_file"}
	}
	if !ours {
		return 0, nil
	}
	if err := m.conn.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+marker).Scan(&version); err != nil {
		return 0, err
	}
	if version > versions {
		return 0, &haechi.Error{Kind: haechi.Conflict, Op: "open the records",
			Msg:  fmt.Sprintf("the database %s has schema %d, this version knows %d", m.name, version, versions),
			Hint: "run the newer Haechi that wrote it, or restore a dump from before the upgrade"}
	}
	return version, nil
}

func (m *migration) tables(ctx context.Context) (names []string, err error) {
	rows, err := m.conn.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, rows.Err()
}

// foreignTables lists what somebody else made: without our marker every table that
// bears one of our names or begins with kb_, with it every kb_ table that is none of
// ours.
func foreignTables(there []string, marked bool) (foreign []string) {
	own := ownTables()
	for _, n := range there {
		kb, mine := strings.HasPrefix(strings.ToLower(n), "kb_"), slices.Contains(own, n)
		if kb && !mine || !marked && (kb || mine) {
			foreign = append(foreign, n)
		}
	}
	return foreign
}

func ownTables() (names []string) {
	for v := 1; v <= versions; v++ {
		text, err := schema.ReadFile(fmt.Sprintf("schema/records_%d.sql", v))
		if err != nil {
			return nil // a defect of the build, which every test would show
		}
		for _, m := range created.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}

// tableOptions ends each CREATE TABLE: UTF-8, compared byte for byte without padding,
// which MariaDB and MySQL call differently.
func (m *migration) tableOptions(ctx context.Context) (string, error) {
	var name string
	err := m.conn.QueryRowContext(ctx, `SELECT collation_name FROM information_schema.collations
		WHERE collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') ORDER BY collation_name DESC LIMIT 1`).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", &haechi.Error{Kind: haechi.Conflict, Op: "open the records", Msg: "the server has no collation that compares byte for byte",
			Hint: "use MariaDB 10.2 or MySQL 8.0.17, or newer"}
	}
	return "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=" + name, err
}

// step brings the schema to the version. A change of a table commits by itself, so a
// step that was broken off is run again from its beginning; every statement allows
// that.
func (m *migration) step(ctx context.Context, v int, table string) error {
	text, err := schema.ReadFile(fmt.Sprintf("schema/records_%d.sql", v))
	if err != nil {
		return err
	}
	all := append([]string{"CREATE TABLE IF NOT EXISTS " + marker + " (version INT NOT NULL PRIMARY KEY, applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) $TABLE"},
		strings.Split(string(text), ";\n")...)
	for _, q := range all {
		if q = strings.TrimSpace(strings.ReplaceAll(q, "$TABLE", table)); q == "" {
			continue
		}
		if _, err := m.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if err := m.guardAudit(ctx); err != nil {
		return err
	}
	_, err = m.conn.ExecContext(ctx, "INSERT INTO "+marker+" (version) VALUES (?)", v)
	return err
}

// guardAudit makes the triggers that keep the audit log from accidents. A server that
// writes a binary log lets only its administrator make one; against intent there is
// the hash chain, so the records do without.
func (m *migration) guardAudit(ctx context.Context) error {
	for _, change := range []string{"DELETE", "UPDATE"} {
		name := "audit_keeps_" + strings.ToLower(change)
		_, err := m.conn.ExecContext(ctx, "DROP TRIGGER IF EXISTS "+name)
		if err == nil {
			_, err = m.conn.ExecContext(ctx, "CREATE TRIGGER "+name+" BEFORE "+change+
				" ON audit FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log only grows'")
		}
		switch numberOf(err) {
		case errBinlogGrants, errTableAccess, errPrivilege:
			m.log.Warn("the audit table gets no trigger against accidents; its hash chain stands", "err", err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
