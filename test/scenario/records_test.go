package scenario_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// away is how long the database is dead in TestRecordsOutage; -outage 60s is the
// issue's own measure.
var away = flag.Duration("outage", 8*time.Second, "how long the database is away in TestRecordsOutage")

// onDatabase is a rig whose records lie in a MariaDB of its own, not started.
func onDatabase(t *testing.T, set settings) (*rig, *mariadbtest.Server, *sql.DB) {
	t.Helper()
	server := mariadbtest.Start(t)
	db := server.Open(t, "haechi")
	r := newRig(t, set)
	dsn := filepath.Join(r.dir, "records.dsn")
	r.set.top += fmt.Sprintf("records: { dsn_file: %q }\n", dsn)
	must(t, os.WriteFile(dsn, []byte(strings.Split(server.DSN("haechi"), "?")[0]+"\n"), 0o600))
	r.configure(r.set)
	return r, server, db
}

// one reads a number from the database beside the gateway.
func one(t *testing.T, db *sql.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// chatter is a phone that talks and waits for each answer, and counts them itself.
type chatter struct {
	*phone
	id       demo.Identity
	answered atomic.Int64
	failed   error
}

// talks until stop is closed.
func (c *chatter) talks(s *demo.Session, stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if c.failed = talk(s, "!time"); c.failed != nil {
			return
		}
		c.answered.Add(1)
	}
}

// TestRecordsOutage is Must show 4: MariaDB is killed under load and comes back. No
// frame is refused for it, and what the senders counted is what the records hold, none
// lost and none twice. Meanwhile an operator's change is refused rather than lost, and
// a rule's decision is in force at once and journalled afterwards.
func TestRecordsOutage(t *testing.T) {
	t.Parallel()
	r, server, db := onDatabase(t, settings{bots: "limits: { device: [100000/min] }\ndevice: { hold: 1s }"})
	r.start()
	r.proc.Troubled = true
	stop := make(chan struct{})
	var talking sync.WaitGroup
	var all []*chatter
	for i := range 10 {
		c := &chatter{id: r.enrol("수다봇", fmt.Sprint(i), demo.Shape(i%2))}
		c.phone = r.phone(c.id, 10+i)
		s := c.connected()
		talking.Go(func() { c.talks(s, stop) })
		all = append(all, c)
	}
	answered := func() (n int64) {
		for _, c := range all {
			n += c.answered.Load()
		}
		return n
	}
	waits := func(n int64) {
		t.Helper()
		eventually(t, "the phones to go on", 30*time.Second, func() bool { return answered() > n })
	}
	waits(1000)
	server.Kill()
	ends := time.After(*away)
	waits(answered() + 100)
	r.failsWithoutDatabase(t)
	decided := r.decidedWithoutDatabase(t)
	waits(answered() + 100)
	<-ends
	if s := asked[haechi.Status](r, "status"); !s.Records.Failing || s.Records.Waiting == 0 || len(s.Degraded) == 0 {
		t.Errorf("status does not say so: %+v, %q", s.Records, s.Degraded)
	}
	must(t, server.Restart())
	waits(answered() + 200)
	close(stop)
	talking.Wait()
	eventually(t, "the records to catch up", 60*time.Second, func() bool {
		s := asked[haechi.Status](r, "status")
		return !s.Records.Failing && !s.Records.CatchingUp && s.Records.Waiting == 0 && len(s.Degraded) == 0
	})
	r.proc.Stop() // the last batch
	r.counted(t, db, all, decided)
}

// failsWithoutDatabase wants an operator's change to be refused, and to leave no trace
// in what is in force.
func (r *rig) failsWithoutDatabase(t *testing.T) {
	t.Helper()
	r.fails(1, []string{"audit"}, "devices", "block", "수다봇/0", "--reason", "while it is away")
	for _, d := range asked[[]haechi.Device](r, "devices") {
		if d.Key == "수다봇/0" && d.Status != haechi.Approved {
			t.Errorf("%s is %s", d.Key, d.Status)
		}
	}
}

// decidedWithoutDatabase makes a rule decide, and wants that to be in force.
func (r *rig) decidedWithoutDatabase(t *testing.T) haechi.Decision {
	t.Helper()
	bad := r.phone(demo.Identity{Bot: "수다봇", Serial: "0", Secret: haechi.Secret("guess")}, 90)
	var d haechi.Decision
	eventually(t, "a decision of a rule", 20*time.Second, func() bool {
		if s, err := bad.Connect(t.Context()); err == nil {
			_ = s.Handshake() // it may be shut out by now
			_, _ = s.Until("error")
			s.Close()
		}
		var ok bool
		d, ok = r.about("ip:" + r.addr(90).String())
		return ok && d.Origin == haechi.OriginRule
	})
	return d
}

