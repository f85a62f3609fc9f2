package mysql

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"haechi"
	"haechi/internal/record/sqlrows"
)

// Config says where the records lie and whose midnight counts.
type Config struct {
	// DSNFile holds one line: user:password@tcp(host:port)/database, or
	// user@unix(path)/database. It is a secret. User and password are read again for
	// each connection, so that a password can be changed without a restart.
	DSNFile string
	// CA is a PEM file with the authorities that may vouch for the server; with one,
	// the connection is encrypted and verified. Without one the DSN says (tls=true
	// verifies against the system's).
	CA string
	// Conns bounds the connections; 0 means 20, at least 4 and at most 100.
	Conns int
	// Zone is the time zone of days and hours in reports; nil is UTC.
	Zone *time.Location
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger     // nil discards
}

// Bounds of Config.Conns.
const (
	defaultConns = 20
	minConns     = 4
	maxConns     = 100
)

// Store is the store in one database. All its methods are safe for concurrent use.
type Store struct {
	*sqlrows.Store
	db *database
}

// Open connects, brings the schema to the present version and makes ready to write.
// Errors are of kind Invalid for a DSN that cannot be used, Unavailable where the
// server does not answer, Denied where it refuses, Conflict where the database is
// somebody else's or of a newer version.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	db, err := connect(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, Store: sqlrows.New(sqlrows.Config{State: db.rows(), Events: db.rows(), Dialect: dialect(),
		Zone: cfg.Zone, Now: cfg.Now, Log: cfg.Log})}
	if err := db.migrate(ctx, cfg.Log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Where says where the records lie: server, database and how the server calls itself.
func (s *Store) Where() string { return s.db.where + " (" + s.db.server + ")" }

// Close ends the connections. What a writer still holds must be flushed before.
func (s *Store) Close() error { return s.db.close() }

// Backup refuses: a copy of a running database is its own tools' work.
func (s *Store) Backup(context.Context, string) error {
	return &haechi.Error{Kind: haechi.Conflict, Op: "back up", Msg: "the records lie in a database, which has a backup of its own",
		Hint: "mariadb-dump --single-transaction --triggers " + s.db.name + " > FILE; keep it safe, it holds the device keys"}
}
