package shield_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/shield"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// place is an enforcer in memory: that of the kernel has a suite of its own.
type place struct {
	has     []haechi.Decision
	guarded []netip.Prefix
	changed bool
	now     func() time.Time
}

func (p *place) Name() string { return "place" }

func (p *place) Apply(ctx context.Context, ds []haechi.Decision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range ds {
		if ds[i].Action == haechi.Hold || ds[i].Scope.Kind == haechi.ScopeService {
			return &haechi.Error{Kind: haechi.Invalid, Op: "apply decision", Msg: "cannot be enforced", Hint: "no"}
		}
	}
	for i := range ds {
		p.has = slices.DeleteFunc(p.has, func(d haechi.Decision) bool { return d.ID == ds[i].ID })
		if ds[i].Applies(p.now()) {
			p.has = append(p.has, ds[i])
		}
	}
	return nil
}

func (p *place) Lift(_ context.Context, ids []haechi.Reference) error {
	p.has = slices.DeleteFunc(p.has, func(d haechi.Decision) bool { return slices.Contains(ids, d.ID) })
	return nil
}

func (p *place) InForce(context.Context) ([]haechi.Decision, error) {
	return slices.DeleteFunc(slices.Clone(p.has), func(d haechi.Decision) bool { return !d.Applies(p.now()) }), nil
}

func (p *place) Changed(context.Context) (bool, error) { return p.changed, nil }

func (p *place) Guard(_ context.Context, ps []netip.Prefix) error {
	p.guarded = ps
	return nil
}

func (p *place) Stats() []haechi.Counter { return []haechi.Counter{{Name: "n", Value: 7}} }

