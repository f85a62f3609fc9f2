package shield_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/test/gateway"
)

// rig is a gateway in the guarded namespace.
type rig struct {
	t      testing.TB
	land   *land
	config string
	pins   string // where XDP pins what outlives the process
	proc   *gateway.Process
}

func newRig(t testing.TB, shield string) *rig {
	t.Helper()
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	dir := t.TempDir()
	shield = strings.ReplaceAll(shield, "DIR", dir)
	var pins string
	if strings.Contains(shield, "PINS") {
		pins = filepath.Join(netnstest.BPF(t), "haechi")
		shield = strings.ReplaceAll(shield, "PINS", pins)
	}
	r := &rig{t: t, land: newLand(t), pins: pins, config: filepath.Join(dir, "haechi.yaml")}
	text := "state: " + filepath.Join(dir, "state") + `
console: { listen: "" }
allow: [192.0.2.0/24]
shield: ` + shield + `
services:
  any: { kind: tcp, listen: ["10.77.0.1:7000"], upstream: "10.77.0.9:7001", tcp: { when_down: close } }
`
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) start() {
	r.t.Helper()
	r.run(program)
}

func (r *rig) run(p gateway.Program) {
	r.t.Helper()
	r.proc = p.In(r.land.guarded.Enter()...).Start(r.t, "run", "--config", r.config)
	r.eventually("the gateway is up", 20*time.Second, func() bool { return r.haechi("status").Code == 0 })
}

func (r *rig) haechi(args ...string) gateway.Answer {
	return program.Run(r.t, append([]string{"--config", r.config}, args...)...)
}

func (r *rig) eventually(what string, within time.Duration, is func() bool) {
	r.t.Helper()
	gateway.Eventually(r.t, what, within, is)
}

// enforcer is what status says about one.
func (r *rig) enforcer(name string) haechi.EnforcerStatus {
	r.t.Helper()
	a := r.haechi("status", "--json")
	var s struct {
		haechi.Status
		Inner haechi.Status `json:"status"`
	}
	if err := json.Unmarshal([]byte(a.Out), &s); err != nil {
		r.t.Fatalf("%v: %s%s", err, a.Out, a.Err)
	}
	for _, e := range append(s.Enforcers, s.Inner.Enforcers...) {
		if e.Name == name {
			return e
		}
	}
	r.t.Fatalf("status names no enforcer %s: %s", name, a.Out)
	return haechi.EnforcerStatus{}
}

func (r *rig) add(about string) (id string) {
	r.t.Helper()
	a := r.haechi("decisions", "add", about, "--action", "drop", "--for", "1h", "--reason", "test", "--json")
	var d haechi.Decision
	if err := json.Unmarshal([]byte(a.Out), &d); err != nil || a.Code != 0 {
		r.t.Fatalf("add %s: %v: %s%s", about, err, a.Out, a.Err)
	}
	return string(d.ID)
}

// TestRunningGatewayDropsInTheKernel goes through the life of a decision by nftables: it
// is held against somebody who flushes the packet filter.
func TestRunningGatewayDropsInTheKernel(t *testing.T) {
	t.Parallel()
	lifeOfADecision(t, "{ kernel: nft }", "nft", func(r *rig) { r.land.guarded.Run(r.t, "nft", "flush", "ruleset") })
}

// TestRunningGatewayDropsInTheDriver does so by XDP: against somebody who takes the
// program off its interface, and who deletes all that is pinned.
func TestRunningGatewayDropsInTheDriver(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*rig){
		"program taken off": func(r *rig) {
			l, err := link.LoadPinnedLink(filepath.Join(r.pins, "driver:in0"), nil)
			if err != nil {
				r.t.Fatal(err)
			}
			if err := errors.Join(l.(interface{ Detach() error }).Detach(), l.Close()); err != nil {
				r.t.Fatal(err)
			}
		},
		"pins deleted": func(r *rig) {
			if err := os.RemoveAll(r.pins); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lifeOfADecision(t, "{ kernel: xdp, interfaces: [in0], pins: PINS }", "xdp", damage)
		})
	}
}

