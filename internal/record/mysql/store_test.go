package mysql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"haechi/internal/brick/mariadbtest"
	"haechi/internal/record/mysql"
	"haechi/internal/record/storetest"
)

func config(t *testing.T, dsn string) mysql.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return mysql.Config{DSNFile: file, Zone: storetest.Zone(), Now: storetest.Now}
}

func open(t *testing.T, cfg mysql.Config) *mysql.Store {
	t.Helper()
	s, err := mysql.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	var n atomic.Int64
	storetest.Run(t, func(t *testing.T) func(t *testing.T) *storetest.Store {
		name := fmt.Sprint("records", n.Add(1))
		db := server.Open(t, name)
		return func(t *testing.T) *storetest.Store {
			s := open(t, config(t, server.DSN(name)))
			return &storetest.Store{Events: s, Pruner: s, Eraser: s, Decisions: s, Journal: s, Devices: s, Fleet: s, Codes: s,
				Audit: s, History: s, Settings: s, Hands: s,
				SQL: func(t *testing.T, statement string) { do(t, db, statement) }, Close: s.Close}
		}
	})
}

// TestDatabase is what needs a server and leaves it as it is.
func TestDatabase(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	for name, run := range map[string]func(*testing.T, *mariadbtest.Server){
		"foreign": refusesForeignDatabase, "migrations": migrations, "audit": auditOnlyGrows, "backup": backup,
		"documents": documents, "indexes": indexes,
	} {
		t.Run(name, func(t *testing.T) { run(t, server) })
	}
}
