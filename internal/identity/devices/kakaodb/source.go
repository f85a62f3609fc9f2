package kakaodb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"haechi"
	"haechi/internal/identity/devices"
)

// Defaults of [Config].
const (
	DefaultMaxRows = 200_000
	DefaultFull    = time.Minute
)

// Config says which database is read, and its bounds. Zero fields mean the defaults.
type Config struct {
	// DSNFile holds the data source name: user:password@tcp(host:3306)/database. It
	// is read again for every new connection, so that a password can be changed.
	DSNFile string
	// Writes allows [Source.Offer]; without it the sessions are read-only.
	Writes bool
	// MaxRows is how many devices are read (200,000); those beyond are not known.
	MaxRows int
	// Full is how often everything is read though nothing seems to have changed (1
	// minute).
	Full time.Duration
	// Zone is that of the database's times (UTC).
	Zone *time.Location
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: silent
}

// Source is one existing database. Its methods may be called at the same time, but
// Read and Offer one at a time only.
type Source struct {
	cfg Config
	db  *sql.DB

	cols   columns // nil: not looked up
	told   string  // the columns that were logged last
	seen   digest  // of what Read returned last
	fullAt time.Time

	over, unknown, digests, reads atomic.Uint64
	unusable                      atomic.Uint64 // processes
}

// Open prepares the database; nothing is sent yet. Errors are of kind Invalid or
// NotFound: the file with the data source name cannot be used.
func Open(cfg Config) (*Source, error) {
	if cfg.MaxRows <= 0 {
		cfg.MaxRows = DefaultMaxRows
	}
	if cfg.Full <= 0 {
		cfg.Full = DefaultFull
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := connector{file: cfg.DSNFile, readOnly: !cfg.Writes}
	if _, err := c.settings(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, db: sql.OpenDB(c)}
	s.db.SetMaxOpenConns(2) // one reads devices, one reads processes
	s.db.SetMaxIdleConns(2)
	s.db.SetConnMaxLifetime(time.Hour)
	return s, nil
}

// CheckFile reports whether a file holds a data source name, without connecting.
// Errors are those of [Open].
func CheckFile(path string) error {
	_, err := connector{file: path}.settings()
	return err
}

// Close gives back the connections.
func (s *Source) Close() error { return s.db.Close() }

// Read implements [devices.Source]. What changed is found by a digest that the
// database itself makes of the columns that count: its updated_at is set by whoever
// writes, to the second, or not at all, and a deleted row has none.
func (s *Source) Read(ctx context.Context) ([]devices.Row, bool, error) {
	now := s.cfg.Now()
	full := s.fullAt.IsZero() || now.Sub(s.fullAt) >= s.cfg.Full
	if full {
		s.cols = nil // an installation grows columns
	}
	for tries := 0; ; tries++ {
		rows, changed, err := s.read(ctx, full, now)
		if err == nil || tries > 0 || !outdated(err) {
			return rows, changed, err
		}
		s.cols = nil
	}
}

func (s *Source) read(ctx context.Context, full bool, now time.Time) (rows []devices.Row, changed bool, err error) {
	if s.cols == nil {
		cols, err := s.discover(ctx, "kb_bot_devices", []string{"bot_name", "device_id", "status"}, devicesOptional()...)
		if err != nil {
			return nil, false, err
		}
		s.cols = cols
		s.tell()
	}
	// The digest comes first: what changes between the two is in the next digest.
	d, err := s.digest(ctx)
	if err != nil {
		return nil, false, err
	}
	if !full && d == s.seen {
		return nil, false, nil
	}
	if rows, err = s.rows(ctx); err != nil {
		return nil, false, err
	}
	s.seen, s.fullAt = d, now
	return rows, true, nil
}

// tell logs which columns are used, when that is news.
func (s *Source) tell() {
	used := strings.Join(s.cols.has(append([]string{"bot_name", "device_id", "status"}, devicesOptional()...)...), " ")
	if used != s.told {
		s.told = used
		s.cfg.Log.Info("reading kb_bot_devices", "columns", used)
	}
}

// outdated reports whether an error may come from columns that are not as they were.
func outdated(err error) bool {
	var m *mysql.MySQLError
	return errors.As(err, &m) && slices.Contains([]uint16{1054, 1142, 1143, 1146, 1356}, m.Number)
}

// Stats are the bounds: devices beyond those read, rows with a status that is not
// known here and processes without a usable address, both of the last reading;
// digests taken and whole readings.
func (s *Source) Stats() []haechi.Counter {
	return []haechi.Counter{
		{Name: "device_database.rows_beyond_bound", Value: s.over.Load()}, {Name: "device_database.rows_of_unknown_status", Value: s.unknown.Load()},
		{Name: "device_database.processes_unusable", Value: s.unusable.Load()},
		{Name: "device_database.looks", Value: s.digests.Load()}, {Name: "device_database.readings", Value: s.reads.Load()},
	}
}

// quoted lists columns for a statement. The names are this package's own.
func quoted(cols []string) string {
	out := ""
	for i, c := range cols {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("`%s`", c)
	}
	return out
}
