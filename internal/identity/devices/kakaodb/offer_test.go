package kakaodb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/identity/devices"
	"haechi/internal/identity/devices/kakaodb"
)

// offers: newcomers become pending rows, within the cap, and a flood ends there.
func offers(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "offers", schemas()["from the SQL files"])
	s := d.source(t, writing)
	r, o := registry(t, s, func(_ *devices.Config, c *devices.OuterConfig) { c.Offers, c.OfferCap = c.Services, 20 })
	for i := range 40 {
		dev := haechi.Device{Bot: "봇", Serial: fmt.Sprint(i), Service: "bots", Addr: fmt.Sprintf("192.0.2.%d", i), ClientType: "MessengerBotR", Version: "3.3.3"}
		dev.Key = haechi.DeviceKey(dev.Bot, dev.Serial)
		if _, err := r.At("bots").Register(dev, time.Now().Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		poll(t, o)
	}
	var n, whole int
	if err := d.QueryRow(`SELECT COUNT(*), SUM(status = 'pending' AND client_type = 'MessengerBotR' AND client_version = '3.3.3'
AND ip_address LIKE '192.0.2.%' AND created_at IS NOT NULL) FROM kb_bot_devices`).Scan(&n, &whole); err != nil {
		t.Fatal(err)
	}
	if n != 20 || whole != 20 {
		t.Errorf("%d rows, %d of them whole", n, whole)
	}
	d.do(t, "UPDATE kb_bot_devices SET status = 'approved' WHERE device_id = '3'")
	poll(t, o)
	if dev, _ := r.At("bots").Lookup("봇/3"); dev.Status != haechi.Approved {
		t.Errorf("approved there it is %v here", dev.Status)
	}
}

// offerMeetsRows: what is there stays as it is, byte for byte, whatever a device
// calls itself.
func offerMeetsRows(t *testing.T, srv *mariadbtest.Server) {
	for name, create := range schemas() {
		d := made(t, srv, "meets", create)
		d.row(t, "LOA.i", "abcd", "approved")
		s := d.source(t, writing)
		read(t, s)
		for _, dev := range []haechi.Device{
			{Bot: "loa.i", Serial: "abcd"}, {Bot: "LOA.i", Serial: "ABCD"}, {Bot: "LOA.i", Serial: "abcd"}, {Bot: "LOA.i ", Serial: "abcd"},
			{Bot: strings.Repeat("가", 31), Serial: "1"}, {Bot: "a", Serial: strings.Repeat("1", 101)},
		} {
			err := s.Offer(t.Context(), dev)
			if k := haechi.KindOf(err); err == nil || k != haechi.Conflict && k != haechi.Invalid {
				t.Errorf("%s: %q/%q: %v", name, dev.Bot, dev.Serial, err)
			}
		}
		var n int
		if err := d.QueryRow("SELECT COUNT(*) FROM kb_bot_devices WHERE BINARY bot_name = 'LOA.i' AND BINARY device_id = 'abcd' AND status = 'approved'").Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: the row is not as it was: %v", name, err)
		}
		if err := s.Offer(t.Context(), haechi.Device{Bot: strings.Repeat("가", 30), Serial: strings.Repeat("1", 100)}); err != nil {
			t.Errorf("%s: names of the full length: %v", name, err)
		}
	}
	d := made(t, srv, "meets", schemas()["from the SQL files"])
	d.row(t, "LOA.i", "abcd", "approved")
	s := d.source(t, writing)
	read(t, s)
	if err := s.Offer(t.Context(), haechi.Device{Bot: "another", Serial: "abcd"}); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("another bot's device id: %v", err)
	}
}

// otherCharset: a name that the table cannot hold is refused, not bent, and is not
// tried again and again.
func otherCharset(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "latin", "CREATE TABLE kb_bot_devices (bot_name VARCHAR(30), device_id VARCHAR(100), status VARCHAR(20)) DEFAULT CHARSET=latin1")
	d.row(t, "caf\u00e9", "1", "approved")
	s := d.source(t, writing)
	wants(t, read(t, s), "caf\u00e9", "1", haechi.Approved)
	if err := s.Offer(t.Context(), haechi.Device{Bot: "도매까봇", Serial: "2"}); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("a Korean name in Latin-1: %v", err)
	}
	unchanged(t, s)
}

