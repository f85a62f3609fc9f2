package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"haechi/internal/record/sqlrows"
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
	*sqlrows.Store
	cfg    Config
	state  *database
	events *database
}

// Open opens or makes the store. Errors are of kind Conflict where a database was
// made by somebody else or by a newer version, Denied where the folder is not safe,
// Unavailable where the disk does not answer.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := PrepareDir(cfg.Dir); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg}
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
	d := dialect()
	d.Shrink = s.events.shrink
	s.Store = sqlrows.New(sqlrows.Config{State: s.state.rows(), Events: s.events.rows(), Dialect: d,
		Zone: s.cfg.Zone, Now: s.cfg.Now, Log: s.cfg.Log})
	return s.Prepare(ctx)
}

// Where says where the records lie.
func (s *Store) Where() string { return "SQLite in " + s.cfg.Dir }

// Close closes both files. What a writer still holds must be flushed before.
func (s *Store) Close() error {
	return errors.Join(s.state.close(), s.events.close())
}

// reading is a store of one copied file that is only looked into.
func reading(db *sql.DB) *sqlrows.Store {
	return sqlrows.New(sqlrows.Config{State: sqlrows.DB{R: db}, Dialect: dialect()})
}
