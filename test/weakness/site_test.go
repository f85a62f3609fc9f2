package weakness_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/show/api"
	"haechi/test/gateway"
	"haechi/test/weakness"
)

// The secrets of the whole fleet, as the weak server and its phones know them.
const fleetKey, fleetSalt = "example-shared-key-do-not-use", "example-salt"

// site is a weak bot server behind HAProxy and, beside that, behind the gateway.
type site struct {
	t           *testing.T
	net         netip.Addr // the site's loopback network; its last byte is left open
	db          *sql.DB    // nil: none
	srv         *weakness.Server
	proxy, gate string // the two ways in
	server      string // where both lead
	dir         string
	outer       bool // the database has the last word on devices
	proc        *gateway.Process
	api         *api.Client
}

// setup is what differs between sites.
type setup struct {
	db     *sql.DB
	server weakness.Config // DB, Key and Salt are filled in
	device string          // more of the service's YAML below device:
	dsn    string          // lets the gateway read kb_bot_devices; empty: it has a registry of its own
}

var sites atomic.Int32

// newSite starts everything.
func newSite(t *testing.T, set setup) *site {
	t.Helper()
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	n := sites.Add(1)
	s := &site{t: t, db: set.db, dir: t.TempDir(), net: netip.AddrFrom4([4]byte{127, byte(210 + os.Getpid()%40), byte(n), 0})}
	s.gate, s.proxy, s.server = s.at(1, 1491), s.at(2, 1491), s.at(250, 1490)
	for _, q := range weakness.Schema() {
		if s.db != nil {
			_, err := s.db.ExecContext(t.Context(), q)
			must(t, err)
		}
	}
	set.server.DB, set.server.Key, set.server.Salt = set.db, fleetKey, fleetSalt
	s.serve(set.server)
	haproxy(t, s.dir, s.proxy, s.server)
	s.guard(set)
	return s
}

// at is an address of the site's network.
func (s *site) at(host byte, port uint16) string {
	return netip.AddrPortFrom(s.addr(host), port).String()
}

func (s *site) addr(host byte) netip.Addr {
	a := s.net.As4()
	a[3] = host
	return netip.AddrFrom4(a)
}

