package weakness_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/client"
	"haechi/internal/brick/mariadbtest"
	"haechi/test/weakness"
)

const guidePage = "../../docs/guard-your-bot-servers"

// commands are the shell blocks of a page, in order.
func commands(t *testing.T, page string) (blocks []string) {
	t.Helper()
	b, err := os.ReadFile(page)
	must(t, err)
	for _, part := range strings.Split(string(b), "```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// TestGuideIsTheSameInBothLanguages compares what is run; the words are not.
func TestGuideIsTheSameInBothLanguages(t *testing.T) {
	en, ko := commands(t, guidePage+".md"), commands(t, guidePage+".ko.md")
	comment := regexp.MustCompile(`(?m)\s+#.*$`)
	if len(en) != len(ko) {
		t.Fatalf("%d blocks of commands, %d in Korean", len(en), len(ko))
	}
	for i := range en {
		if comment.ReplaceAllString(en[i], "") != comment.ReplaceAllString(ko[i], "") {
			t.Errorf("block %d differs:\n%s\nin Korean:\n%s", i, en[i], ko[i])
		}
	}
}

// shell is a bash in which an operator types.
type shell struct {
	t     *testing.T
	in    io.Writer
	lines chan string
	log   strings.Builder
	n     int
}

// operator starts a shell in the folder of the sources, with an empty home.
func operator(t *testing.T, home string) *shell {
	t.Helper()
	cmd := exec.Command("bash", "-eu", "-o", "pipefail")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "HOME="+home, "GOFLAGS=-buildvcs=false", "NO_COLOR=1", "LC_ALL=C.UTF-8",
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOPATH="+goEnv(t, "GOPATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := cmd.StdinPipe()
	must(t, err)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	must(t, cmd.Start())
	s := &shell{t: t, in: in, lines: make(chan string, 10_000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.lines)
		for scan := bufio.NewScanner(r); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the gateway too, if the way back was not reached
		_ = cmd.Wait()                                      // it was killed
		_ = w.Close()
		<-done
		if t.Failed() {
			t.Logf("what was typed and shown:\n%s", s.log.String())
		}
	})
	return s
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// types runs a block and returns what it shows. It must succeed.
func (s *shell) types(block string) (shown string) {
	s.t.Helper()
	s.n++
	end := fmt.Sprint("--done ", s.n)
	s.log.WriteString("$ " + strings.ReplaceAll(block, "\n", "\n> ") + "\n")
	_, err := fmt.Fprintf(s.in, "%s\necho '%s'\n", block, end)
	must(s.t, err)
	late := time.After(10 * time.Minute) // it may build everything
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("a command failed:\n%s", block)
			}
			if line == end {
				return shown
			}
			shown += line + "\n"
			s.log.WriteString(line + "\n")
		case <-late:
			s.t.Fatalf("it does not end:\n%s", block)
		}
	}
}

// fill puts our own values into the block of variables, which must be these.
func fill(t *testing.T, block string, values map[string]string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(block) {
		name, _, _ := strings.Cut(line, "=")
		v, ok := values[name]
		if !ok {
			t.Fatalf("the page asks for %s, which this test does not know", name)
		}
		fmt.Fprintf(&b, "%s=%q\n", name, v)
		delete(values, name)
	}
	if len(values) > 0 {
		t.Fatalf("the page does not ask for %v", values)
	}
	return b.String()
}

// TestGuide does what docs/guard-your-bot-servers.md says, as an operator would.
func TestGuide(t *testing.T) {
	maria := mariadbtest.Start(t)
	s := &site{t: t, db: maria.Open(t, "bots"), net: netip.AddrFrom4([4]byte{127, 209, byte(os.Getpid()), 0})}
	s.gate, s.server = s.at(1, 1591), s.at(250, 1491)
	for _, q := range weakness.Schema() {
		_, err := s.db.ExecContext(t.Context(), q)
		must(t, err)
	}
	s.serve(weakness.Config{DB: s.db, Key: fleetKey, Salt: fleetSalt})
	me := phone{bot: "LOA.i", device: "0123456789abcdef", keys: map[string]secrets{s.server: {fleetKey, fleetSalt}}}
	for _, p := range []phone{me, {bot: "LOA.i", device: "aaaaaaaaaaaaaaaa"}, {bot: "도매까봇", device: "bbbbbbbbbbbbbbbb"}} {
		s.row(p, "approved")
	}
	before := s.dump()
	home := t.TempDir()
	sh := operator(t, home)
	blocks := commands(t, guidePage+".md")
	blocks[0] = fill(t, blocks[0], map[string]string{"SERVER": s.server, "GATE": s.gate, "CONSOLE": s.at(1, 9443),
		"DBHOST": fmt.Sprint("127.0.0.1:", maria.Port), "DATABASE": "bots", "PHONE": me.name(),
		"ADMIN": "mariadb --no-defaults --socket=" + maria.Socket() + " -u root"})
	began := time.Now()
	after := guideChecks(s, &me, home)
	for _, block := range blocks {
		shown := sh.types(block)
		if strings.Contains(block, "./haechi events --device") { // what was said a moment ago is recorded a moment later
			eventually(t, "the message in the list of events", 30*time.Second, func() bool {
				if !strings.Contains(shown, "message") {
					shown = sh.types(block)
				}
				return strings.Contains(shown, "message")
			})
		}
		for mark, check := range after {
			if strings.Contains(block, mark) {
				check(shown)
				delete(after, mark)
			}
		}
	}
	for mark := range after {
		t.Errorf("the page has no command with %q", mark)
	}
	if now := s.dump(); now != before {
		t.Errorf("the table of devices was changed:\n%s\nit was\n%s", now, before)
	}
	t.Logf("the whole page took %s", time.Since(began).Round(time.Second))
}

