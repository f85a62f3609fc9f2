package fail2ban_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// The addresses of the test's clients.
const (
	attacker = "127.88.0.20" // fails to sign
	pretend  = "127.88.0.30" // calls itself a line about the victim
	victim   = "127.88.0.99"
)

// rig is a gateway and a fail2ban beside it.
type rig struct {
	t            *testing.T
	dir, address string
	config       string
	jailer       *exec.Cmd // fail2ban-server
	said         gateway.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	installed(t, "fail2ban-server")
	must(t, buildErr)
	r := &rig{t: t, dir: t.TempDir()}
	bots, err := demo.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- demo.NewBotServer(demo.BotConfig{}).Serve(t.Context(), bots) }()
	t.Cleanup(func() { <-served })
	r.address, r.config = free(t), filepath.Join(r.dir, "haechi.yaml")
	// What is banned is banned by fail2ban: the same rules in the gateway are off.
	r.write("haechi.yaml", fmt.Sprintf(`state: %q
console: { listen: "" }
records: { security_log: security.log }
rules:
  auth/brute-force: { mode: "off" }
  auth/flood-of-failures: { mode: "off" }
  device/failed-auth: { mode: "off" }
services:
  bots: { kind: device, listen: [%q], upstream: %q, device: { hold: 1s } }
`, filepath.Join(r.dir, "state"), r.address, bots.Addr()))
	program.Start(t, "run", "--config", r.config)
	eventually(t, "the gateway", func() bool { return program.Run(t, "status", "--config", r.config).Code == 0 })
	return r
}

// free is a loopback address with a port that nobody uses.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	must(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(r.t, os.WriteFile(path, []byte(text), 0o600))
}

// jail starts fail2ban with our files as they ship, and with the paths of the test as an
// administrator would set them.
func (r *rig) jail() {
	r.t.Helper()
	for _, name := range []string{"filter.d/haechi.conf", "action.d/haechi.conf", "jail.d/haechi.conf"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/fail2ban", name))
		must(r.t, err)
		r.write("fail2ban/"+name, string(text))
	}
	at := func(name string) string { return filepath.Join(r.dir, name) }
	action := fmt.Sprintf("haechi[name=%%(__name__)s, haechi=%q, config=%q]", program.Path(), r.config)
	r.write("fail2ban/fail2ban.conf", fmt.Sprintf("[Definition]\nloglevel = INFO\nlogtarget = STDOUT\nsyslogsocket = auto\nsocket = %s\npidfile = %s\ndbfile = %s\ndbpurgeage = 1d\ndbmaxmatches = 10\n[Thread]\n",
		at("sock"), at("pid"), at("db.sqlite3")))
	r.write("fail2ban/jail.conf", "[DEFAULT]\nusedns = no\nignoreself = false\n")
	r.write("fail2ban/jail.d/test.local", fmt.Sprintf("[haechi]\nlogpath = %s\naction = %s\n", at("security.log"), action)+
		// any other jail: one that only an administrator fills
		fmt.Sprintf("[other]\nenabled = true\nfilter = haechi\nlogpath = %s\nbackend = polling\nbantime = -1\nmaxretry = 1000\naction = %s\n", at("other.log"), action))
	r.write("other.log", "")
	r.jailer = exec.Command(installed(r.t, "fail2ban-server"), "-c", at("fail2ban"), "-s", at("sock"), "-p", at("pid"), "--logtarget", "STDOUT", "-f", "start")
	// While its ban command runs, fail2ban takes no unban: the race detector must not keep it for a second.
	r.jailer.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	r.jailer.Stdout, r.jailer.Stderr = &r.said, &r.said
	r.jailer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(r.t, r.jailer.Start())
	r.t.Cleanup(func() {
		r.stop()
		if r.t.Failed() {
			log, err := os.ReadFile(at("security.log"))
			r.t.Logf("fail2ban says:\n%s\nof security.log, %v:\n%s", r.said.String(), err, log)
		}
	})
	eventually(r.t, "fail2ban", func() bool { return strings.Count(r.said.String(), "started") >= 2 })
}

// stop ends fail2ban as its service does.
func (r *rig) stop() {
	if r.jailer != nil {
		must(r.t, r.jailer.Process.Signal(syscall.SIGTERM))
		_ = r.jailer.Wait() // its output says how it ended
		r.jailer = nil
	}
}

// ask asks the running fail2ban.
func (r *rig) ask(args ...string) string {
	r.t.Helper()
	all := append([]string{"-c", filepath.Join(r.dir, "fail2ban"), "-s", filepath.Join(r.dir, "sock")}, args...)
	out, err := exec.Command(installed(r.t, "fail2ban-client"), all...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("fail2ban-client %v: %v\n%s\n%s", args, err, out, r.said.String())
	}
	return string(out)
}

// haechi runs a command, which must work.
func (r *rig) haechi(args ...string) string {
	r.t.Helper()
	a := program.Run(r.t, append(args, "--config", r.config)...)
	if a.Code != 0 {
		r.t.Fatalf("haechi %v: %+v", args, a)
	}
	return a.Out
}

// banned is who is banned, as the gateway reads it back: address, peer, and the end.
func (r *rig) banned() map[string]haechi.Decision {
	r.t.Helper()
	var ds []haechi.Decision
	must(r.t, json.Unmarshal([]byte(r.haechi("decisions", "--json")), &ds))
	out := map[string]haechi.Decision{}
	for _, d := range ds {
		out[strings.TrimPrefix(d.Scope.String(), "ip:")] = d
	}
	return out
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	gateway.Eventually(t, what, 30*time.Second, holds)
}

