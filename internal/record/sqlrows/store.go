package sqlrows

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"haechi/internal/record"
)

// DB is one set of tables: where to write, where to read, and how a transaction
// runs. Both pools may be the same.
type DB struct {
	W, R *sql.DB
	// Tx runs f in one write transaction, all of it or nothing. Waiting for its turn
	// ends with ctx. f may be run again if the database broke the transaction off.
	Tx func(ctx context.Context, f func(tx *sql.Tx) error) error
}

// Config is what a driver gives. All but Zone, Now and Log must be set.
type Config struct {
	State   DB // what must not be lost; a commit there is durable
	Events  DB // what happened
	Dialect Dialect
	// Zone is the time zone of days and hours in reports; nil is UTC.
	Zone *time.Location
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger     // nil discards
}

// Store is the record port over two sets of tables. All its methods are safe for
// concurrent use. A driver embeds it.
type Store struct {
	cfg    Config
	state  DB
	events DB
	d      Dialect
	write  appendState // under mu
	mu     sync.Mutex

	dirtyMu sync.Mutex
	dirty   map[string]struct{} // devices whose registry entry is newer than the projection
}

// The port, in full.
var (
	_ record.Events      = (*Store)(nil)
	_ record.Pruner      = (*Store)(nil)
	_ record.Eraser      = (*Store)(nil)
	_ record.Decisions   = (*Store)(nil)
	_ record.Journal     = (*Store)(nil)
	_ record.Devices     = (*Store)(nil)
	_ record.Fleet       = (*Store)(nil)
	_ record.Codes       = (*Store)(nil)
	_ record.History     = (*Store)(nil)
	_ record.Audit       = (*Store)(nil)
	_ record.Settings    = (*Store)(nil)
	_ record.HandWatcher = (*Store)(nil)
)

// New makes a store over tables that have the present schema; Prepare makes it ready
// to write. Without Prepare it reads the audit log, which is all that checking a copy
// needs.
func New(cfg Config) *Store {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{cfg: cfg, state: cfg.State, events: cfg.Events, d: cfg.Dialect, dirty: map[string]struct{}{}}
}

// Prepare saves the time zone, prepares the statements and brings the projection of
// the registry up to date.
func (s *Store) Prepare(ctx context.Context) error {
	if err := s.saveZone(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return s.failure("prepare", err)
	}
	return s.projectAll(ctx)
}

func (s *Store) failure(op string, err error) error { return s.d.Failure(op, err) }

// inState runs f in one durable transaction.
func (s *Store) inState(ctx context.Context, op string, f func(tx *sql.Tx) error) error {
	return s.failure(op, s.state.Tx(ctx, f))
}

// inEvents runs f in one transaction.
func (s *Store) inEvents(ctx context.Context, op string, f func(tx *sql.Tx) error) error {
	return s.failure(op, s.events.Tx(ctx, f))
}

// exec runs one statement and says how many rows it changed.
func exec(ctx context.Context, tx *sql.Tx, query string, args ...any) (int64, error) {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
