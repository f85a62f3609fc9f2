package kakaodb_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/identity/devices"
	"haechi/internal/identity/devices/kakaodb"
)

// TestDatabase runs everything that needs a server on one.
func TestDatabase(t *testing.T) {
	srv := mariadbtest.Start(t)
	for name, do := range map[string]func(*testing.T, *mariadbtest.Server){
		"schemas": eachSchema, "changes": changes, "collation": collation, "statuses": statuses, "columns change": columnsChange,
		"rights": rights, "bounds": bounds, "many": many, "offers": offers, "offer meets rows": offerMeetsRows, "processes": findsProcesses,
		"the last word": lastWord, "follow": follows, "password": password, "other charset": otherCharset,
	} {
		t.Run(name, func(t *testing.T) { do(t, srv) })
	}
}

func eachSchema(t *testing.T, srv *mariadbtest.Server) {
	for name, create := range schemas() {
		t.Run(name, func(t *testing.T) {
			d := made(t, srv, "variant", create)
			s := d.source(t, writing)
			if rows := read(t, s); len(rows) != 0 {
				t.Errorf("an empty table has %v", rows)
			}
			d.row(t, "LOA.i", "1111", "approved")
			d.row(t, "도매까봇", "2222", "pending")
			rows := read(t, s)
			wants(t, rows, "LOA.i", "1111", haechi.Approved)
			wants(t, rows, "도매까봇", "2222", haechi.Pending)
			unchanged(t, s)
			dev := haechi.Device{Bot: "새봇", Serial: "3333", ClientType: "MessengerBotR", Version: "3.3.3", Addr: "192.0.2.9"}
			if err := s.Offer(t.Context(), dev); err != nil {
				t.Fatal(err)
			}
			wants(t, read(t, s), "새봇", "3333", haechi.Pending)
			d.do(t, "UPDATE kb_bot_devices SET status = 'blocked' WHERE device_id = '1111'")
			wants(t, read(t, s), "LOA.i", "1111", haechi.Blocked)
			d.do(t, "DELETE FROM kb_bot_devices WHERE device_id = '1111'")
			if _, ok := of(read(t, s), "LOA.i", "1111"); ok {
				t.Error("a deleted row is still there")
			}
		})
	}
}

// changes: whatever a writer leaves out, a change of what counts is seen, and what
// the servers note at every handshake is none.
func changes(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "changes", schemas()["as the code asks"])
	s := d.source(t)
	for i := range 20 {
		d.row(t, "봇", fmt.Sprint(i), "approved")
	}
	read(t, s)
	d.do(t, "UPDATE kb_bot_devices SET updated_at = NOW(), ip_address = '192.0.2.1', client_version = '3.3.9'")
	unchanged(t, s)
	for what, statement := range map[string]string{
		"no updated_at":            "UPDATE kb_bot_devices SET status = 'revoked' WHERE device_id = '3'",
		"an older updated_at":      "UPDATE kb_bot_devices SET status = 'denied', updated_at = '2001-01-01' WHERE device_id = '4'",
		"two swapped":              "UPDATE kb_bot_devices SET status = IF(device_id = '3', 'denied', 'revoked') WHERE device_id IN ('3', '4')",
		"a reason":                 "UPDATE kb_bot_devices SET rejection_reason = '분실' WHERE device_id = '3'",
		"a size":                   "UPDATE kb_bot_devices SET max_message_size = 65536 WHERE device_id = '5'",
		"another name, same count": "UPDATE kb_bot_devices SET bot_name = '봊' WHERE device_id = '6'",
		"the case of a name":       "UPDATE kb_bot_devices SET device_id = 'ABC' WHERE device_id = '7'",
		"a row replaced":           "UPDATE kb_bot_devices SET device_id = 'x8' WHERE device_id = '8'",
	} {
		d.do(t, statement)
		if _, changed, err := s.Read(t.Context()); err != nil || !changed {
			t.Errorf("%s: read %v, changed %v", what, err, changed)
		}
	}
	d.do(t, "UPDATE kb_bot_devices SET device_id = 'abc' WHERE device_id = 'ABC'")
	rows := read(t, s)
	if r, _ := of(rows, "봇", "5"); r.MaxFrame != 65536 {
		t.Errorf("the size is %d", r.MaxFrame)
	}
	unchanged(t, s)
}

