package scenario_test

import (
	"context"
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
)

// settings are what a test adds to the plain configuration: YAML lines, without
// indentation of their own.
type settings struct {
	top        string // at the top level
	bots, shop string // in the two services
	services   string // further services, indented by two
	console    bool
}

// rig is one gateway with what stands around it.
type rig struct {
	t    *testing.T
	dir  string
	host string // the gateway's own loopback address
	set  settings
	bots *botSide
	web  *webSide
	raw  *rawSide // nil unless the test has an opaque service
	proc *gateway.Process
	api  *api.Client
}

// The ports of every rig; what differs is the address.
const (
	portBots, portShop, portConsole = 1491, 8080, 9443
	portBotUpstream, portWebUpstrm  = 1490, 8000
	hostUpstream                    = 250
	shopHost                        = "shop.test"
)

var rigs atomic.Int32

// newRig makes a rig with its servers running and the gateway not started.
func newRig(t *testing.T, set settings) *rig {
	t.Helper()
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	n := rigs.Add(1)
	r := &rig{t: t, dir: t.TempDir(), set: set, host: fmt.Sprintf("127.%d.%d.1", 100+os.Getpid()%100, n)}
	r.bots, r.web = newBotSide(t, r.at(hostUpstream, portBotUpstream)), newWebSide(t, r.at(hostUpstream, portWebUpstrm))
	r.bots.start()
	r.web.start()
	socket := filepath.Join(r.dir, "state", app.SocketName)
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	r.api = api.NewClient(&http.Client{Transport: tr}, "http://haechi")
	r.configure(set)
	return r
}

// run is newRig with the gateway started.
func run(t *testing.T, set settings) *rig {
	t.Helper()
	r := newRig(t, set)
	r.start()
	return r
}

// with is the rig for a subtest.
func (r *rig) with(t *testing.T) *rig {
	c := *r
	c.t = t
	return &c
}

// addr is the i-th address of the rig's own network; 1 is the gateway.
func (r *rig) addr(i int) netip.Addr {
	a := netip.MustParseAddr(r.host).As4()
	a[3] = byte(i)
	return netip.AddrFrom4(a)
}

func (r *rig) at(i int, port uint16) string { return netip.AddrPortFrom(r.addr(i), port).String() }

func (r *rig) botsAddr() string { return r.at(1, portBots) }
func (r *rig) shopAddr() string { return r.at(1, portShop) }
func (r *rig) state() string    { return filepath.Join(r.dir, "state") }
func (r *rig) config() string   { return filepath.Join(r.dir, "haechi.yaml") }

// configure writes the configuration file; it takes effect at start or reload.
func (r *rig) configure(set settings) {
	r.t.Helper()
	r.set = set
	console := ""
	if set.console {
		console = r.at(1, portConsole)
	}
	r.write(fmt.Sprintf(`state: %q
zone: Asia/Seoul
console: { listen: %q }
%sservices:
  bots:
    kind: device
    listen: [%q]
    upstream: %s
%s  shop:
    kind: http
    hosts: [%s]
    listen: [%q]
    upstream: http://%s
%s%s`, r.state(), console, block("", set.top), r.botsAddr(), r.at(hostUpstream, portBotUpstream), block("    ", set.bots),
		shopHost, r.shopAddr(), r.at(hostUpstream, portWebUpstrm), block("    ", set.shop), set.services))
}

func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.config(), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// text is the configuration file as it is.
func (r *rig) text() string {
	r.t.Helper()
	b, err := os.ReadFile(r.config())
	must(r.t, err)
	return string(b)
}

// block indents lines.
func block(indent, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(indent + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// start starts the gateway and waits until every service is open.
func (r *rig) start() {
	r.t.Helper()
	r.proc = program.Start(r.t, "run", "--config", r.config())
	r.open()
}

// open waits until every service is open.
func (r *rig) open() {
	r.t.Helper()
	eventually(r.t, "the gateway to open its services", 20*time.Second, func() bool {
		if r.proc.Over() {
			r.t.Fatalf("the gateway ended: %s", r.proc.Errors())
		}
		s, err := r.api.Status(r.t.Context())
		if err != nil || len(s.Services) == 0 {
			return false
		}
		for _, svc := range s.Services {
			if !svc.Open {
				return false
			}
		}
		return true
	})
}

// restart starts the gateway again on the same state.
func (r *rig) restart() {
	r.t.Helper()
	if !r.proc.Over() {
		r.proc.Stop()
	}
	r.start()
}

// counter is a counter of `haechi status`.
func (r *rig) counter(name string) uint64 {
	r.t.Helper()
	s, err := r.api.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var n uint64
	for _, c := range s.Counters {
		if c.Name == name {
			n += c.Value
		}
	}
	return n
}

// inForce are the decisions that are in force now.
func (r *rig) inForce() []haechi.Decision {
	r.t.Helper()
	ds, err := r.api.Decisions(r.t.Context(), haechi.DecisionFilter{OpenAt: time.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	return ds
}

// about finds the decision in force about the scope.
func (r *rig) about(scope string) (haechi.Decision, bool) {
	r.t.Helper()
	for _, d := range r.inForce() {
		if d.Scope.String() == scope {
			return d, true
		}
	}
	return haechi.Decision{}, false
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