func findsProcesses(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "processes", processes)
	add := func(name string, port int, kind, status string, server any, host any) {
		d.do(t, "INSERT INTO kb_server_processes (process_name, port, type, status, server_id, supervisor_host) VALUES (?,?,?,?,?,?)", name, port, kind, status, server, host)
	}
	add("live-1", 1496, "live", "running", 1, "10.0.0.1")
	add("live-2", 1497, "live", "crashed", 1, "10.0.0.1")
	add("test-1", 1491, "test", "running", 2, "10.0.0.2")
	add("nowhere", 1499, "live", "running", nil, nil)
	add("port", 70000, "live", "running", 1, "10.0.0.1")
	s := d.source(t)
	found := func(host, want string) {
		t.Helper()
		ps, err := s.Processes(t.Context(), host)
		if got := fmt.Sprint(ps); err != nil || got != want {
			t.Errorf("found %s (%v), want %s", got, err, want)
		}
	}
	found("", "[{live-1 10.0.0.1:1496 live} {test-1 10.0.0.2:1491 test}]")
	if n := counted(s.Stats(), "device_database.processes_unusable"); n != 2 {
		t.Errorf("%d are unusable", n)
	}
	d.do(t, servers)
	d.do(t, "INSERT INTO kb_servers (server_id, server_host) VALUES (1, 'bots.internal'), (2, '0.0.0.0')")
	found("", "[{live-1 bots.internal:1496 live} {test-1 10.0.0.2:1491 test}]")
	found("2001:db8::5", "[{live-1 [2001:db8::5]:1496 live} {nowhere [2001:db8::5]:1499 live} {test-1 [2001:db8::5]:1491 test}]")
	d.do(t, "ALTER TABLE kb_server_processes DROP COLUMN type, DROP COLUMN server_id, DROP COLUMN process_name")
	d.do(t, "UPDATE kb_server_processes SET status = 'stopped' WHERE port <> 1491")
	found("", "[{ 10.0.0.2:1491 }]")
	d.do(t, "DROP TABLE kb_server_processes")
	if _, err := s.Processes(t.Context(), ""); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("without the table: %v", err)
	}
}

// follows: the servers are told as they change, and a failure tells nothing.
func follows(t *testing.T, srv *mariadbtest.Server) {
	d := made(t, srv, "follow", processes)
	d.do(t, "INSERT INTO kb_server_processes (process_name, port, type, status, supervisor_host) VALUES ('a', 1, 'live', 'running', '10.0.0.1')")
	s := d.source(t)
	ctx, stop := context.WithCancel(t.Context())
	told, done := make(chan string), make(chan error, 1)
	go func() {
		done <- s.Follow(ctx, 20*time.Millisecond, "", func(ps []kakaodb.Process) {
			select {
			case told <- fmt.Sprint(ps):
			case <-ctx.Done():
			}
		})
	}()
	until := func(want string) {
		t.Helper()
		for range 100 {
			if <-told == want {
				return
			}
		}
		t.Errorf("never told %s", want)
	}
	until("[{a 10.0.0.1:1 live}]")
	d.do(t, "RENAME TABLE kb_server_processes TO kept")
	failed := time.After(300 * time.Millisecond)
	for over := false; !over; {
		select {
		case got := <-told:
			if got != "[{a 10.0.0.1:1 live}]" { // of before it failed
				t.Errorf("a failure told %s", got)
			}
		case <-failed:
			over = true
		}
	}
	d.do(t, "UPDATE kept SET port = 2")
	d.do(t, "RENAME TABLE kept TO kb_server_processes")
	until("[{a 10.0.0.1:2 live}]")
	d.do(t, "UPDATE kb_server_processes SET status = 'stopping'")
	until("[]")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