// counted compares what the senders counted with what the records hold.
func (r *rig) counted(t *testing.T, db *sql.DB, all []*chatter, decided haechi.Decision) {
	t.Helper()
	var total int64
	for _, c := range all {
		if c.failed != nil {
			t.Errorf("%s was not answered: %v; last %+v", c.id.Key(), c.failed, c.Counts().Last)
		}
		if n := c.Counts().Connects; n != 1 {
			t.Errorf("%s connected %d times", c.id.Key(), n)
		}
		want := c.answered.Load()
		total += want
		if n := one(t, db, "SELECT coalesce(sum(n), 0) FROM kb_chat_logs WHERE kind = 'message' AND frame IN ('message', 'analyze') AND device_id = ?", c.id.Key()); n != want {
			t.Errorf("%s: %d messages recorded, %d were sent and answered", c.id.Key(), n, want)
		}
		if n := one(t, db, "SELECT coalesce(sum(n), 0) FROM kb_query_logs WHERE device_id = ?", c.id.Key()); n != want {
			t.Errorf("%s: %d queries recorded, %d were made", c.id.Key(), n, want)
		}
	}
	if n := one(t, db, "SELECT coalesce(sum(n), 0) FROM kb_chat_logs WHERE kind = 'message' AND status = 'failed'"); n != 0 {
		t.Errorf("%d messages are recorded as refused", n)
	}
	if counted, rows := one(t, db, "SELECT coalesce(sum(requests), 0) FROM minutes"), one(t, db, "SELECT coalesce(sum(n), 0) FROM kb_chat_logs WHERE kind = 'message'"); counted != rows {
		t.Errorf("the counts of the minutes say %d, the rows %d", counted, rows)
	}
	if n := one(t, db, "SELECT count(*) FROM decisions WHERE id = ?", string(decided.ID)); n != 1 {
		t.Errorf("the rule's decision is %d times in the journal", n)
	}
	r.ok("audit", "verify", "--offline")
	t.Logf("%d messages sent, answered and recorded across %s without the database", total, *away)
}

// TestUpdateBySQL is row A89 as an operator does it in a mysql client: the document's
// statement is noticed within 5 s, audited, and cuts the session, and registry and copy
// agree afterwards. SQL cannot let anybody in.
func TestUpdateBySQL(t *testing.T) {
	t.Parallel()
	r, _, db := onDatabase(t, settings{})
	r.start()
	id := r.enrol("유출봇", "1", demo.V333)
	p := r.phone(id, 10)
	s := p.connected()
	p.chats(s, "!time")
	eventually(t, "the copy to know the device", 10*time.Second, func() bool {
		return one(t, db, "SELECT count(*) FROM kb_bot_devices WHERE device_id = ? AND status = 'approved'", id.Key()) == 1
	})
	client := exec.Command("mariadb", "--no-defaults", "--default-character-set=utf8mb4", "--socket="+dbSocket(t, db), "haechi")
	client.Stdin = strings.NewReader(strings.Replace(statement(t, "UPDATE kb_bot_devices"), "/* 의심 device_id 목록 */", "'"+id.Key()+"'", 1))
	began := time.Now()
	if out, err := client.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := s.Until(""); err == nil {
		t.Error("the session goes on")
	}
	if took := time.Since(began); took > gateway.Patient(2*time.Second) {
		t.Errorf("the session was cut after %s", took)
	}
	p.refused(t)
	e := asked[[]haechi.AuditEntry](r, "audit", "--limit", "1")[0]
	if e.By != "sql" || e.Via != "sql" || e.Subject != id.Key() || e.After != "blocked" || e.Reason != "Suspicious activity" {
		t.Errorf("the audit log says %+v", e)
	}
	d := asked[[]haechi.Device](r, "devices")[0]
	if d.Status != haechi.Blocked || d.By != "sql" {
		t.Errorf("the registry says %+v", d)
	}
	agreed := "SELECT count(*) FROM kb_bot_devices k JOIN devices d ON d.`key` = k.device_id WHERE k.status = d.status AND k.written_status = k.status AND d.status = ?"
	if one(t, db, agreed, "blocked") != 1 {
		t.Error("registry and copy differ")
	}

	// The other way round it is put back.
	_, err := db.ExecContext(t.Context(), "UPDATE kb_bot_devices SET status = 'approved'")
	must(t, err)
	eventually(t, "it to be put back", 5*time.Second, func() bool { return one(t, db, agreed, "blocked") == 1 })
	p.refused(t)
	if e := asked[[]haechi.AuditEntry](r, "audit", "--limit", "1")[0]; e.By != "sql" || e.Action != "device.status.refused" || e.After != "approved" {
		t.Errorf("the audit log says %+v", e)
	}
	r.ok("audit", "verify")
}

// dbSocket is where a local client reaches the server.
func dbSocket(t *testing.T, db *sql.DB) (path string) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), "SELECT @@socket").Scan(&path))
	return path
}

// statement is the document's statement that begins so.
func statement(t *testing.T, begins string) string {
	t.Helper()
	text, err := os.ReadFile("../../internal/record/mysql/testdata/documents.sql")
	must(t, err)
	at := strings.Index(string(text), begins)
	if at < 0 {
		t.Fatalf("the documents have no %q", begins)
	}
	one, _, _ := strings.Cut(string(text)[at:], ";\n")
	return one + ";\n"
}

// TestRecordsMissing: a database that does not answer at the start is an error with a
// next step, and what cannot be done with one says who can.
func TestRecordsMissing(t *testing.T) {
	t.Parallel()
	r, server, _ := onDatabase(t, settings{})
	server.Kill()
	r.fails(1, []string{"connection refused", "Next: check that the database runs"}, "run")
	must(t, server.Restart())
	r.start()
	for _, args := range [][]string{{"backup", "x.tar"}, {"backup", "restore", "x.tar"}} {
		r.fails(1, []string{"the records lie in a database", "Next: mariadb-dump --single-transaction"}, args...)
	}
	if out := r.ok("status"); !strings.Contains(out, "Records: 127.0.0.1:"+fmt.Sprint(server.Port)+"/haechi (10.") {
		t.Errorf("status says: %s", out)
	}
	if out := r.ok("check"); !strings.Contains(out, "records.dsn_file") || strings.Contains(out, "root@") {
		t.Errorf("check says: %s", out)
	}
}
