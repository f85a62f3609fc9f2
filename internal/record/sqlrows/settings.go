package sqlrows

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"haechi"
)

// Setting returns a value; a missing or expired one is an error of kind NotFound.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := s.state.R.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ? AND (until_ns = 0 OR until_ns > ?)",
		name, s.cfg.Now().UnixNano()).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read a setting", Msg: name + " is not set"}
	}
	return value, s.failure("read a setting", err)
}

// SetSetting keeps a value until a time; the zero time has no end. It is durable on
// return.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte, until time.Time) error {
	return s.inState(ctx, "save a setting", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "REPLACE INTO settings (name, value, until_ns) VALUES (?,?,?)",
			name, append([]byte{}, value...), nanos(until))
		return err
	})
}

// DeleteSetting takes a value away; one that is not there is no error.
func (s *Store) DeleteSetting(ctx context.Context, name string) error {
	return s.inState(ctx, "delete a setting", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM settings WHERE name = ?", name)
		return err
	})
}

// SettingNames lists the names that begin so and have not expired, sorted.
func (s *Store) SettingNames(ctx context.Context, prefix string) ([]string, error) {
	names, err := column[string](ctx, s.state.R, "SELECT name FROM settings WHERE name >= ? AND (until_ns = 0 OR until_ns > ?) ORDER BY name",
		prefix, s.cfg.Now().UnixNano())
	for i, n := range names {
		if !strings.HasPrefix(n, prefix) {
			return names[:i], nil
		}
	}
	return names, s.failure("read settings", err)
}