// collation: the database takes names for equal that are not; the rows keep them
// apart.
func collation(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "collation", schemas()["the least"])
	for _, n := range []string{"LOA.i", "loa.i", "LOA.İ", "LOA.i ", "ＬＯＡ.i"} {
		d.row(t, n, "1111", "blocked")
	}
	d.do(t, "UPDATE kb_bot_devices SET status = 'approved' WHERE BINARY bot_name = 'LOA.i'")
	var equal int
	if err := d.QueryRow("SELECT COUNT(*) FROM kb_bot_devices WHERE bot_name = 'loa.i'").Scan(&equal); err != nil || equal < 3 {
		t.Fatalf("the database takes %d for equal (%v): this test shows nothing", equal, err)
	}
	r, o := registry(t, d.source(t))
	poll(t, o)
	for _, name := range []string{"loa.i", "LOA.İ", "LOA.i ", "ＬＯＡ.i", "Loa.i", "LOA.i\t"} {
		if dev, _ := r.At("bots").Lookup(name + "/1111"); dev.Status == haechi.Approved {
			t.Errorf("%q passes as LOA.i", name)
		}
	}
	if dev, _ := r.At("bots").Lookup("LOA.i/1111"); dev.Status != haechi.Approved {
		t.Errorf("LOA.i itself is %v", dev.Status)
	}
}

// statuses: only the five words, exactly, mean anything; the rest is closed.
func statuses(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "statuses", schemas()["the least"])
	for i, s := range []any{nil, "", "Approved", "APPROVED", "approved ", " approved", "approved\x00", "active", "1", "승인", strings.Repeat("a", 5000)} {
		d.row(t, "봇", fmt.Sprint(i), s)
	}
	d.do(t, "INSERT INTO kb_bot_devices VALUES (NULL, '99', 'approved'), ('봇', NULL, 'approved'), (NULL, NULL, NULL)")
	s := d.source(t)
	r, o := registry(t, s)
	poll(t, o)
	list := r.List(haechi.DeviceFilter{})
	if len(list) != 11 {
		t.Errorf("%d devices", len(list))
	}
	for _, dev := range list {
		if dev.Status != haechi.DeniedDevice {
			t.Errorf("%s: %s is %v", dev.Key, dev.There, dev.Status)
		}
		if strings.ContainsRune(dev.There, 0) || len(dev.There) > 80 {
			t.Errorf("%q is shown", dev.There)
		}
	}
	if got := counted(s.Stats(), "device_database.rows_of_unknown_status"); got != 12 {
		t.Errorf("%d unknown statuses are counted", got)
	}
}

// columnsChange: the table is altered under the running gateway.
func columnsChange(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "altered", schemas()["as the code asks"])
	d.row(t, "봇", "1", "approved")
	now := time.Now()
	s := d.source(t, func(c *kakaodb.Config) { c.Now = func() time.Time { return now } })
	wants(t, read(t, s), "봇", "1", haechi.Approved)
	d.do(t, "ALTER TABLE kb_bot_devices DROP COLUMN max_message_size, DROP COLUMN approved_at, DROP COLUMN rejection_reason")
	wants(t, read(t, s), "봇", "1", haechi.Approved)
	d.do(t, "ALTER TABLE kb_bot_devices ADD COLUMN max_message_size BIGINT DEFAULT 4096")
	now = now.Add(kakaodb.DefaultFull)
	if r, _ := of(read(t, s), "봇", "1"); r.MaxFrame != 4096 {
		t.Errorf("a column that came is not used: %+v", r)
	}
	d.do(t, "ALTER TABLE kb_bot_devices MODIFY status INT")
	d.do(t, "UPDATE kb_bot_devices SET status = 2")
	wants(t, read(t, s), "봇", "1", haechi.DeniedDevice)
	d.do(t, "ALTER TABLE kb_bot_devices MODIFY status VARBINARY(20)")
	d.do(t, "UPDATE kb_bot_devices SET status = 'approved'")
	wants(t, read(t, s), "봇", "1", haechi.Approved)
	d.do(t, "ALTER TABLE kb_bot_devices CHANGE status state VARCHAR(20)")
	for range 2 {
		_, _, err := s.Read(t.Context())
		if haechi.KindOf(err) != haechi.Unavailable || !strings.Contains(err.Error(), "status") {
			t.Errorf("without a status: %v", err)
		}
	}
	d.do(t, "DROP TABLE kb_bot_devices")
	if _, _, err := s.Read(t.Context()); err == nil {
		t.Error("a table that is gone was read")
	}
	d.do(t, schemas()["the least"])
	d.row(t, "봇", "1", "approved")
	wants(t, read(t, s), "봇", "1", haechi.Approved)
}

