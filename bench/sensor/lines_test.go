package sensor_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
)

// The log has so many lines; a peer gets the first of them, since it needs a thousand
// times as long.
const (
	lines        = 2_000_000
	linesFail2   = 100_000
	linesCrowd   = 40_000
	lineRounds   = 3
	crowdsecBase = "/opt/haechi-bench/crowdsec" // where bench/install.sh puts it
)

// BenchmarkLines reads one and the same log of sshd, as text, by patterns that an operator
// may change: lines for each second of processor time. fail2ban's program that tries its
// filters only matches; CrowdSec runs its two scenarios for sshd, haechi replay all
// detectors.
func BenchmarkLines(b *testing.B) {
	dir := b.TempDir()
	makeLog(b, dir)
	all := readers(b, dir)
	for b.Loop() {
		rates := map[string][]float64{}
		for range lineRounds {
			for _, r := range all {
				rates[r.name] = append(rates[r.name], float64(r.lines)/r.run(b).Seconds())
			}
		}
		for _, r := range all {
			b.ReportMetric(median(rates[r.name])/1000, "klines/s-"+r.name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// makeLog writes the log, and its first lines beside it.
func makeLog(b *testing.B, dir string) {
	r := rand.New(rand.NewPCG(3, 1))
	var text bytes.Buffer
	for i := range lines {
		at := time.Date(2025, 11, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * 20 * time.Millisecond)
		text.WriteString(at.Format("Jan _2 15:04:05") + " server ")
		said(&text, r, i)
		for name, n := range map[string]int{"fail2ban.log": linesFail2, "crowdsec.log": linesCrowd, "auth.log": lines} {
			if n != i+1 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// said is one line: mostly guessing, and what else stands in such a log.
func said(w *bytes.Buffer, r *rand.Rand, i int) {
	from, port, pid := fmt.Sprintf("203.0.%d.%d", 112+r.IntN(4), r.IntN(250)), 1024+r.IntN(60000), 1000+r.IntN(30000)
	switch n := r.IntN(100); {
	case n < 35:
		fmt.Fprintf(w, "sshd[%d]: Failed password for root from %s port %d ssh2\n", pid, from, port)
	case n < 50:
		fmt.Fprintf(w, "sshd[%d]: Invalid user admin%d from %s port %d\n", pid, i%97, from, port)
	case n < 60:
		fmt.Fprintf(w, "sshd[%d]: Connection closed by authenticating user root %s port %d [preauth]\n", pid, from, port)
	case n < 70:
		fmt.Fprintf(w, "sshd[%d]: Accepted publickey for kim from 10.1.0.%d port %d ssh2: ED25519 SHA256:abc\n", pid, i%200, port)
	case n < 80:
		fmt.Fprintf(w, "sshd[%d]: pam_unix(sshd:session): session opened for user kim(uid=1000) by (uid=0)\n", pid)
	case n < 90:
		fmt.Fprintf(w, "CRON[%d]: pam_unix(cron:session): session closed for user root\n", pid)
	default:
		fmt.Fprintf(w, "systemd[1]: Started Session %d of user kim.\n", i)
	}
}

// reader reads its log once.
type reader struct {
	name  string
	lines int
	run   func(*testing.B) time.Duration
}

func readers(b *testing.B, dir string) []reader {
	out := []reader{{"haechi", lines, func(b *testing.B) time.Duration { return replayedLog(b, filepath.Join(dir, "auth.log")) }}}
	if bin, err := exec.LookPath("fail2ban-regex"); err == nil {
		out = append(out, reader{"fail2ban", linesFail2, func(b *testing.B) time.Duration {
			took, text := peer(b, bin, filepath.Join(dir, "fail2ban.log"), "/etc/fail2ban/filter.d/sshd.conf")
			if n := number(b, text, "Lines:"); n != linesFail2 || number(b, text, "Failregex:") < linesFail2/2 {
				b.Fatalf("fail2ban read %d lines: %s", n, text)
			}
			return took
		}})
	}
	if _, err := os.Stat(crowdsecBase + "/usr/bin/crowdsec"); err == nil {
		c := newCrowdsec(b)
		out = append(out, reader{"crowdsec", linesCrowd, func(b *testing.B) time.Duration { return c.run(b, filepath.Join(dir, "crowdsec.log")) }})
	}
	return out
}

func replayedLog(b *testing.B, path string) time.Duration {
	before := used(b)
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	found := map[string]bool{}
	if err := r.File(context.Background(), path, nil, func(f *replay.Found) { found[f.Detector] = true }, nil); err != nil {
		b.Fatal(err)
	}
	if !found["brute_force"] {
		b.Fatalf("the guessing is not found: %v", found)
	}
	return used(b) - before
}

// crowdsec is a configuration with its parsers and scenarios for sshd, which talks to
// nobody but itself.
type crowdsec struct{ dir string }

func newCrowdsec(b *testing.B) crowdsec {
	c := crowdsec{b.TempDir()}
	for _, name := range []string{"profiles.yaml", "simulation.yaml", "patterns"} {
		c.do(b, "cp", "-r", crowdsecBase+"/etc/crowdsec/"+name, c.dir)
	}
	for _, name := range []string{"parsers/s00-raw/crowdsecurity/syslog-logs", "parsers/s01-parse/crowdsecurity/sshd-logs",
		"parsers/s02-enrich/crowdsecurity/dateparse-enrich", "scenarios/crowdsecurity/ssh-bf", "scenarios/crowdsecurity/ssh-slow-bf"} {
		to := filepath.Join(c.dir, filepath.Dir(filepath.Dir(name)))
		c.do(b, "mkdir", "-p", to, c.dir+"/data", c.dir+"/collections", c.dir+"/postoverflows", c.dir+"/notifications")
		c.do(b, "cp", crowdsecBase+"/usr/share/crowdsec/hub/"+name+".yaml", to)
	}
	text := strings.NewReplacer("DIR", c.dir, "HUB", crowdsecBase+"/usr/share/crowdsec/hub").Replace(`
common: { daemonize: false, log_media: stdout, log_level: warning, working_dir: . }
config_paths: { config_dir: DIR/, data_dir: DIR/data/, simulation_path: DIR/simulation.yaml, hub_dir: HUB/, index_path: HUB/.index.json, notification_dir: DIR/notifications/, plugin_dir: DIR/plugins/ }
crowdsec_service: { parser_routines: 1 }
plugin_config: { user: nobody, group: nogroup }
cscli: { output: human }
db_config: { type: sqlite, use_wal: true, db_path: DIR/data/crowdsec.db }
api: { client: { credentials_path: DIR/local.yaml }, server: { listen_uri: "127.0.0.1:18977", profiles_path: DIR/profiles.yaml } }
prometheus: { enabled: false }
`)
	if err := os.WriteFile(c.dir+"/config.yaml", []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	c.do(b, "touch", "local.yaml")
	c.do(b, crowdsecBase+"/usr/bin/cscli", "-c", c.dir+"/config.yaml", "machines", "add", "bench", "--password", "bench", "-f", "local.yaml", "-u", "http://127.0.0.1:18977", "--force")
	return c
}

func (c crowdsec) do(b *testing.B, bin string, args ...string) string {
	cmd := exec.Command(bin, args...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v: %s", bin, err, out)
	}
	return string(out)
}

// run reads a log to its end. The program does not end then, so it is stopped.
func (c crowdsec) run(b *testing.B, path string) time.Duration {
	before := c.alerts(b)
	ctx, cancel := context.WithTimeout(b.Context(), mostPeer)
	defer cancel()
	cmd := exec.CommandContext(ctx, crowdsecBase+"/usr/bin/crowdsec", "-c", c.dir+"/config.yaml", "-dsn", "file://"+path, "-type", "syslog")
	cmd.Dir = c.dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	said, done := bufio.NewScanner(out), false
	for !done && said.Scan() {
		done = strings.Contains(said.Text(), "Acquisition is finished")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if after := c.alerts(b); !done || after <= before {
		b.Fatalf("CrowdSec did not end (%v) or had no alert: %d, then %d", done, before, after)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// alerts is how many it has raised.
func (c crowdsec) alerts(b *testing.B) int {
	return number(b, "n "+c.do(b, "/usr/bin/python3", "-c", "import sqlite3; print(sqlite3.connect('data/crowdsec.db').execute('select count(*) from alerts').fetchone()[0])"), "n ")
}