var newKey = regexp.MustCompile(`Key (k\d+) of .*\n\s+SECRET_KEY\s+(\S+)\n\s+BOT_SALT\s+(\S+)`)

// guideChecks are what must be true after the block of commands with the mark.
func guideChecks(s *site, me *phone, home string) map[string]func(shown string) {
	t, key := s.t, haechi.Key{}
	direct := func() {
		t.Helper()
		w := s.dial(s.server, 10, *me).opened()
		w.answered("!time")
		w.bye()
		s.empty()
	}
	var kept *wire
	return map[string]func(string){
		"until ./haechi status": func(shown string) {
			if !strings.Contains(shown, me.name()+"\tapproved") {
				t.Errorf("the phones are not listed: %s", shown)
			}
			direct() // nothing has changed
		},
		`./haechi devices key "$PHONE"`: func(shown string) {
			m := newKey.FindStringSubmatch(shown)
			if m == nil {
				t.Fatalf("no key is shown: %s", shown)
			}
			key = haechi.Key{ID: m[1], Secret: haechi.Secret(m[2]), Salt: haechi.Secret(m[3])}
			me.keys[s.gate] = secrets{m[2], m[3]}
			kept = s.dial(s.gate, 10, *me).opened()
			kept.answered("!time")
			thief := s.dial(s.gate, 66, s.stranger(me.bot, me.device))
			thief.greet()
			if h := thief.ask("!orders", nil); h.event != "error" {
				t.Errorf("a message without signature: %+v", h)
			}
		},
		"./haechi events --device": func(shown string) {
			if !strings.Contains(shown, me.name()) || !strings.Contains(shown, "message") {
				t.Errorf("it is not said who spoke: %s", shown)
			}
		},
		"keys.txt": func(string) {
			b, err := os.ReadFile(filepath.Join(home, "haechi", "keys.txt"))
			must(t, err)
			if n := len(newKey.FindAllString(string(b), -1)); n != 2 || !strings.Contains(string(b), "도매까봇/bbbbbbbbbbbbbbbb") {
				t.Errorf("%d keys: %s", n, b)
			}
		},
		"events --failures": func(shown string) {
			if !strings.Contains(shown, "auth_missing") {
				t.Errorf("the failure is not shown: %s", shown)
			}
		},
		"binding: accept/": func(string) {
			kept.answered("!time") // the old script goes on
			s.bound(key, me)
		},
		"binding: require/": func(string) {
			s.bound(key, me)
			w := s.dial(s.gate, 10, *me)
			if h := w.open(); h.event != "error" {
				t.Errorf("the old script comes in: %+v", h)
			}
		},
		"DROP USER": func(string) { direct() },
	}
}

// bound is a phone with the new script, which is answered.
func (s *site) bound(key haechi.Key, me *phone) {
	s.t.Helper()
	var answers atomic.Int32
	c, err := client.New(client.Config{Servers: []string{s.gate},
		Protocol: client.Messengerbot{Bot: me.bot, DeviceID: me.device, Key: key, Bind: true},
		Handler: func(m client.Message) {
			if m.Event == "messageResponse" {
				answers.Add(1)
			}
		}})
	must(s.t, err)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	must(s.t, c.SendMessage(client.Chat("가족방", "미나", "!time")))
	eventually(s.t, "the bound phone to be answered", 15*time.Second, func() bool { return answers.Load() > 0 })
}

// dump is the table of devices, but what every handshake writes.
func (s *site) dump() (text string) {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.t.Context(), "SELECT bot_name, device_id, status, rejection_reason FROM kb_bot_devices ORDER BY id")
	must(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var bot, device, status string
		var reason sql.NullString
		must(s.t, rows.Scan(&bot, &device, &status, &reason))
		text += fmt.Sprintln(bot, device, status, reason.String)
	}
	must(s.t, rows.Err())
	return text
}
