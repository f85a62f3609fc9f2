package shield_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi/test/gateway"
)

// addKeys writes keys to the top of the rig's file.
func (r *rig) addKeys(keys string) {
	r.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.config, append([]byte(keys), text...), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// open lets the user nobody reach the program and the file.
func (r *rig) open() {
	r.t.Helper()
	dir := filepath.Dir(r.config)
	for _, name := range []string{dir, filepath.Dir(dir), filepath.Dir(program.Path())} {
		if err := os.Chmod(name, 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.Chmod(r.config, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// one is a process that a supervisor started.
type one struct {
	pid            int
	uid, caps, cmd string
}

// startedBy are the processes that one started, the shield first.
func startedBy(t testing.TB, pid int) (all []one) {
	t.Helper()
	lists, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			cmd, err := os.ReadFile(filepath.Join("/proc", field, "cmdline"))
			if err != nil || len(cmd) == 0 {
				continue // it has ended
			}
			s, ok := statusAt(filepath.Join("/proc", field, "status"))
			if !ok || s["Uid"] == "" {
				continue
			}
			all = append(all, one{n, strings.Fields(s["Uid"])[0], s["CapEff"], strings.ReplaceAll(string(cmd), "\x00", " ")})
		}
	}
	slices.SortFunc(all, func(a, b one) int { return strings.Compare(b.cmd, a.cmd) }) // shield before run
	return all
}

func (r *rig) both(p *gateway.Process) (shield, guard one) {
	r.t.Helper()
	r.eventually("gateway and shield run", 20*time.Second, func() bool {
		all := startedBy(r.t, p.PID())
		if len(all) != 2 || !strings.Contains(all[0].cmd, " shield ") || !strings.Contains(all[1].cmd, " run ") {
			return false
		}
		shield, guard = all[0], all[1]
		return true
	})
	return shield, guard
}

func (r *rig) gone(what string, pids ...int) {
	r.t.Helper()
	r.eventually(what, 20*time.Second, func() bool {
		for _, pid := range pids {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil && !strings.Contains(string(text), "State:\tZ") {
				return false
			}
		}
		return true
	})
}

// TestRootBecomesAnOrdinaryUser: `haechi run` as root is the shield with its rights and a
// gateway without, that may bind a port below 1024; a shield that is killed comes back, a
// SIGHUP reloads, and whether it is asked to end or killed, nothing of it is left.
func TestRootBecomesAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock }")
	r.addKeys("user: nobody\n")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config, []byte(strings.ReplaceAll(string(text), ":7000", ":70")), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.start()
	r.proc.Troubled = true // the shield is killed below
	shield, guard := r.both(r.proc)
	if guard.uid != nobody || guard.caps != "0000000000000400" {
		t.Errorf("the gateway: %+v", guard)
	}
	if shield.uid != "0" || !strings.Contains(shield.cmd, "--user "+nobody) {
		t.Errorf("the shield: %+v", shield)
	}
	r.add("ip:203.0.113.7")
	r.eventually("status reads it back", 20*time.Second, func() bool { return r.enforcer("nft").InForce == 1 })

	if err := syscall.Kill(shield.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.gone("the shield is killed", shield.pid)
	r.add("ip:203.0.113.8") // in process
	r.eventually("the shield is back", 20*time.Second, func() bool { return r.enforcer("nft").InForce == 2 })
	if _, again := r.both(r.proc); again.pid != guard.pid {
		t.Error("the gateway was started again")
	}
	if log := r.proc.Err.String(); !strings.Contains(log, "the shield process ended") || !strings.Contains(log, "in=1s") {
		t.Errorf("it logged: %s", log)
	}
	r.proc.Signal(syscall.SIGHUP)
	r.eventually("the gateway reloads", 20*time.Second, func() bool { return strings.Contains(r.proc.Err.String(), "configuration reloaded") })

	shield, guard = r.both(r.proc)
	r.proc.Stop()
	r.gone("both have ended", shield.pid, guard.pid)
	r.start()
	shield, guard = r.both(r.proc)
	r.proc.Kill()
	r.gone("both end with it", shield.pid, guard.pid)
}

// TestGatewayEndsTheRest: a gateway that cannot start, and one that is killed, end the
// shield too, and are told once.
func TestGatewayEndsTheRest(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock }")
	r.addKeys("user: nobody\nmetrics: { listen: \"192.0.2.77:9090\" }\n") // no address of ours
	r.open()
	a := program.In(r.land.guarded.Enter()...).Run(t, "run", "--config", r.config)
	if a.Code != 1 || strings.Count(a.Err, "192.0.2.77") != 1 {
		t.Errorf("code %d: %s", a.Code, a.Err)
	}
	r = newRig(t, "{ kernel: off }")
	r.addKeys("user: nobody\n")
	r.open()
	r.start()
	all := startedBy(t, r.proc.PID())
	if len(all) != 1 || all[0].uid != nobody {
		t.Fatalf("without a shield: %+v", all)
	}
	if err := syscall.Kill(all[0].pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.eventually("it ends too", 20*time.Second, r.proc.Over)
	if log := r.proc.Err.String(); !strings.Contains(log, "the gateway was ended: signal: killed") {
		t.Errorf("it logged: %s", log)
	}
	r.proc.Killed() // by us
}

// TestWhoItBecomes: the owner of the state folder where the file names nobody; and what
// cannot be is refused with the next step.
func TestWhoItBecomes(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: off }")
	state := filepath.Join(filepath.Dir(r.config), "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.start()
	if all := startedBy(t, r.proc.PID()); len(all) != 1 || all[0].uid != nobody {
		t.Errorf("the owner's: %+v", all)
	}
	r.proc.Stop()
	if err := os.WriteFile(filepath.Join(state, "left"), nil, 0o600); err != nil { // by root
		t.Fatal(err)
	}
	enter := r.land.guarded.Enter()
	if a := program.In(enter...).Run(t, "run", "--config", r.config); a.Code != 1 || !strings.Contains(a.Err, "chown -R 65534:65534 "+state) {
		t.Errorf("root's file in it: code %d: %s", a.Code, a.Err)
	}
	for keys, want := range map[string]string{
		"user: nosuchuser\n": "adduser --system --group nosuchuser",
		"user: \"77\"\n":     "chown -R 77:77 " + state,
	} {
		r := newRig(t, "{ kernel: off }")
		r.addKeys(strings.ReplaceAll(keys, "DIR", state))
		text, err := os.ReadFile(r.config)
		if err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(filepath.Dir(r.config), "state")
		if err := os.WriteFile(r.config, []byte(strings.ReplaceAll(string(text), own, state)), 0o600); err != nil {
			t.Fatal(err)
		}
		if a := program.In(enter...).Run(t, "run", "--config", r.config); a.Code != 1 || !strings.Contains(a.Err, want) {
			t.Errorf("%s: code %d: %s", keys, a.Code, a.Err)
		}
	}
	bare := newRig(t, "{ kernel: auto }")
	bare.addKeys("user: nobody\n")
	bare.open()
	if a := program.In(enter...).Run(t, "run", "--config", bare.config); a.Code != 1 || !strings.Contains(a.Err, "socket: /run/haechi-shield/shield.sock") {
		t.Errorf("no socket: code %d: %s", a.Code, a.Err)
	}
	other := program.In("setpriv", "--reuid=77", "--regid=77", "--clear-groups").In(enter...)
	if a := other.Run(t, "run", "--config", bare.config); a.Code != 1 || !strings.Contains(a.Err, "only root can become it") || !strings.Contains(a.Err, "start it as root, or as nobody") {
		t.Errorf("not root: code %d: %s", a.Code, a.Err)
	}
}
