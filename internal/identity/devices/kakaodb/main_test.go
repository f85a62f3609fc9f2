package kakaodb_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/identity/devices"
	"haechi/internal/identity/devices/kakaodb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database is one existing database, as a test has it.
type database struct {
	*sql.DB
	srv  *mariadbtest.Server
	name string
	dsn  string // file
}

// made makes a database with the statements run in it.
func made(t *testing.T, srv *mariadbtest.Server, name string, statements ...string) *database {
	t.Helper()
	d := &database{DB: srv.Open(t, name), srv: srv, name: name, dsn: filepath.Join(t.TempDir(), "dsn")}
	for _, s := range statements {
		d.do(t, s)
	}
	d.as(t, "root")
	return d
}

// as writes the file with the data source name for a user without a password.
func (d *database) as(t *testing.T, user string) {
	t.Helper()
	text := fmt.Sprintf("%s@tcp(127.0.0.1:%d)/%s\n", user, d.srv.Port, d.name)
	if err := os.WriteFile(d.dsn, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *database) do(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := d.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// row adds a device.
func (d *database) row(t *testing.T, bot, serial string, status any) {
	t.Helper()
	extra, values := "", ""
	if d.has(t, "updated_at") {
		extra, values = ", created_at, updated_at", ", NOW(), NOW()"
	}
	d.do(t, "INSERT INTO kb_bot_devices (bot_name, device_id, status"+extra+") VALUES (?, ?, ?"+values+")", bot, serial, status)
}

func (d *database) has(t *testing.T, column string) bool {
	t.Helper()
	var n int
	if err := d.QueryRow("SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = ? AND table_name = 'kb_bot_devices' AND column_name = ?", d.name, column).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// source opens the database as the gateway does.
func (d *database) source(t *testing.T, change ...func(*kakaodb.Config)) *kakaodb.Source {
	t.Helper()
	cfg := kakaodb.Config{DSNFile: d.dsn}
	for _, c := range change {
		c(&cfg)
	}
	s, err := kakaodb.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func writing(c *kakaodb.Config) { c.Writes = true }

// read wants a reading that found changes.
func read(t *testing.T, s *kakaodb.Source) []devices.Row {
	t.Helper()
	rows, changed, err := s.Read(t.Context())
	if err != nil || !changed {
		t.Fatalf("read %v, changed %v", err, changed)
	}
	return rows
}

// unchanged wants one that found none.
func unchanged(t *testing.T, s *kakaodb.Source) {
	t.Helper()
	if _, changed, err := s.Read(t.Context()); err != nil || changed {
		t.Fatalf("read %v, changed %v", err, changed)
	}
}

// of finds the row of a device, by its exact names.
func of(rows []devices.Row, bot, serial string) (devices.Row, bool) {
	i := slices.IndexFunc(rows, func(r devices.Row) bool { return r.Bot == bot && r.Serial == serial })
	if i < 0 {
		return devices.Row{}, false
	}
	return rows[i], true
}

func wants(t *testing.T, rows []devices.Row, bot, serial string, want haechi.DeviceStatus) {
	t.Helper()
	if r, ok := of(rows, bot, serial); !ok || r.Status != want {
		t.Errorf("%s/%s is %+v, want %v", bot, serial, r, want)
	}
}

func counted(cs []haechi.Counter, name string) uint64 {
	for _, c := range cs {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}