// serve starts the weak server.
func (s *site) serve(cfg weakness.Config) {
	s.t.Helper()
	l, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", s.server)
	must(s.t, err)
	s.srv = weakness.New(cfg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.srv.Serve(ctx, l) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

// guard starts the gateway.
func (s *site) guard(set setup) {
	s.t.Helper()
	state := filepath.Join(s.dir, "state")
	if set.dsn != "" {
		must(s.t, os.WriteFile(filepath.Join(s.dir, "bots.dsn"), []byte(set.dsn), 0o600))
		set.device += "database: { dsn_file: bots.dsn, every: 1s }\n"
		s.outer = true
	}
	config := fmt.Sprintf(`state: %q
zone: Asia/Seoul
console: { listen: "" }
services:
  bots:
    kind: device
    listen: [%q]
    upstream: %s
    device:
      hold: 1s
%s    timeouts: { handshake: 2s }
`, state, s.gate, s.server, indent("      ", set.device))
	must(s.t, os.WriteFile(s.config(), []byte(config), 0o600))
	s.api = apiAt(s.t, filepath.Join(state, app.SocketName))
	s.proc = program.Start(s.t, "run", "--config", s.config())
	eventually(s.t, "the gateway to open", 20*time.Second, func() bool {
		if s.proc.Over() {
			s.t.Fatalf("the gateway ended: %s", s.proc.Errors())
		}
		st, err := s.api.Status(s.t.Context())
		return err == nil && len(st.Services) == 1 && st.Services[0].Open
	})
}

func (s *site) config() string { return filepath.Join(s.dir, "haechi.yaml") }

// apiAt asks the gateway as the command line does.
func apiAt(t *testing.T, socket string) *api.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return api.NewClient(&http.Client{Transport: tr}, "http://haechi")
}

func indent(by, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// approved is a phone that is approved everywhere: a row in the database, a device
// of the gateway. It has the fleet's key; at the gateway, one of its own.
func (s *site) approved(bot, device string) phone {
	s.t.Helper()
	p := phone{bot: bot, device: device}
	s.row(p, "approved")
	return s.enrolled(p)
}

// enrolled makes the phone known to the gateway, with a key, and approves it.
func (s *site) enrolled(p phone) phone {
	s.t.Helper()
	p = s.keyed(p)
	if s.outer {
		return p // which approved it
	}
	_, err := s.api.SetDeviceStatus(s.t.Context(), p.name(), haechi.Approved, "")
	must(s.t, err)
	return p
}

// keyed makes the phone known to the gateway, with a key.
func (s *site) keyed(p phone) phone {
	s.t.Helper()
	if !s.outer {
		_, err := s.api.AddDevice(s.t.Context(), "bots", p.name())
		must(s.t, err)
	}
	var k haechi.NewKey
	eventually(s.t, "the gateway to know the phone", 5*time.Second, func() (ok bool) { // the database is read each second
		var err error
		k, err = s.api.NewDeviceKey(s.t.Context(), p.name())
		return err == nil
	})
	p.keys = map[string]secrets{s.proxy: {fleetKey, fleetSalt}, s.gate: {k.Secret, k.Salt}}
	return p
}

// stranger is somebody with no key at the gateway; the fleet's is on the Internet.
func (s *site) stranger(bot, device string) phone {
	return phone{bot: bot, device: device, keys: map[string]secrets{s.proxy: {fleetKey, fleetSalt}}}
}

// row puts the phone into the database.
func (s *site) row(p phone, status string) {
	s.t.Helper()
	s.exec("INSERT INTO kb_bot_devices (bot_name, device_id, status) VALUES (?,?,?)", p.bot, p.device, status)
}

func (s *site) exec(query string, args ...any) {
	s.t.Helper()
	if s.db == nil {
		return
	}
	_, err := s.db.ExecContext(s.t.Context(), query, args...)
	must(s.t, err)
}

// count asks the database for a number.
func (s *site) count(query string, args ...any) (n int) {
	s.t.Helper()
	must(s.t, s.db.QueryRowContext(s.t.Context(), query, args...).Scan(&n))
	return n
}

// explained wants `haechi why REF --json` to name the reason.
func (s *site) explained(ref string, reason haechi.Reason) {
	s.t.Helper()
	if ref == "" {
		s.t.Fatal("the refusal has no reference")
	}
	var x haechi.Explanation
	eventually(s.t, "the refusal to be recorded", 5*time.Second, func() bool {
		a := program.Run(s.t, "why", ref, "--json", "--config", s.config())
		x = haechi.Explanation{}
		return a.Code == 0 && json.Unmarshal([]byte(a.Out), &x) == nil && len(x.Refusals) > 0
	})
	if e := x.Refusals[0]; e.Reason != reason || string(e.Ref) != ref || e.Verdict < haechi.Deny || e.Service != "bots" || e.Rule == "" {
		s.t.Errorf("why %s says %+v, want %s", ref, e, reason)
	}
}

// quiet wants the server to have neither obeyed nor greeted anybody meanwhile.
func (s *site) quiet() (check func()) {
	ctx := s.t.Context()
	done, greeted := len(s.srv.Done(ctx)), s.srv.Greeted(ctx)
	return func() {
		s.t.Helper()
		if all := s.srv.Done(ctx); len(all) != done {
			s.t.Errorf("the server obeyed %+v", all[done:])
		}
		if n := s.srv.Greeted(ctx); n != greeted {
			s.t.Errorf("%d handshakes reached the server", n-greeted)
		}
	}
}

// empty waits until the server has no connection left.
func (s *site) empty() {
	s.t.Helper()
	eventually(s.t, "the server to be alone", 5*time.Second, func() bool { return s.srv.Open(s.t.Context()) == 0 })
}

// eventually is [gateway.Eventually].
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	gateway.Eventually(t, what, within, holds)
}

// must is for what cannot fail unless the test is broken.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
