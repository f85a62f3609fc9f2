package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"

	"haechi"
)

// applicationID marks a file as one of ours ("HAEC" in the header of the file).
const applicationID = 0x48414543

//go:embed schema/*.sql
var schema embed.FS

// kind is one of the two databases: its schema and how safely it writes.
type kind struct {
	name         string
	versions     int // schema/NAME_1.sql up to this one
	synchronous  string
	secureDelete string // state.db overwrites deleted keys with zeros
	views        func() []string
}

func stateKind() kind {
	return kind{name: "state", versions: 2, synchronous: "FULL", secureDelete: "ON", views: func() []string { return nil }}
}

func eventsKind() kind {
	return kind{name: "events", versions: 4, synchronous: "NORMAL", secureDelete: "FAST", views: viewStatements}
}

// inspect looks at an existing file without changing it: a database that somebody
// else made, or a newer version, is refused before anything touches it.
func inspect(ctx context.Context, path string, k kind) error {
	db, err := sql.Open("sqlite", dsn(path, "_query_only", "1"))
	if err != nil {
		return failure("open "+path, err)
	}
	defer db.Close()
	var app, version, tables int
	err = errors.Join(db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app),
		db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables))
	switch {
	case err != nil:
		return failure("open "+path, err)
	case tables == 0:
		return nil
	case app != applicationID:
		return &haechi.Error{Kind: haechi.Conflict, Op: "open records",
			Msg:  path + " was not made by Haechi" + foreign(ctx, db),
			Hint: "give Haechi a folder of its own with state: in the configuration"}
	case version > k.versions:
		return &haechi.Error{Kind: haechi.Conflict, Op: "open records",
			Msg:  fmt.Sprintf("%s has schema %d, this version knows %d", path, version, k.versions),
			Hint: "run the newer Haechi that wrote it, or restore a backup from before the upgrade"}
	}
	return nil
}

// foreign names the kb_ tables somebody else made, for the message.
func foreign(ctx context.Context, db *sql.DB) string {
	var names sql.NullString
	err := db.QueryRowContext(ctx, `SELECT group_concat(name, ', ') FROM sqlite_schema WHERE type = 'table' AND name LIKE 'kb\_%' ESCAPE '\'`).Scan(&names)
	if err != nil || !names.Valid {
		return ""
	}
	return " and has the tables " + names.String
}

// migrate brings the schema to the newest version, each step in a transaction of
// its own, and makes the views anew, which hold no data.
func migrate(ctx context.Context, db *sql.DB, k kind) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return failure("read the schema version", err)
	}
	for v := version + 1; v <= k.versions; v++ {
		if err := step(ctx, db, k, v); err != nil {
			return failure(fmt.Sprintf("migrate %s to schema %d", k.name, v), err)
		}
	}
	d := &database{w: db}
	return failure("make the views", d.tx(ctx, func(tx *sql.Tx) error { return execAll(ctx, tx, k.views()) }))
}

func step(ctx context.Context, db *sql.DB, k kind, v int) error {
	text, err := schema.ReadFile(fmt.Sprintf("schema/%s_%d.sql", k.name, v))
	if err != nil {
		return err
	}
	d := &database{w: db}
	return d.tx(ctx, func(tx *sql.Tx) error {
		return execAll(ctx, tx, []string{
			"CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)",
			string(text),
			fmt.Sprintf("INSERT INTO schema_version VALUES (%d, datetime('now'))", v),
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			fmt.Sprintf("PRAGMA user_version = %d", v),
		})
	})
}

func execAll(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}