// rights: a user that may only SELECT is enough, even of the three columns; and
// without being told to, the gateway could not write if it wanted.
func rights(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "rights", schemas()["as the code asks"], processes,
		"CREATE OR REPLACE USER reader", "GRANT SELECT ON rights.* TO reader",
		"CREATE OR REPLACE USER narrow", "GRANT SELECT (bot_name, device_id, status) ON rights.kb_bot_devices TO narrow",
		"CREATE OR REPLACE USER nobody", "GRANT USAGE ON *.* TO nobody")
	d.row(t, "봇", "1", "approved")
	for _, user := range []string{"reader", "narrow"} {
		d.as(t, user)
		s := d.source(t)
		wants(t, read(t, s), "봇", "1", haechi.Approved)
		unchanged(t, s)
	}
	d.as(t, "reader")
	s := d.source(t, writing)
	read(t, s)
	if _, err := s.Processes(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if err := s.Offer(t.Context(), haechi.Device{Bot: "a", Serial: "b"}); err == nil || haechi.KindOf(err) == haechi.Conflict {
		t.Errorf("a user that may only SELECT inserted: %v", err)
	}
	d.as(t, "nobody")
	if _, _, err := d.source(t).Read(t.Context()); err == nil {
		t.Error("read without any right")
	}
	d.as(t, "root")
	s = d.source(t)
	read(t, s)
	if err := s.Offer(t.Context(), haechi.Device{Bot: "a", Serial: "b"}); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("wrote unasked: %v", err)
	}
}

// bounds: rows beyond the bound are not known, and counted.
func bounds(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "bounds", schemas()["from the SQL files"])
	for i := range 12 {
		d.row(t, "봇", fmt.Sprint(i), "approved")
	}
	s := d.source(t, func(c *kakaodb.Config) { c.MaxRows = 10 })
	rows := read(t, s)
	if _, ok := of(rows, "봇", "11"); ok || len(rows) != 10 || counted(s.Stats(), "device_database.rows_beyond_bound") != 1 {
		t.Errorf("%d rows are read", len(rows))
	}
}

// many: a hundred thousand devices.
func many(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "many", schemas()["as the code asks"],
		`INSERT INTO kb_bot_devices (bot_name, device_id, status, created_at, updated_at) SELECT '도매까봇', MD5(seq), 'approved', NOW(), NOW() FROM seq_1_to_100000`)
	s := d.source(t)
	r, o := registry(t, s)
	took := func() time.Duration {
		began := time.Now()
		poll(t, o)
		return time.Since(began)
	}
	first, idle := took(), took()
	d.do(t, "UPDATE kb_bot_devices SET status = 'blocked' WHERE id = 77777")
	changed := took()
	t.Logf("100,000 rows: first %v, without a change %v, with one %v", first, idle, changed)
	if n := len(r.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Blocked}})); n != 1 {
		t.Errorf("%d devices are blocked", n)
	}
	if counted(s.Stats(), "device_database.readings") != 2 {
		t.Error("rows were read though nothing had changed")
	}
	// Less than a second where nothing else runs; a bound for a busy machine with the
	// race detector, which anything quadratic would pass by far.
	if limit := 20 * time.Second; idle > limit || changed > 3*limit {
		t.Errorf("a reading takes %v, one with a change %v", idle, changed)
	}
}

// registry is Haechi's own, governed by the source.
func registry(t *testing.T, s *kakaodb.Source, change ...func(*devices.Config, *devices.OuterConfig)) (*devices.Registry, *devices.Outer) {
	t.Helper()
	cfg, oc := devices.Config{}, devices.OuterConfig{Name: "database", Services: []string{"bots"}, Timeout: time.Minute}
	for _, c := range change {
		c(&cfg, &oc)
	}
	r, err := devices.Open(t.Context(), cfg, nothing{})
	if err != nil {
		t.Fatal(err)
	}
	return r, r.Govern(oc, s)
}

