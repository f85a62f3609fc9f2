package scenario_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// overTLS lets a phone speak TLS with the gateway's development CA.
func (r *rig) overTLS(i int) func(*demo.PhoneConfig) {
	r.t.Helper()
	pem, err := os.ReadFile(filepath.Join(r.state(), "ca", "ca.crt"))
	must(r.t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return func(cfg *demo.PhoneConfig) {
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			c, err := dialFrom(ctx, r.addr(i), address)
			if err != nil {
				return nil, err
			}
			s := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			return s, errors.Join(s.HandshakeContext(ctx))
		}
	}
}

// TestTLSAndPlainAtOnePort: phones move to TLS one by one, and the operator sees which
// have not.
func TestTLSAndPlainAtOnePort(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "tls: { dev_ca: true, plain: allow }\ndevice: { hold: 1s }"})
	old, moved := r.enrol("암호봇", "1", demo.V32), r.enrol("암호봇", "2", demo.V333)
	one := r.phone(old, 10)
	one.chats(one.connected(), "평문")
	two := r.phone(moved, 11, r.overTLS(11))
	two.chats(two.connected(), "암호문")
	var es []haechi.Event
	eventually(t, "the events to be recorded", 5*time.Second, func() (ok bool) {
		var err error
		es, err = r.api.Events(t.Context(), haechi.EventFilter{Service: "bots", Kinds: []haechi.Kind{haechi.KindAuth, haechi.KindConnect, haechi.KindMessage}, Limit: 100})
		must(t, err)
		return len(es) >= 6
	})
	for _, e := range es {
		if e.TLS != (e.Addr == r.addr(11)) {
			t.Errorf("from %s, tls.established %t: %+v", e.Addr, e.TLS, e)
		}
	}
	var report haechi.Table
	eventually(t, "the report", 5*time.Second, func() bool {
		report = asked[haechi.Table](r, "report", "transport")
		return len(report.Rows) == 2
	})
	device, transport := slices.Index(report.Columns, "device_id"), slices.Index(report.Columns, "transport")
	for i, want := range []struct{ device, transport string }{{old.Key(), "plain"}, {moved.Key(), "tls"}} {
		if row := report.Rows[i]; row[device] != want.device || row[transport] != want.transport {
			t.Errorf("row %d of the report: %v, want %v", i, row, want)
		}
	}
	if r.counter("device/bots/tls") != 1 || r.counter("device/bots/plain") != 1 {
		t.Errorf("counted %d and %d", r.counter("device/bots/tls"), r.counter("device/bots/plain"))
	}
}

// TestWrongLanguage: plain text at a TLS port, TLS at a plain one, and hellos that do
// not end are refused with a reference, and the server behind hears nothing of it.
func TestWrongLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	const secured = 1492
	r.configure(settings{bots: "timeouts: { handshake: 2s }", services: fmt.Sprintf(`  secured:
    kind: device
    listen: [%q]
    upstream: %s
    tls: { dev_ca: true }
    timeouts: { handshake: 2s }
`, r.at(1, secured), r.at(hostUpstream, portBotUpstream))})
	r.start()
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	for name, c := range map[string]struct {
		port    uint16
		service string
		says    string
		rule    string
		count   string
	}{
		"TLS at a plain port":   {portBots, "bots", hello, "gate/malformed", ""},
		"plain at a TLS port":   {secured, "secured", `{"event":"handshake","data":{}}` + "\n", "tls/required", "device/secured/plain_refused"},
		"half a hello":          {secured, "secured", hello, "tls/handshake", "device/secured/tls_failed"},
		"silence at a TLS port": {secured, "secured", "", "tls/handshake", "device/secured/tls_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := r.with(t)
			since, before := time.Now().Add(-time.Millisecond), uint64(0)
			if c.count != "" {
				before = r.counter(c.count)
			}
			conn, err := dialFrom(t.Context(), r.addr(20), r.at(1, c.port))
			must(t, err)
			defer conn.Close()
			_, _ = io.WriteString(conn, c.says)
			_ = conn.SetReadDeadline(time.Now().Add(gateway.Patient(5 * time.Second)))
			if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
				t.Fatal("the connection was not ended")
			}
			k := kind{name: name, service: c.service}
			e := k.recorded(t, r, since, c.rule)
			if x := asked[haechi.Explanation](r, "why", string(e.Ref)); len(x.Refusals) == 0 {
				t.Errorf("why %s knows nothing", e.Ref)
			}
			if c.count != "" && r.counter(c.count) != before+1 {
				t.Errorf("%s is %d, before %d", c.count, r.counter(c.count), before)
			}
		})
	}
	if n := len(r.bots.talks()); n != 0 {
		t.Errorf("the server heard %d connections", n)
	}
}

// recorded finds a refusal by its rule.
func (k kind) recorded(t *testing.T, r *rig, since time.Time, rule string) (e haechi.Event) {
	t.Helper()
	eventually(t, "the refusal to be recorded", 5*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: k.service, Since: since, Failures: true, Limit: 100})
		must(t, err)
		i := slices.IndexFunc(es, func(e haechi.Event) bool { return e.Rule == rule && e.Ref != "" && e.Refusal() })
		if i >= 0 {
			e = es[i]
		}
		return i >= 0
	})
	return e
}