// knocks connects from the address so often as a device that is refused: nobody approved
// it, or it signs with a wrong key.
func (r *rig) knocks(from string, id demo.Identity, times int) {
	r.t.Helper()
	p, err := demo.NewPhone(demo.PhoneConfig{Identity: id, Servers: []string{r.address}, Source: netip.MustParseAddr(from)})
	must(r.t, err)
	for range times {
		s, err := p.Connect(r.t.Context())
		must(r.t, err)
		must(r.t, s.Handshake())
		_, err = s.Until("error")
		must(r.t, err)
		s.Close()
	}
}

// device registers and approves a device, and gives it a key.
func (r *rig) device(key string) demo.Identity {
	r.t.Helper()
	bot, serial, _ := haechi.SplitDeviceKey(key)
	r.haechi("devices", "add", key)
	r.haechi("devices", "approve", key)
	var k haechi.NewKey
	must(r.t, json.Unmarshal([]byte(r.haechi("devices", "key", key, "--json")), &k))
	return demo.Identity{Bot: bot, Serial: serial, Shape: demo.V333, Secret: haechi.Secret(k.Secret), Salt: haechi.Secret(k.Salt)}
}

// TestBan: a running fail2ban bans by the log, through the gateway, who fails ten times,
// and nobody whom somebody else names.
func TestBan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.jail()
	id := r.device("시험봇/00000000000000aa")
	forged := id
	forged.Bot, forged.Serial = victim+" HMAC verification failed: service=", "00000000000000bb"
	id.Secret = haechi.Secret("not the key of it")
	r.knocks(pretend, forged, 12)
	r.knocks(attacker, id, 9)
	eventually(t, "nine failures in the jail", func() bool { return strings.Contains(r.ask("status", "haechi"), "Total failed:\t9") })
	if got := r.banned(); len(got) != 0 {
		t.Fatalf("banned already: %v", got)
	}
	if log, err := os.ReadFile(filepath.Join(r.dir, "security.log")); err != nil || strings.Count(string(log), pretend+" ") != 12 || strings.Contains(string(log), "\n"+victim) {
		t.Fatalf("%v\n%s", err, log)
	}

	r.knocks(attacker, id, 1)
	eventually(t, "the ban", func() bool { return len(r.banned()) > 0 })
	d := r.banned()[attacker]
	if left := time.Until(d.Until); len(r.banned()) != 1 || d.Origin != haechi.OriginPeer || d.Rule != "fail2ban/haechi" || d.Action != haechi.Deny || left < 58*time.Minute || left > time.Hour ||
		d.Reason != "fail2ban: 10 failures" {
		t.Errorf("%+v", r.banned())
	}
	if out := r.haechi("status"); !strings.Contains(out, "Decisions of fail2ban/haechi: 1 in force, the last taken over ") {
		t.Errorf("status says %s", out)
	}
	r.ask("set", "haechi", "unbanip", attacker)
	eventually(t, "the unban", func() bool { return len(r.banned()) == 0 })
}

// TestJails: bans of several jails, by hand and for ever; what the gateway protects; its
// lists read back; and the end of fail2ban, which takes back its own and nothing else.
func TestJails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.jail()
	r.haechi("decisions", "add", "ip:127.88.0.40", "--reason", "mine")
	r.ask("set", "haechi", "banip", "127.88.0.41", "127.88.0.40")
	r.ask("set", "other", "banip", "127.88.0.41", "2001:db8:0:1::7")
	eventually(t, "the bans", func() bool { return len(r.banned()) == 3 && r.banned()["127.88.0.41"].Rule == "fail2ban/other" })
	if d := r.banned()["2001:db8:0:1::/64"]; d.Rule != "fail2ban/other" || !d.Until.IsZero() {
		t.Errorf("for ever: %+v", d)
	}

	// one jail takes back what the other wants for longer
	r.ask("set", "haechi", "unbanip", "127.88.0.41")
	eventually(t, "the unban", func() bool { return strings.Contains(r.said.String(), "[haechi] Unban 127.88.0.41") })
	if len(r.banned()) != 3 {
		t.Errorf("banned: %v", r.banned())
	}

	// the gateway's own address: refused, and fail2ban hears why
	r.ask("set", "other", "banip", "127.0.0.1")
	eventually(t, "the refusal", func() bool { return strings.Contains(r.said.String(), "ip:127.0.0.1 is protected") })
	r.ask("set", "other", "unbanip", "127.0.0.1")

	r.imports(r.ask("banned"), "0 new, 1 changed, 2 covered") // the end of one is told without its time
	r.imports(r.ask("get", "other", "banip", "--with-time"), "0 new, 0 changed, 2 covered")
	r.imports(r.ask("get", "haechi", "banip"), "0 new, 1 changed, 0 covered")

	r.stop()
	if got := r.banned(); len(got) != 1 || got["127.88.0.40"].By == "" {
		t.Errorf("after the end of fail2ban: %v", got)
	}
}

// imports reads an answer of fail2ban, and only says what would become of it.
func (r *rig) imports(answer, want string) {
	r.t.Helper()
	r.write("answer", answer)
	if out := r.haechi("decisions", "import", filepath.Join(r.dir, "answer"), "--dry-run"); !strings.Contains(out, want) {
		r.t.Errorf("of %s would become %s", answer, out)
	}
}
