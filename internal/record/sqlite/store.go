package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"haechi/internal/record"
)

// Names of the two files in the store's folder.
const (
	StateFile  = "state.db"
	EventsFile = "events.db"
)

// Config says where the records lie and whose midnight counts.
type Config struct {
	// Dir is the folder of the two files; it is made with mode 0700 if missing.
	Dir string
	// Zone is the time zone of days and hours in reports; nil is UTC.
	Zone *time.Location
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger     // nil discards
}

// Store is the SQLite store. All its methods are safe for concurrent use.
type Store struct {
	cfg    Config
	state  *database
	events *database
	write  appendState // under mu
	mu     sync.Mutex

	dirtyMu sync.Mutex
	dirty   map[string]struct{} // devices whose registry entry is newer than the projection
}

// The port, in full.
var (
	_ record.Events    = (*Store)(nil)
	_ record.Pruner    = (*Store)(nil)
	_ record.Eraser    = (*Store)(nil)
	_ record.Decisions = (*Store)(nil)
	_ record.Journal   = (*Store)(nil)
	_ record.Devices   = (*Store)(nil)
	_ record.Fleet     = (*Store)(nil)
	_ record.Codes     = (*Store)(nil)
	_ record.Audit     = (*Store)(nil)
	_ record.History   = (*Store)(nil)
	_ record.Settings  = (*Store)(nil)
)

// Open opens or makes the store. Errors are of kind Conflict where a database was
// made by somebody else or by a newer version, Denied where the folder is not safe,
// Unavailable where the disk does not answer.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := prepareDir(cfg.Dir); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, dirty: map[string]struct{}{}}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.state, err = openDatabase(ctx, filepath.Join(s.cfg.Dir, StateFile), stateKind()); err != nil {
		return err
	}
	if s.events, err = openDatabase(ctx, filepath.Join(s.cfg.Dir, EventsFile), eventsKind()); err != nil {
		return err
	}
	if err := s.saveZone(ctx); err != nil {
		return err
	}
	if err := s.write.prepare(ctx, s.events.w); err != nil {
		return err
	}
	return s.projectAll(ctx)
}

// Close closes both files. What a writer still holds must be flushed before.
func (s *Store) Close() error {
	return errors.Join(s.state.close(), s.events.close())
}

// inState runs f in one durable transaction of state.db.
func (s *Store) inState(ctx context.Context, op string, f func(tx *sql.Tx) error) error {
	return failure(op, s.state.tx(ctx, f))
}

// inEvents runs f in one transaction of events.db.
func (s *Store) inEvents(ctx context.Context, op string, f func(tx *sql.Tx) error) error {
	return failure(op, s.events.tx(ctx, f))
}
