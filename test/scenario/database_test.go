package scenario_test

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// The tables of a bot system, as its code asks for them.
const botTables = `CREATE TABLE kb_bot_devices (
  id INT AUTO_INCREMENT PRIMARY KEY, bot_name VARCHAR(30) NOT NULL, device_id VARCHAR(100) NOT NULL, ip_address VARCHAR(45),
  client_type VARCHAR(50), client_version VARCHAR(20),
  status ENUM('pending','approved','denied','revoked','blocked') NOT NULL DEFAULT 'pending',
  approved_at DATETIME, rejection_reason TEXT, created_at DATETIME, updated_at DATETIME, max_message_size INT,
  UNIQUE KEY uk_device_id (device_id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE kb_server_processes (
  id INT AUTO_INCREMENT PRIMARY KEY, server_id INT, process_name VARCHAR(50) NOT NULL UNIQUE, port INT NOT NULL,
  type ENUM('test','live') NOT NULL, status ENUM('stopped','starting','running','stopping','error','crashed') NOT NULL,
  supervisor_host VARCHAR(255), supervisor_port INT) DEFAULT CHARSET=utf8mb4;
CREATE USER guard; GRANT SELECT ON bots.* TO guard; CREATE USER registrar; GRANT SELECT, INSERT ON bots.* TO registrar`

// dbRig is a rig with the database of a bot system beside it.
type dbRig struct {
	*rig
	srv *mariadbtest.Server
	db  *sql.DB
	dsn string
}

// withDatabase starts a database and a gateway that reads it every second as a user
// who may do no more than said.
func withDatabase(t *testing.T, user, settings string) *dbRig {
	t.Helper()
	srv := mariadbtest.Start(t)
	r := &dbRig{srv: srv, db: srv.Open(t, "bots"), dsn: filepath.Join(t.TempDir(), "bots.dsn")}
	r.sql(t, botTables)
	must(t, os.WriteFile(r.dsn, fmt.Appendf(nil, "%s@tcp(127.0.0.1:%d)/bots", user, srv.Port), 0o600))
	r.rig = newRig(t, databaseSettings(r.dsn, settings))
	return r
}

func databaseSettings(dsn, more string) settings {
	return settings{bots: fmt.Sprintf("device: { hold: 5s, database: { dsn_file: %q, every: 1s%s } }", dsn, more)}
}

func (r *dbRig) sql(t *testing.T, statements string, args ...any) {
	t.Helper()
	_, err := r.db.Exec(statements, args...)
	must(t, err)
}

// is sets what the bot system's administrator says about a device.
func (r *dbRig) is(t *testing.T, id demo.Identity, status string) {
	t.Helper()
	r.sql(t, "INSERT INTO kb_bot_devices (bot_name, device_id, status) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE status = VALUES(status)", id.Bot, id.Serial, status)
}

// is the device listed as, with what the database says of it.
func (r *dbRig) becomes(t *testing.T, id demo.Identity, status haechi.DeviceStatus, there string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s to be %v, %s in the database", id.Key(), status, there), 6*time.Second, func() bool {
		for _, d := range asked[[]haechi.Device](r.rig, "devices") {
			if d.Key == id.Key() {
				return d.Status == status && d.There == there && d.Source == "database"
			}
		}
		return false
	})
}

// TestExistingDatabase: an operator goes on approving in the bot system's own
// database, by a user of the gateway that may only SELECT there. A withdrawal cuts
// the session within the re-read time; a veto in Haechi stands beside it.
func TestExistingDatabase(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	id := demo.Identity{Bot: "LOA.i", Serial: "0123456789abcdef", Shape: demo.V333}
	r.is(t, id, "approved")
	r.start()
	r.becomes(t, id, haechi.Approved, "approved")
	id = r.key(id)
	r.phone(id, 10).connected().Close()

	other := id
	other.Bot = "loa.i" // equal for the database's collation
	r.phone(other, 11).refused(t)

	for _, withdrawn := range []string{"revoked", "blocked", "denied", "pending", "gone"} {
		p := r.phone(id, 12)
		s := p.connected()
		p.chats(s, "있어요?")
		if withdrawn == "gone" {
			r.sql(t, "DELETE FROM kb_bot_devices")
		} else {
			r.is(t, id, withdrawn)
		}
		began := time.Now()
		_, _ = s.Until("") // it ends with the session
		took := time.Since(began)
		if took > gateway.Patient(2*time.Second) {
			t.Errorf("%s: the session went on for %v", withdrawn, took)
		}
		t.Logf("%s: cut after %v", withdrawn, took)
		n := len(r.bots.of(id))
		r.phone(id, 12).refused(t)
		if len(r.bots.of(id)) != n {
			t.Errorf("%s: the server heard it again", withdrawn)
		}
		r.is(t, id, "approved")
		r.becomes(t, id, haechi.Approved, "approved")
	}
	r.vetoed(t, id)
	last := r.databaseAudit(t, id)
	if want := "approved>revoked revoked>approved approved>blocked blocked>approved approved>denied denied>approved approved>pending pending>approved approved>pending pending>approved"; last != want {
		t.Errorf("audited %s\nwant    %s", last, want)
	}
	var rows int
	must(t, r.db.QueryRow("SELECT COUNT(*) FROM kb_bot_devices").Scan(&rows))
	if rows != 1 {
		t.Errorf("%d rows: the gateway wrote into the database", rows)
	}
}

