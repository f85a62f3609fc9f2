package sqlite_test

import (
	"path/filepath"
	"testing"

	"haechi/internal/record/sqlite"
	"haechi/internal/record/storetest"
)

func config(dir string) sqlite.Config {
	return sqlite.Config{Dir: dir, Zone: storetest.Zone(), Now: storetest.Now}
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened closes the store at the test's end.
func opened(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s := open(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) func(t *testing.T) *storetest.Store {
		dir := filepath.Join(t.TempDir(), "records")
		return func(t *testing.T) *storetest.Store {
			s := open(t, dir)
			return &storetest.Store{Events: s, Pruner: s, Eraser: s, Decisions: s, Journal: s, Devices: s, Fleet: s, Codes: s,
				Audit: s, History: s, Settings: s, Hands: s, Close: s.Close,
				SQL: func(t *testing.T, statement string) {
					if _, err := raw(t, filepath.Join(dir, sqlite.EventsFile)).ExecContext(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}}
		}
	})
}
