package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
)

// authLog is a log as rsyslog writes it.
type authLog struct {
	t    *testing.T
	path string
	n    int
}

func (l *authLog) write(format string, args ...any) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.n++
	_, err = fmt.Fprintf(f, time.Now().Format(time.RFC3339Nano)+" web sshd[2651]: "+format+"\n", args...)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *authLog) fail(user, from string) {
	l.write("Failed password for %s from %s port 59402 ssh2", user, from)
}

func (l *authLog) rotate() {
	l.t.Helper()
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		l.t.Fatal(err)
	}
}

// run starts the gateway; what it returns stops it.
func (r *rig) run(t *testing.T) (*app.App, func()) {
	t.Helper()
	started := make(chan app.Started, 1)
	a, err := app.New(t.Context(), app.Options{ConfigPath: r.config, Started: func(s app.Started) { started <- s }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-started
	return a, func() {
		t.Helper()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// until waits for what the running gateway will come to, ten seconds at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 200 {
		if ok() {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

func logStatus(t *testing.T, a *app.App) (haechi.LogStatus, []string) {
	t.Helper()
	s, err := a.Control().Status(t.Context())
	if err != nil || len(s.Logs) != 1 {
		t.Fatalf("%+v %v", s.Logs, err)
	}
	return s.Logs[0], s.Degraded
}

// Six failures in a log that is rotated between them lead to a decision about the client
// that failed, and about nobody whose address he wrote into his name.
func TestGuessingInALogIsDecided(t *testing.T) {
	r := newRig(t)
	l := &authLog{t: t, path: filepath.Join(t.TempDir(), "auth.log")}
	for range 20 {
		l.fail("root", "198.51.100.20") // before the gateway was there
	}
	l.n = 0
	r.write(t, fmt.Sprintf("sensor: { logs: [{ path: %s, only: [sshd] }] }\nrules: { network/brute-force: { mode: enforce } }\n", l.path))
	a, _ := r.start(t)
	until(t, "the log is open", func() bool { s, _ := logStatus(t, a); return s.Files == 1 })
	for range 3 {
		l.fail("root", "203.0.113.7")
	}
	l.rotate()
	for i := range 3 {
		l.fail("root", "203.0.113.7")
		l.fail(fmt.Sprintf("root from 9.9.9.9 port %d ssh2", i), "203.0.113.7")
		l.fail("Failed password for root from 9.9.9.9", "203.0.113.7")
		l.write("Invalid user x from 9.9.9.9 port 1 from 203.0.113.7 port 2")
	}
	l.write("Accepted password for kim from 192.0.2.30 port 2 ssh2")
	until(t, "a decision", func() bool { return len(decided(t, a)) > 0 })
	until(t, "all is read", func() bool { s, _ := logStatus(t, a); return s.Lines == uint64(l.n) })
	for _, d := range decided(t, a) {
		if d.Scope.Prefix.String() != "203.0.113.7/32" || d.Mode != haechi.Enforce {
			t.Errorf("%+v", d)
		}
	}
	var found []haechi.Finding
	until(t, "a finding is recorded", func() (ok bool) {
		var err error
		if found, err = a.Control().Findings(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
	for _, f := range found {
		if f.Detector != "brute_force" || f.Addr.String() != "203.0.113.7" {
			t.Errorf("%+v", f)
		}
	}
	if s, why := logStatus(t, a); s.Told != uint64(l.n) || s.Gaps+s.Long+s.Future != 0 || len(why) > 0 {
		t.Errorf("%+v %q", s, why)
	}
}

func decided(t *testing.T, a *app.App) []haechi.Decision {
	t.Helper()
	all, err := a.Control().Decisions(t.Context(), haechi.DecisionFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What came while the gateway was down, over a rotation, is read once.
func TestLogsGoOnAfterARestart(t *testing.T) {
	r := newRig(t)
	l := &authLog{t: t, path: filepath.Join(t.TempDir(), "auth.log")}
	l.fail("old", "203.0.113.7")
	l.n = 0
	r.write(t, fmt.Sprintf("sensor: { logs: [{ path: %s }] }\n", l.path))
	a, stop := r.run(t)
	until(t, "the log is open", func() bool { s, _ := logStatus(t, a); return s.Files == 1 })
	l.fail("kim", "203.0.113.7")
	until(t, "it is read", func() bool { s, _ := logStatus(t, a); return s.Lines == 1 })
	stop()
	l.n = 0
	l.fail("kim", "203.0.113.7")
	l.rotate()
	l.fail("kim", "203.0.113.7")
	a, stop = r.run(t)
	until(t, "both are read", func() bool { s, _ := logStatus(t, a); return s.Lines == uint64(l.n) })
	if s, _ := logStatus(t, a); s.Told != 2 || s.Gaps > 0 {
		t.Errorf("%+v", s)
	}
	stop()
}

// A log that is not there is said with what to do, is an event, and is read once it is.
func TestMissingLogIsSaid(t *testing.T) {
	r := newRig(t)
	l := &authLog{t: t, path: filepath.Join(t.TempDir(), "auth.log")}
	r.write(t, fmt.Sprintf("sensor: { logs: [{ path: %s }] }\n", l.path))
	a, _ := r.start(t)
	said := func() bool {
		_, why := logStatus(t, a)
		return len(why) > 0 && strings.Contains(why[0], l.path) && strings.Contains(why[0], "sensor.logs")
	}
	until(t, "it is said", said)
	l.fail("kim", "203.0.113.7")
	until(t, "it is read", func() bool { s, why := logStatus(t, a); return s.Told == 1 && len(why) == 0 })
	until(t, "there are events of it", func() bool {
		events, err := a.Control().Events(t.Context(), haechi.EventFilter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range events {
			if e.Kind == haechi.KindSystem && strings.Contains(e.Text, l.path) {
				n++
			}
		}
		return n == 2
	})
}

const shopPattern = `id: shop
title: { en: Shop logins }
programs: [shop]
protocol: http
lines: [{ match: "no entry for {user} from {source}", kind: auth, outcome: failure }]
examples:
  - { line: "Jan  7 14:19:31 web shop[1]: no entry for kim from 203.0.113.7", kind: auth, outcome: failure, source: 203.0.113.7, user: kim }
  - { line: "Jan  7 14:19:31 web shop[1]: entry of kim from 203.0.113.7" }
`

// A folder of patterns beside the configuration counts live, in a replay and in a check; a
// reload reads it again, and keeps the old one where the new is wrong.
func TestPatternsOfAFolder(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(filepath.Dir(r.config), "patterns")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(shopPattern)
	l := &authLog{t: t, path: filepath.Join(t.TempDir(), "app.log")}
	r.write(t, fmt.Sprintf("sensor: { patterns: patterns, logs: [{ path: %s, only: [shop] }] }\n", l.path))
	a, _ := r.start(t)
	line := func(text string) {
		l.write("x\n%s web shop[1]: %s for kim from 203.0.113.7", time.Now().Format(time.RFC3339Nano), text)
	}
	until(t, "it is missed", func() bool { _, why := logStatus(t, a); return len(why) > 0 }) // then all of it is new
	line("no entry")
	until(t, "it is understood", func() bool { s, _ := logStatus(t, a); return s.Told == 1 })
	write(strings.ReplaceAll(shopPattern, "no entry for {user}", "{user} no entry"))
	if err := a.Control().Reload(t.Context(), kim); haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), "shop.yaml:5:") {
		t.Errorf("%v", err)
	}
	write(strings.ReplaceAll(shopPattern, "no entry", "kept out"))
	if err := a.Control().Reload(t.Context(), kim); err != nil {
		t.Fatal(err)
	}
	// the new patterns are there from the next poll on
	until(t, "the new pattern counts", func() bool { line("kept out"); s, _ := logStatus(t, a); return s.Told > 1 })
	read := func() bool { s, _ := logStatus(t, a); return s.Lines == uint64(2*l.n) && s.Behind == 0 }
	until(t, "the lines of the wait are read", read)
	before, _ := logStatus(t, a)
	line("no entry")
	line("no entry")
	until(t, "all is read", read)
	if after, _ := logStatus(t, a); after.Told != before.Told {
		t.Errorf("%d and then %d", before.Told, after.Told)
	}
}
