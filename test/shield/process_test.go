package shield_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/test/gateway"
)

// nobody is a user without any right.
const nobody = "65534"

// powerless is the program as a user without rights, who may read the folders it needs.
func powerless(t *testing.T, r *rig) gateway.Program {
	t.Helper()
	dir := filepath.Dir(r.config)
	for _, name := range []string{dir, filepath.Dir(dir), filepath.Dir(program.Path())} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{state, r.config} {
		if err := os.Chown(name, 65534, -1); err != nil {
			t.Fatal(err)
		}
	}
	return program.In("setpriv", "--reuid="+nobody, "--regid="+nobody, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all")
}

func (r *rig) shield() *gateway.Process {
	r.t.Helper()
	exact := program.In("setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_admin,+net_raw,+bpf,+perfmon,+chown,+dac_read_search,+setpcap")
	p := exact.In(r.land.guarded.Enter()...).Start(r.t, "shield", "--config", r.config, "--user", nobody)
	r.eventually("the shield serves", 20*time.Second, func() bool { return strings.Contains(p.Out.String(), "shield.sock") })
	return p
}

// TestGatewayWithoutRightsDropsThroughTheShield: the gateway runs as nobody, with no
// right at all, and the shield process drops for it; what it protects the gateway cannot
// talk it out of; when it is killed the kernel goes on, and when it is back so is
// everything that was decided meanwhile.
func TestGatewayWithoutRightsDropsThroughTheShield(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock }")
	in := r.land.listen(t)
	weak := powerless(t, r)
	if a := weak.In(r.land.guarded.Enter()...).Run(t, "run", "--config", r.config); a.Code != 1 || !strings.Contains(a.Err, "haechi shield") {
		t.Errorf("without a shield: code %d: %s", a.Code, a.Err)
	}
	shield := r.shield()
	if a := program.In(r.land.guarded.Enter()...).Run(t, "shield", "--config", r.config); a.Code != 1 || !strings.Contains(a.Err, "another shield") {
		t.Errorf("a second shield: code %d: %s", a.Code, a.Err)
	}
	r.run(weak)
	r.proc.Troubled = true // the shield is killed below
	r.add("ip:203.0.113.7")
	s := r.land.stream(netip.MustParseAddr("203.0.113.7"), in, 500*time.Microsecond)
	r.eventually("status reads it back", 5*time.Second, func() bool { return r.enforcer("nft").InForce == 1 })

	shield.Kill()
	r.eventually("status says that it is down", 10*time.Second, func() bool {
		e := r.enforcer("nft")
		return e.Able == haechi.AbleUnknown && strings.Contains(e.Note, "does not answer") && strings.Contains(r.haechi("status").Out, "enforced in process")
	})
	r.add("ip:203.0.113.8") // in process
	r.shield()
	r.eventually("the shield makes it up", 10*time.Second, func() bool { return r.enforcer("nft").InForce == 2 })
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through", came, sent)
	}
	s = r.land.stream(netip.MustParseAddr("203.0.113.8"), in, 500*time.Microsecond)
	r.eventually("packets are sent", 5*time.Second, func() bool { sent, _ := s.Count(); return sent > 50 })
	s.Close(t)
	if _, came := s.Count(); came > 0 {
		t.Errorf("%d packets of the second came", came)
	}
	if !r.land.arrives(t, in, netip.MustParseAddr("192.0.2.5")) {
		t.Error("an allowed address is dropped")
	}
}

// TestShieldEnforcesInTheDriverToo: a gateway without rights has decisions enforced by
// both of the shield's enforcers; one that the shield lacks is said, with its reason.
func TestShieldEnforcesInTheDriverToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: auto, interfaces: [in0], pins: PINS, socket: DIR/run/shield.sock }")
	in := r.land.listen(t)
	shield := r.shield()
	r.run(powerless(t, r))
	r.proc.Troubled = true // the shield is killed below
	r.add("ip:203.0.113.7")
	r.eventually("both have it", 5*time.Second, func() bool { return r.enforcer("xdp").InForce == 1 && r.enforcer("nft").InForce == 1 })
	s := r.land.stream(netip.MustParseAddr("203.0.113.7"), in, 500*time.Microsecond)
	shield.Kill()
	r.shield()
	r.add("ip:203.0.113.8")
	r.eventually("both make it up", 10*time.Second, func() bool { return r.enforcer("xdp").InForce == 2 && r.enforcer("nft").InForce == 2 })
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through", came, sent)
	}
	if !r.land.arrives(t, in, netip.MustParseAddr("192.0.2.5")) {
		t.Error("an allowed address is dropped")
	}

	lame := newRig(t, "{ kernel: auto, interfaces: [eth9], pins: PINS, socket: DIR/run/shield.sock }")
	lame.shield()
	lame.run(powerless(t, lame))
	lame.proc.Troubled = true
	lame.eventually("status says why not", 5*time.Second, func() bool {
		return strings.Contains(lame.enforcer("xdp").Note, "there is no interface eth9") && lame.enforcer("nft").Note == ""
	})
}
