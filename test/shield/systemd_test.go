package shield_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/test/gateway"
)

// booted is a systemd with the two units of deploy/systemd, in namespaces of its own.
type booted struct {
	t      *testing.T
	ns     *netnstest.NS
	cgroup string // that of all its processes
	init   int
}

const unitsConfig = `state: /var/lib/haechi
console: { listen: "" }
shield: { kernel: nft, socket: /run/haechi-shield/shield.sock }
services:
  any: { kind: tcp, listen: ["127.0.0.1:700"], upstream: "127.0.0.1:7001", tcp: { when_down: close } }
`

// unified is where the second version of control groups is mounted; empty: nowhere.
func unified(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	return ""
}

func boot(t *testing.T) *booted {
	t.Helper()
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	ns := netnstest.New(t)
	root := unified(t)
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil || root == "" {
		t.Skipf("no systemd, which test/install.sh installs, or no cgroup2: %v", err)
	}
	p, err := released()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &booted{t: t, ns: ns, cgroup: filepath.Join(root, fmt.Sprintf("haechi-test-%d", os.Getpid()))}
	for from, to := range map[string]string{p.Path(): "haechi", "../../deploy/systemd/haechi.service": "haechi.service", "../../deploy/systemd/haechi-shield.service": "haechi-shield.service"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "haechi.yaml"), []byte(unitsConfig), 0o644), os.Mkdir(b.cgroup, 0o755)); err != nil {
		t.Fatal(err)
	}
	echo(t, ns, "127.0.0.1:7001")
	script, err := filepath.Abs("testdata/boot.sh")
	if err != nil {
		t.Fatal(err)
	}
	args := append(ns.Enter(), "sh", "-c", `echo $$ >"$1/cgroup.procs" && exec unshare --pid --mount --cgroup --ipc --uts --fork --mount-proc --kill-child sh "$2" "$3"`, "sh", b.cgroup, script, dir)
	var out bytes.Buffer
	c := exec.Command(args[0], args[1:]...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/log.txt", b.init))
			defer func() { t.Logf("systemd: %s\nthe units: %s", out.String(), log) }()
		}
		b.end()
		_ = c.Wait()
	})
	return b
}

// end kills all of it, and nothing else.
func (b *booted) end() {
	if err := os.WriteFile(filepath.Join(b.cgroup, "cgroup.kill"), []byte("1"), 0); err != nil {
		b.t.Error(err)
	}
	gateway.Eventually(b.t, "its control groups go", 20*time.Second, func() bool {
		_ = filepath.WalkDir(b.cgroup, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != b.cgroup {
				_ = os.Remove(path)
			}
			return nil
		})
		return os.Remove(b.cgroup) == nil
	})
}

// processes are those of a unit, or of systemd itself.
func (b *booted) processes(group string) (pids []int) {
	text, _ := os.ReadFile(filepath.Join(b.cgroup, group, "cgroup.procs"))
	for _, f := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// run runs a program where the units see it.
func (b *booted) run(args ...string) string {
	if b.init == 0 {
		if pids := b.processes("init.scope"); len(pids) > 0 {
			b.init = pids[0]
		}
	}
	out, _ := exec.Command("nsenter", append([]string{"--all", "--target", strconv.Itoa(b.init)}, args...)...).CombinedOutput()
	return string(out)
}

func (b *booted) haechi(args ...string) string {
	return b.run(append([]string{"/usr/local/bin/haechi", "--config", "/etc/haechi/haechi.yaml"}, args...)...)
}

// answers reports whether somebody who connects is answered by the server behind.
func (b *booted) answers() bool {
	return b.ns.Do(func() error {
		c, err := net.DialTimeout("tcp", "127.0.0.1:700", time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	}) == nil
}

// TestUnitsOfSystemd: a real systemd starts both units as they are shipped; the gateway
// answers on a port below 1024, has the packet filter changed by the shield, and each has the
// rights that it needs and no more; a stage has SYN cookies sent; a gateway that is killed
// comes back to what was decided.
func TestUnitsOfSystemd(t *testing.T) {
	t.Parallel()
	b := boot(t)
	gateway.Eventually(t, "the gateway answers", 60*time.Second, b.answers)
	var s haechi.Status
	gateway.Eventually(t, "the shield enforces", 20*time.Second, func() bool {
		if json.Unmarshal([]byte(b.haechi("status", "--json")), &s) != nil {
			return false
		}
		for _, e := range s.Enforcers {
			if e.Name == "nft" {
				return e.Unused == "" && e.Note == ""
			}
		}
		return false
	})
	if out := b.haechi("status"); strings.Contains(out, "not confined") {
		t.Errorf("status: %s", out)
	}
	for unit, want := range map[string]struct{ uid, caps string }{"haechi": {"64999", "0000000000000400"}, "haechi-shield": {"0", "000000c000003000"}} {
		pids := b.processes("system.slice/" + unit + ".service")
		if len(pids) != 1 {
			t.Fatalf("%s has the processes %v", unit, pids)
		}
		for _, thread := range statusOf(t, pids[0]) {
			if !strings.HasPrefix(thread["Uid"], want.uid+"\t") || thread["CapEff"] != want.caps || thread["CapBnd"] != want.caps || thread["NoNewPrivs"] != "1" || thread["Seccomp"] != "2" {
				t.Errorf("%s: %v", unit, thread)
			}
		}
	}
	if out := b.haechi("decisions", "add", "ip:203.0.113.7", "--action", "drop", "--for", "1h", "--reason", "test"); !strings.Contains(b.ns.Run(t, "nft", "list", "table", "inet", "haechi"), "203.0.113.7") {
		t.Errorf("the kernel does not have it: %s", out)
	}
	if out := b.haechi("attack", "stage", "cookies", "--for", "1m"); !strings.Contains(out, "Stage: cookies") {
		t.Error(out)
	}
	gateway.Eventually(t, "SYN cookies are always sent", 10*time.Second, func() bool { return cookiesSetting(t, b.ns) == "2" })
	before := b.processes("system.slice/haechi.service")[0]
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gateway.Eventually(t, "systemd starts it again", 60*time.Second, func() bool {
		now := b.processes("system.slice/haechi.service")
		return len(now) == 1 && now[0] != before && b.answers() && strings.Contains(b.haechi("decisions"), "203.0.113.7")
	})
}