// serve serves the place on a socket until the test ends or stop is called.
func serve(t *testing.T, p *place, cfg shield.ServerConfig) (path string, stop func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Kernels = []shield.Kernel{p}
	if cfg.Admit == nil {
		cfg.Admit = func(net.Conn) error { return nil }
	}
	if cfg.Protected == nil {
		cfg.Protected = func(asked []netip.Prefix) []netip.Prefix { return asked }
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- shield.NewServer(cfg).Serve(ctx, l) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return path, stop
}

// patience bounds a request where a test is not about time: a busy machine takes longer
// than the two seconds after which a gateway gives up.
const patience = time.Minute

func client(t *testing.T, path *string) *shield.Client {
	t.Helper()
	c := shield.NewClient(shield.ClientConfig{Name: "place", Timeout: patience, Takes: func(*haechi.Decision) bool { return true },
		Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", *path) }})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	enforcetest.Run(t, func(t *testing.T) *enforcetest.Subject {
		now := start
		p := &place{now: func() time.Time { return now }}
		path, _ := serve(t, p, shield.ServerConfig{})
		return &enforcetest.Subject{Enforcer: client(t, &path), Now: p.now, Advance: func(d time.Duration) { now = now.Add(d) },
			Refuses: func(a haechi.Actor, _ string) bool {
				return slices.ContainsFunc(p.has, func(d haechi.Decision) bool { return d.Applies(now) && d.Action >= haechi.Deny && d.Scope.Covers(&a) })
			}}
	})
}

// The shield adds whom it protects itself, whatever the gateway asks for.
func TestTheShieldProtectsItsOwn(t *testing.T) {
	p := &place{now: func() time.Time { return start }}
	own := netip.MustParsePrefix("192.0.2.1/32")
	path, _ := serve(t, p, shield.ServerConfig{Protected: func(asked []netip.Prefix) []netip.Prefix { return append(asked, own) }})
	c := client(t, &path)
	if err := c.Guard(t.Context(), nil); err != nil || !slices.Contains(p.guarded, own) {
		t.Fatalf("%v, guarded %v", err, p.guarded)
	}
	if got := c.Stats(); len(got) != 1 || got[0].Value != 7 {
		t.Errorf("stats %+v", got)
	}
	p.changed = true
	if changed, err := c.Changed(t.Context()); err != nil || !changed {
		t.Errorf("%v, %v", changed, err)
	}
}

// A shield that went away is an error with the next step, and one that came back is used.
func TestTheShieldGoesAndComes(t *testing.T) {
	p := &place{now: func() time.Time { return start }}
	path, stop := serve(t, p, shield.ServerConfig{})
	c := client(t, &path)
	if _, err := c.InForce(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	var known *haechi.Error
	if _, err := c.InForce(t.Context()); haechi.KindOf(err) != haechi.Unavailable || !errors.As(err, &known) || known.Hint == "" {
		t.Fatalf("got %v", err)
	}
	path, _ = serve(t, p, shield.ServerConfig{})
	if _, err := c.InForce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A socket that the shield opens is the gateway's then; what the shield refuses comes with
// the reason, and the connection for decisions goes on.
func TestTheShieldHandsOverSockets(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	path, _ := serve(t, &place{now: func() time.Time { return start }}, shield.ServerConfig{Capture: func(name string) (*os.File, error) {
		if name != "eth0" {
			return nil, &haechi.Error{Kind: haechi.Denied, Op: "capture on " + name, Hint: "name it"}
		}
		return r, nil
	}, Connections: func() (*os.File, error) {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "read", Hint: "load it"}
	}})
	c := client(t, &path)
	if _, err := c.InForce(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := c.Capture(t.Context(), "eth0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := w.WriteString("packets"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	if n, err := f.Read(b); err != nil || string(b[:n]) != "packets" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if _, err := c.Capture(t.Context(), "eth1"); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("got %v", err)
	}
	if _, err := c.Connections(t.Context()); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := c.InForce(t.Context()); err != nil {
		t.Error(err)
	}
	other, _ := serve(t, &place{now: func() time.Time { return start }}, shield.ServerConfig{})
	if _, err := client(t, &other).Capture(t.Context(), "eth0"); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("got %v", err)
	}
	if _, err := client(t, &other).Connections(t.Context()); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("got %v", err)
	}
}

func TestStrangersAreNotHeard(t *testing.T) {
	p := &place{now: func() time.Time { return start }}
	path, _ := serve(t, p, shield.ServerConfig{Admit: func(net.Conn) error { return errors.New("a stranger") }})
	if err := client(t, &path).Guard(t.Context(), []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}); err == nil || p.guarded != nil {
		t.Errorf("%v, guarded %v", err, p.guarded)
	}
}

// Whatever a peer sends, the server answers or hangs up, and goes on for others.
func FuzzServer(f *testing.F) {
	frame := func(body string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	f.Add(frame(`{"op":"apply","decisions":[{"haechi.decision.id":"A","haechi.scope":"ip:203.0.113.7","haechi.action":"deny","haechi.mode":"enforce"}]}`))
	f.Add(frame(`{"op":"x"}`))
	f.Add(frame(`{"op":"guard","prefixes":["::/0","1.2.3.4/33"]}`))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		p := &place{now: func() time.Time { return start }}
		path, _ := serve(t, p, shield.ServerConfig{})
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(in)
		_ = c.(*net.UnixConn).CloseWrite()
		var out bytes.Buffer
		_, _ = out.ReadFrom(c)
		_ = c.Close()
		if _, err := client(t, &path).InForce(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Each enforcer is asked by its name, and one that is missing says why.
func TestServerHasSeveralEnforcers(t *testing.T) {
	path, _ := serve(t, &place{now: func() time.Time { return start }}, shield.ServerConfig{Missing: map[string]error{
		"xdp": &haechi.Error{Kind: haechi.NotFound, Op: "attach", Msg: "there is no interface eth9", Hint: "name another"}}})
	for name, want := range map[string]haechi.ErrorKind{"xdp": haechi.NotFound, "other": haechi.Unavailable} {
		c := shield.NewClient(shield.ClientConfig{Name: name, Timeout: patience, Takes: func(*haechi.Decision) bool { return true },
			Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }})
		if _, err := c.InForce(t.Context()); haechi.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
