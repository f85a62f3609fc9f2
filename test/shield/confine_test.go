package shield_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/test/gateway"
)

// statusOf is what the kernel says about each thread of a process (proc(5)).
func statusOf(t testing.TB, pid int) (threads []map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "status"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	for _, name := range files {
		if one, ok := statusAt(name); ok {
			threads = append(threads, one)
		}
	}
	return threads
}

// released builds the program as it is released, once.
var released = sync.OnceValues(func() (gateway.Program, error) { return program.Released() })

// statusAt reads one file of status; ok is false when its thread has ended.
func statusAt(name string) (one map[string]string, ok bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	one = make(map[string]string)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		one[key] = strings.TrimSpace(value)
	}
	return one, true
}

// whole is a shield with every right that root has, as it is released, or with the flags
// that follow.
func (r *rig) whole(flags ...string) *gateway.Process {
	r.t.Helper()
	p, err := released()
	if err != nil {
		r.t.Fatal(err)
	}
	proc := p.In(r.land.guarded.Enter()...).Start(r.t, append([]string{"shield", "--config", r.config, "--user", nobody}, flags...)...)
	r.eventually("the shield serves", 20*time.Second, func() bool { return strings.Contains(proc.Out.String(), "shield.sock") })
	return proc
}

// TestShieldConfinesItself: started with all that root may, each of its threads has four
// capabilities left, can get no more and is filtered; it still enforces by both enforcers,
// repairs pins that were deleted with their folder, and status has nothing to say about it.
func TestShieldConfinesItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: auto, interfaces: [in0], pins: PINS, socket: DIR/run/shield.sock }")
	in := r.land.listen(t)
	shield := r.whole()
	r.run(powerless(t, r))
	r.add("ip:203.0.113.7")
	r.eventually("both have it", 5*time.Second, func() bool { return r.enforcer("xdp").InForce == 1 && r.enforcer("nft").InForce == 1 })
	const four = "000000c000003000" // CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF
	want := map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapInh": "0000000000000000", "CapPrm": four, "CapEff": four, "CapBnd": four, "CapAmb": "0000000000000000"}
	for _, thread := range statusOf(t, shield.PID()) {
		for name, w := range want {
			if thread[name] != w {
				t.Errorf("thread %s: %s is %s", thread["Pid"], name, thread[name])
			}
		}
	}
	if err := os.RemoveAll(r.pins); err != nil {
		t.Fatal(err)
	}
	r.eventually("the pins are back", 5*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(r.pins, "haechi_control"))
		return err == nil && r.enforcer("xdp").Drift > 0
	})
	if r.land.arrives(t, in, netip.MustParseAddr("203.0.113.7")) {
		t.Error("a packet came after the repair")
	}
	if e := r.enforcer("xdp"); e.Able != haechi.AbleYes || e.Note != "" {
		t.Errorf("status: %+v", e)
	}
	if a := r.haechi("status"); strings.Contains(a.Out, "not confined") {
		t.Errorf("status: %s", a.Out)
	}
	shield.Stop()
	if _, err := os.Stat(filepath.Join(filepath.Dir(r.config), "run", "shield.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	if text := shield.Err.String(); strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
		t.Errorf("it logged: %s", text)
	}
}

// TestStatusSaysThatTheShieldIsOpen: switched off it keeps what it has, and where one layer
// cannot be had it serves with the others; its log and the gateway's status say so.
func TestStatusSaysThatTheShieldIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock }")
	shield := r.whole("--sandbox", "off")
	r.run(powerless(t, r))
	r.proc.Troubled = true // the shield is stopped below
	says := func(text string) {
		t.Helper()
		r.eventually("status says "+text, 10*time.Second, func() bool {
			a := r.haechi("status").Out
			return strings.Contains(a, "not confined as it should be") && strings.Contains(a, text)
		})
		if !strings.Contains(shield.Err.String(), "level=WARN") {
			t.Errorf("the log: %s", shield.Err.String())
		}
	}
	says("--sandbox off")
	if one := statusOf(t, shield.PID())[0]; one["Seccomp"] != "0" || one["NoNewPrivs"] != "0" {
		t.Errorf("switched off: %v", one)
	}
	shield.Stop()
	p := program.In("setpriv", "--inh-caps=-all", "--bounding-set=-setpcap").In(r.land.guarded.Enter()...)
	shield = p.Start(t, "shield", "--config", r.config, "--user", nobody)
	says("bounding set")
	if one := statusOf(t, shield.PID())[0]; one["Seccomp"] != "2" || one["NoNewPrivs"] != "1" {
		t.Errorf("one layer missing: %v", one)
	}
	r.add("ip:203.0.113.7")
	r.eventually("it enforces", 5*time.Second, func() bool { return r.enforcer("nft").InForce == 1 })
}