// vetoed: an operator of Haechi says no, which stands whatever the database says.
func (r *dbRig) vetoed(t *testing.T, id demo.Identity) {
	t.Helper()
	r.fails(1, []string{"kept in the database"}, "devices", "approve", id.Key())
	r.cuts(t, id, "block", "lost phone")
	if d := asked[[]haechi.Device](r.rig, "devices", "--status", "blocked"); len(d) != 1 || d[0].There != "approved" || d[0].Veto != haechi.Blocked {
		t.Errorf("listed as %+v", d)
	}
	if out := r.ok("why", id.Key()); !strings.Contains(out, "Decided in") || !strings.Contains(out, "database: approved") {
		t.Errorf("why does not say what the database says:\n%s", out)
	}
	if out := r.ok("devices"); !strings.Contains(out, "database: approved") {
		t.Errorf("the list does not show both:\n%s", out)
	}
	r.ok("devices", "approve", id.Key())
	r.phone(id, 13).connected().Close()
	r.cuts(t, id, "revoke", "by mistake")
	last := asked[[]haechi.AuditEntry](r.rig, "audit", "--limit", "1")[0]
	r.ok("audit", "undo", fmt.Sprint(last.Seq))
	r.phone(id, 13).connected().Close()
	r.is(t, id, "approved")
}

// TestDatabaseBoundsFrames: what the bot system's database says of a device's frames is
// kept, and may be changed while it talks.
func TestDatabaseBoundsFrames(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	id := demo.Identity{Bot: "LOA.i", Serial: "0123456789abcdef", Shape: demo.V333}
	other := demo.Identity{Bot: "LOA.i", Serial: "fedcba9876543210", Shape: demo.V333}
	r.is(t, id, "approved")
	r.is(t, other, "approved")
	r.start()
	bounded := func(n int) {
		t.Helper()
		r.sql(t, "UPDATE kb_bot_devices SET max_message_size = ? WHERE device_id = ?", n, id.Serial)
		eventually(t, "the bound to be read", 6*time.Second, func() bool {
			for _, d := range asked[[]haechi.Device](r.rig, "devices") {
				if d.Key == id.Key() {
					return d.MaxFrame == n
				}
			}
			return false
		})
	}
	r.becomes(t, other, haechi.Approved, "approved")
	id, other = r.key(id), r.key(other)
	const much = 6000
	p := r.phone(id, 12)
	s := p.connected()
	p.chats(s, strings.Repeat("많", much))
	bounded(4096)
	p.chats(s, "적어요")
	must(t, s.Say("가족방", strings.Repeat("많", much)))
	_, _ = s.Until("") // it ends with the session
	last := p.Counts().Last
	if last.Code != "BAD_FRAME" {
		t.Fatalf("told %+v", last)
	}
	r.explained(t, last.Ref, haechi.ReasonOversize, id)
	q := r.phone(other, 13)
	q.chats(q.connected(), strings.Repeat("많", much))
	bounded(1 << 20)
	p.chats(p.connected(), strings.Repeat("많", much))
}