// lifeOfADecision goes through it: made, held over a kill and two restarts without one
// packet that slips through, held against damage, and lifted.
func lifeOfADecision(t *testing.T, setting, name string, damage func(*rig)) {
	r := newRig(t, setting)
	in := r.land.listen(t)
	r.start()
	from := netip.MustParseAddr("203.0.113.7")
	s := r.land.stream(from, in, 500*time.Microsecond)
	r.eventually("packets come", 5*time.Second, func() bool { _, came := s.Count(); return came > 10 })
	id := r.add("ip:203.0.113.7")
	s.Close(t) // what was under way has come

	s = r.land.stream(from, in, 500*time.Microsecond)
	for _, about := range []string{"ip:10.77.0.1", "ip:10.77.0.2", "ip:10.77.0.9", "prefix:10.77.0.0/24", "ip:192.0.2.1"} { // own, gateway, server behind, all three, allowed
		if a := r.haechi("decisions", "add", about, "--action", "drop", "--for", "1h", "--reason", "oops"); a.Code == 0 {
			t.Errorf("%s was dropped", about)
		}
	}
	r.proc.Kill()
	r.start()
	r.proc.Signal(syscall.SIGTERM)
	r.proc.Wait(25 * time.Second)
	r.start()
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through a kill and two restarts", came, sent)
	}
	if e := r.enforcer(name); e.InForce != 1 || e.Able != haechi.AbleYes || e.Unused != "" {
		t.Errorf("status: %+v", e)
	}
	<-time.After(2100 * time.Millisecond) // a younger decision may still be on its way, so its absence is no drift

	s = r.land.stream(from, in, 500*time.Microsecond)
	damage(r)
	done := time.Now()
	r.eventually("the damage is repaired and reported", 2*time.Second, func() bool { return r.enforcer(name).Drift > 0 })
	t.Logf("repaired and reported after %v", time.Since(done))
	before, _ := s.Count()
	r.eventually("packets are sent", 5*time.Second, func() bool { sent, _ := s.Count(); return sent > before+100 })
	s.Close(t)
	if n := s.Came(before); n > 0 {
		t.Errorf("%d packets came after the repair", n)
	}

	if a := r.haechi("decisions", "lift", id, "--reason", "over"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s = r.land.stream(from, in, 500*time.Microsecond)
	r.eventually("packets come again", 2*time.Second, func() bool { _, came := s.Count(); return came > 10 })
	s.Close(t)
}

// TestStatusSaysWhyNot: without the right to change the packet filter auto goes on and
// says so, and nft refuses to start with the next step.
func TestStatusSaysWhyNot(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: auto }")
	weak := program.In("setpriv", "--bounding-set=-net_admin,-bpf,-sys_admin", "--inh-caps=-all").In(r.land.guarded.Enter()...)
	r.proc = weak.Start(t, "run", "--config", r.config)
	r.eventually("the gateway is up", 20*time.Second, func() bool { return r.haechi("status").Code == 0 })
	if e := r.enforcer("nft"); e.Unused != "denied" || e.Able != haechi.AbleNo {
		t.Errorf("status: %+v", e)
	}
	if e := r.enforcer("xdp"); e.Unused != "xdp_unnamed" {
		t.Errorf("status: %+v", e)
	}
	for lang, want := range map[string]string{"en": "it needs root or CAP_NET_ADMIN", "ko": "CAP_NET_ADMIN이 필요합니다"} {
		if a := r.haechi("status", "--lang", lang); !strings.Contains(a.Out, want) {
			t.Errorf("%s: %s", lang, a.Out)
		}
	}
	r.add("ip:203.0.113.7") // in process
	r.proc.Stop()
	for setting, want := range map[string]string{"{ kernel: nft }": "CAP_NET_ADMIN", "{ kernel: xdp, interfaces: [in0], pins: PINS }": "CAP_BPF"} {
		strict := newRig(t, setting)
		if a := weak.Run(t, "run", "--config", strict.config); a.Code != 1 || !strings.Contains(a.Err, want) {
			t.Errorf("code %d: %s", a.Code, a.Err)
		}
	}
}

// TestUnknownInterfaceIsSaid: with xdp that is an error, with auto nftables goes on alone.
func TestUnknownInterfaceIsSaid(t *testing.T) {
	t.Parallel()
	strict := newRig(t, "{ kernel: xdp, interfaces: [eth9], pins: PINS }")
	if a := program.In(strict.land.guarded.Enter()...).Run(t, "run", "--config", strict.config); a.Code != 1 || !strings.Contains(a.Err, "there is no interface eth9") {
		t.Errorf("code %d: %s", a.Code, a.Err)
	}
	r := newRig(t, "{ kernel: auto, interfaces: [eth9], pins: PINS }")
	r.start()
	if e := r.enforcer("xdp"); e.Unused != "failed" {
		t.Errorf("status: %+v", e)
	}
	if e := r.enforcer("nft"); e.Able != haechi.AbleYes || e.Unused != "" {
		t.Errorf("status: %+v", e)
	}
}