func poll(t *testing.T, o *devices.Outer) {
	t.Helper()
	if err := o.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// nothing is a store that remembers nothing.
type nothing struct{}

func (nothing) Devices(context.Context) ([]haechi.Device, error)   { return nil, nil }
func (nothing) SaveDevice(context.Context, *haechi.Device) error   { return nil }
func (nothing) DeleteDevice(context.Context, string) error         { return nil }
func (nothing) Keys(context.Context, string) ([]haechi.Key, error) { return nil, nil }
func (nothing) SaveKey(context.Context, string, *haechi.Key) error { return nil }
func (nothing) DeleteKey(context.Context, string, string) error    { return nil }
func (nothing) SaveDevices(context.Context, []haechi.Device) error { return nil }
func (nothing) SaveSeen(context.Context, []haechi.Device) error    { return nil }
func (nothing) Codes(context.Context) ([]haechi.EnrolCode, error)  { return nil, nil }
func (nothing) SaveCode(context.Context, *haechi.EnrolCode) error  { return nil }
func (nothing) DeleteCode(context.Context, string) error           { return nil }

func (nothing) Enrol(context.Context, *haechi.EnrolCode, *haechi.Device, *haechi.Key) error {
	return nil
}

// lastWord: the server is killed. The last word holds for the grace, by the clock
// given, and then closes; it opens again with the server.
func lastWord(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "lastword", schemas()["from the SQL files"])
	d.row(t, "봇", "1", "approved")
	now := time.Now()
	cut := 0
	r, o := registry(t, d.source(t), func(c *devices.Config, _ *devices.OuterConfig) {
		c.Now = func() time.Time { return now }
		c.OnChange = func(_, _ haechi.Device) { cut++ }
	})
	poll(t, o)
	srv.Kill()
	defer func() {
		if err := srv.Restart(); err != nil {
			t.Fatal(err)
		}
		poll(t, o)
		if dev, _ := r.Lookup("봇/1"); dev.Status != haechi.Approved {
			t.Errorf("after the restart it is %v", dev.Status)
		}
	}()
	if err := o.Poll(t.Context()); err == nil {
		t.Fatal("a killed server was read")
	}
	now = now.Add(devices.DefaultGrace)
	if dev, _ := r.Lookup("봇/1"); dev.Status != haechi.Approved || cut != 0 {
		t.Errorf("within the grace it is %v, %d cut", dev.Status, cut)
	}
	now = now.Add(time.Second)
	if err := o.Poll(t.Context()); err == nil {
		t.Fatal("a killed server was read")
	}
	if dev, _ := r.Lookup("봇/1"); dev.Status == haechi.Approved || cut != 1 {
		t.Errorf("after the grace it is %v, %d cut", dev.Status, cut)
	}
}

// password: it is changed in the file while the gateway runs, and is in no error.
func password(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "pass", schemas()["the least"], "CREATE OR REPLACE USER guard IDENTIFIED BY 'old-secret'", "GRANT SELECT ON pass.* TO guard")
	d.as(t, "guard:old-secret")
	s := d.source(t)
	read(t, s)
	d.do(t, "SET PASSWORD FOR guard = PASSWORD('new-secret')")
	d.do(t, "KILL USER guard")
	if _, _, err := s.Read(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with the old password: %v", err)
	}
	d.as(t, "guard:new-secret")
	if _, _, err := s.Read(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoDSN(t *testing.T) {
	for text, want := range map[string]haechi.ErrorKind{
		"": haechi.Invalid, "guard:hunter2@tcp(10.0.0.5:3306)/": haechi.Invalid, "mysql://guard:hunter2@10.0.0.5/db": haechi.Invalid, "hunter2": haechi.Invalid,
	} {
		file := filepath.Join(t.TempDir(), "dsn")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := kakaodb.Open(kakaodb.Config{DSNFile: file})
		if haechi.KindOf(err) != want || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := kakaodb.Open(kakaodb.Config{DSNFile: filepath.Join(t.TempDir(), "none")}); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("no file: %v", err)
	}
}

// A server that takes connections and says nothing holds nobody up for longer than
// the caller waits.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("guard@tcp("+l.Addr().String()+")/bots"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := kakaodb.Open(kakaodb.Config{DSNFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	began := time.Now()
	if _, _, err := s.Read(ctx); err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