// TestManyChangesAtOnce: what a script does to hundreds of rows is audited within a
// bound, and in force for all.
func TestManyChangesAtOnce(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	r.sql(t, "INSERT INTO kb_bot_devices (bot_name, device_id, status) SELECT '봇', seq, 'approved' FROM seq_1_to_300")
	r.start()
	r.becomes(t, demo.Identity{Bot: "봇", Serial: "300"}, haechi.Approved, "approved")
	r.sql(t, "UPDATE kb_bot_devices SET status = 'revoked'")
	r.becomes(t, demo.Identity{Bot: "봇", Serial: "300"}, haechi.Revoked, "revoked")
	var of, rest []haechi.AuditEntry
	eventually(t, "the changes to be audited", 10*time.Second, func() bool {
		of, rest = nil, nil
		for _, e := range asked[[]haechi.AuditEntry](r.rig, "audit", "--limit", "500") {
			switch {
			case e.Action != "device.database":
			case e.Subject == "":
				rest = append(rest, e)
			default:
				of = append(of, e)
			}
		}
		return len(rest) > 0
	})
	further := 0
	if _, err := fmt.Sscanf(rest[0].Reason, "%d further", &further); err != nil {
		t.Errorf("%v: %+v", err, rest)
	}
	// On a busy machine there is not the time for 200, and whether the last was written is not known.
	if all := len(of) + further; len(of) == 0 || len(of) > 200 || len(rest) != 1 || all < 300 || all > 301 {
		t.Errorf("%d entries for devices, and %+v", len(of), rest)
	}
	if n := len(asked[[]haechi.Device](r.rig, "devices", "--status", "revoked")); n != 300 {
		t.Errorf("%d devices are revoked", n)
	}
}

// databaseAudit is what the audit trail says that the database did, in order.
func (r *dbRig) databaseAudit(t *testing.T, id demo.Identity) string {
	t.Helper()
	var did []string
	for _, e := range asked[[]haechi.AuditEntry](r.rig, "audit", "--limit", "100") {
		if e.Action == "device.database" && e.Subject == id.Key() && e.By == "database" {
			did = append([]string{e.Before + ">" + e.After}, did...)
		}
	}
	asked[map[string]uint64](r.rig, "audit", "verify")
	return strings.Join(did, " ")
}

// TestDatabaseDies: kill -9 of the database disturbs nobody who is approved, admits
// nobody new, and is said; what changed meanwhile counts on its return.
func TestDatabaseDies(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	id := demo.Identity{Bot: "봇", Serial: "1", Shape: demo.V333}
	r.is(t, id, "approved")
	r.start()
	r.proc.Troubled = true
	id = r.key(id)
	p := r.phone(id, 10)
	s := p.connected()
	r.srv.Kill()
	eventually(t, "the failure to be counted", 10*time.Second, func() bool { return r.counter("outer.errors") > 2 })
	p.chats(s, "아직 있어요?")
	p.connected() // it may also come back
	r.phone(demo.Identity{Bot: "새봇", Serial: "2", Shape: demo.V333}, 11).refused(t)
	if e := r.proc.Err.String(); !strings.Contains(e, "the outer device registry cannot be read") || strings.Count(e, "cannot be read") > 1 {
		t.Errorf("it is not said once: %s", r.proc.Errors())
	}
	must(t, r.srv.Restart())
	r.is(t, id, "blocked")
	r.becomes(t, id, haechi.Blocked, "blocked")
	r.phone(id, 10).refused(t)
}

// TestDatabaseIsDownAtStart: the gateway starts, and nobody is approved because
// nothing is known.
func TestDatabaseIsDownAtStart(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	id := demo.Identity{Bot: "봇", Serial: "1", Shape: demo.V333}
	r.is(t, id, "approved")
	r.srv.Kill()
	r.start()
	r.proc.Troubled = true
	r.phone(id, 10).refused(t)
	s, err := r.api.Status(t.Context())
	must(t, err)
	if !strings.Contains(strings.Join(s.Degraded, "\n"), "the database of devices cannot be read") {
		t.Errorf("degraded are %q", s.Degraded)
	}
	must(t, r.srv.Restart())
	r.becomes(t, id, haechi.Approved, "approved")
	r.phone(r.key(id), 10).connected()
}

// TestDatabaseRegisters: told to, unknown devices become pending rows there, where
// their approval lets them in.
func TestDatabaseRegisters(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "registrar", ", register: true")
	r.start()
	id := demo.Identity{Bot: "새봇", Serial: "abc", Shape: demo.V333}
	r.phone(id, 10).refused(t)
	r.becomes(t, id, haechi.Pending, "pending")
	id = r.key(id)
	r.sql(t, "UPDATE kb_bot_devices SET status = 'approved' WHERE device_id = 'abc' AND client_version = '3.3.3' AND ip_address IS NOT NULL")
	r.becomes(t, id, haechi.Approved, "approved")
	r.phone(id, 10).connected()
}

// TestFleetKey: the phones of today share one key, and their approvals are in the
// database. They come in as they are; phones get keys of their own one by one.
func TestFleetKey(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", "")
	r.configure(settings{bots: strings.Replace(r.set.bots, "hold: 5s", "hold: 1s, keys_file: fleet.json", 1)})
	write := func(keys string) {
		must(t, os.WriteFile(filepath.Join(r.dir, "fleet.json"), []byte(`{"keys":[`+keys+`]}`), 0o600))
	}
	const old, next = `{"id":"fleet-1","secret_key":"example-shared-key-do-not-use","salt":"example-salt"}`, `{"id":"fleet-2","secret_key":"another-example-key-do-not-use","salt":"another-salt"}`
	write(old)
	id := demo.Identity{Bot: "도매까봇", Serial: "1", Shape: demo.V333, Secret: haechi.Secret("example-shared-key-do-not-use"), Salt: haechi.Secret("example-salt")}
	r.is(t, id, "approved")
	r.start()
	p := r.phone(id, 10)
	s := p.connected()
	p.chats(s, "있어요?")

	stranger, waits := id, id // who knows the key, and is not approved
	stranger.Serial, waits.Serial = "2", "3"
	r.is(t, waits, "pending")
	r.becomes(t, waits, haechi.Pending, "pending")
	r.phone(stranger, 11).refused(t)
	r.phone(waits, 12).refused(t)
	wrong := id
	wrong.Secret = haechi.Secret("guessed")
	r.phone(wrong, 13).refused(t)

	own := r.key(id)
	r.phone(own, 14).connected().Close() // either is good while the phone is changed
	p.connected().Close()
	write(next + "," + old)
	r.ok("reload")
	later := id
	later.Secret, later.Salt = haechi.Secret("another-example-key-do-not-use"), haechi.Secret("another-salt")
	r.phone(later, 15).connected().Close()
	p.connected().Close()
	write(next)
	r.ok("reload")
	if got := r.phone(id, 16).refused(t); got.Code != "AUTH_FAILED" {
		t.Errorf("the key that ended: %+v", got)
	}
	live := r.phone(own, 17).connected()
	r.is(t, id, "blocked")
	began := time.Now()
	_, _ = live.Until("") // it ends with the session
	if took := time.Since(began); took > gateway.Patient(2*time.Second) {
		t.Errorf("the session went on for %v", took)
	}
	r.phone(later, 18).refused(t)
}

// TestServersFromTheDatabase: the servers behind are those that the database says
// run; a restart on another port is followed, and with none the socket is closed.
func TestServersFromTheDatabase(t *testing.T) {
	t.Parallel()
	r := withDatabase(t, "guard", ", upstreams: live")
	r.write(strings.Replace(r.text(), "    upstream: "+r.at(hostUpstream, portBotUpstream)+"\n", "", 1))
	process := func(name, kind, status string, port int) {
		r.sql(t, `INSERT INTO kb_server_processes (process_name, type, status, port, supervisor_host) VALUES (?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE status = VALUES(status), port = VALUES(port)`, name, kind, status, port, r.addr(hostUpstream).String())
	}
	second := newBotSide(t, r.at(hostUpstream, 1497))
	second.start()
	process("live-1", "live", "running", portBotUpstream)
	process("live-2", "live", "running", 1497)
	process("test-1", "test", "running", 1) // nobody listens there, and it is not asked for
	id := demo.Identity{Bot: "봇", Serial: "1", Shape: demo.V333}
	r.is(t, id, "approved")
	r.start()
	id = r.key(id)
	for range 4 {
		r.phone(id, 10).connected().Close()
	}
	if a, b := len(r.bots.of(id)), len(second.of(id)); a != 2 || b != 2 {
		t.Errorf("%d and %d sessions: they do not take turns", a, b)
	}
	process("live-1", "live", "stopped", portBotUpstream)
	r.servedBy(t, second.addr)
	second.stop()
	third := newBotSide(t, r.at(hostUpstream, 1500))
	third.start()
	process("live-2", "live", "running", 1500)
	r.servedBy(t, third.addr)
	eventually(t, "the service to be open", 5*time.Second, func() bool { return dials(r.botsAddr()) })
	r.phone(id, 10).connected().Close()
	if len(third.of(id)) != 1 {
		t.Error("the restarted server was not found")
	}
	process("live-2", "live", "crashed", 1500)
	eventually(t, "the socket to close with no server running", 5*time.Second, func() bool { return !dials(r.botsAddr()) })
	process("live-1", "live", "running", portBotUpstream)
	eventually(t, "the socket to open again", 5*time.Second, func() bool { return dials(r.botsAddr()) })
	r.phone(id, 10).connected()
}

// servedBy waits until the gateway knows no other server.
func (r *dbRig) servedBy(t *testing.T, addr string) {
	t.Helper()
	eventually(t, "the servers to be "+addr, 5*time.Second, func() bool {
		s, err := r.api.Status(t.Context())
		return err == nil && len(s.Services) > 0 && s.Services[0].Upstream == addr
	})
}

func dials(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
