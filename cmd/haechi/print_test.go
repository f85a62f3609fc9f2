package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"haechi"
)

func noEnv(string) string { return "" }

func newTestPrinter(env func(string) string) (*printer, *bytes.Buffer) {
	var out bytes.Buffer
	p := newPrinter(&out, &out, env)
	p.zone = time.FixedZone("KST", 9*3600)
	return p, &out
}

func TestLanguage(t *testing.T) {
	for _, tc := range []struct{ all, messages, lang, want string }{
		{"", "", "", "en"},
		{"", "", "ko_KR.UTF-8", "ko"},
		{"", "", "ko", "ko"},
		{"", "", "ko-KR", "ko"},
		{"", "en_GB.UTF-8", "ko_KR.UTF-8", "en"},
		{"ko_KR.utf8", "en_US", "en_US", "ko"},
		{"C", "ko_KR", "ko_KR", "en"},
		{"", "", "kok_IN", "en"}, // Konkani is not Korean
		{"", "", "fr_FR.UTF-8", "en"},
	} {
		p, _ := newTestPrinter(func(name string) string {
			return map[string]string{"LC_ALL": tc.all, "LC_MESSAGES": tc.messages, "LANG": tc.lang}[name]
		})
		if p.lang != tc.want {
			t.Errorf("%+v: %s", tc, p.lang)
		}
	}
}

// TestTablesAlign wants every line of a table as wide as the others on a terminal,
// wide letters and escapes included, whatever the locale says of borders.
func TestTablesAlign(t *testing.T) {
	t.Setenv("LC_ALL", "ko_KR.UTF-8")
	p, out := newTestPrinter(func(string) string { return "ko_KR.UTF-8" })
	p.terminal = true
	printDevices(p, []haechi.Device{
		{Key: "LOA.i/0123456789abcdef", Status: haechi.Approved, Service: "bots", LastPing: time.Unix(1_790_000_000, 0)},
		{Key: "도매까봇/89abcdef01234567", Status: haechi.Blocked, Reason: "휴대폰\n분실\x1b[2J"},
	})
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	for _, l := range lines {
		if got, want := text.StringWidth(l), text.StringWidth(lines[0]); got != want {
			t.Errorf("%d columns instead of %d: %s", got, want, l)
		}
	}
	for _, want := range []string{"기기", "마지막 핑", "차단됨", "KST", `휴대폰\n분실\u001b[2J`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// TestClocksThatAreOff shows clocks in the list of devices once one is off by more
// than a phone's queue makes it look.
func TestClocksThatAreOff(t *testing.T) {
	queued := haechi.ClockSkew{Last: -31 * time.Second, Min: -31 * time.Second, Max: 100 * time.Millisecond, At: time.Unix(1_790_000_000, 0)}
	ahead, behind := queued, queued
	ahead.Last, ahead.Max = 20*time.Minute, 20*time.Minute
	behind.Max = -30 * time.Second
	for name, c := range map[string]struct {
		skew haechi.ClockSkew
		want string
	}{
		"never signed": {haechi.ClockSkew{}, ""},
		"queued":       {queued, ""},
		"ahead":        {ahead, "\t+20m0s\n"},
		"behind":       {behind, "\t-31s\n"},
	} {
		p, out := newTestPrinter(noEnv)
		printDevices(p, []haechi.Device{{Key: "a/1"}, {Key: "b/1", Skew: c.skew}})
		if shown := strings.Contains(out.String(), "clock skew"); shown != (c.want != "") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

func TestEmptyTables(t *testing.T) {
	p, out := newTestPrinter(noEnv)
	printDecisions(p, nil)
	if got := out.String(); got != "decision\tabout\taction\tmode\tby\tfrom\tuntil\treason\n" {
		t.Errorf("piped: %q", got)
	}
	out.Reset()
	p.terminal = true
	printDecisions(p, nil)
	if got := out.String(); got != "Nothing to show.\n" {
		t.Errorf("on a terminal: %q", got)
	}
}

// TestNothingForges wants that a text of a peer cannot begin a line of its own, in
// any way of printing.
func TestNothingForges(t *testing.T) {
	p, out := newTestPrinter(noEnv)
	evil := "x\nhaechi: all is well\r\x1b[31m\u202e"
	p.line(evil)
	p.say("cli.device_added", evil)
	p.table([]string{"device", "status"}, [][]string{{evil, evil}})
	p.facts(fact{"explain.who", evil})
	p.line(p.event(&haechi.Event{Text: evil, Room: evil, Actor: haechi.Actor{Device: evil}, Path: evil, Method: "GET"}))
	p.head(evil)
	if err := p.encode(map[string]string{"a": evil}, ""); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 8 {
		t.Errorf("%d lines instead of 8:\n%s", n, out)
	}
	if !harmless(strings.ReplaceAll(out.String(), "\t", " ")) { // tabs separate the columns
		t.Errorf("not harmless: %q", out)
	}
}

func TestColorOnlyWhereWanted(t *testing.T) {
	for _, tc := range []struct {
		terminal bool
		env      map[string]string
		color    bool
	}{
		{true, nil, true},
		{true, map[string]string{"NO_COLOR": "1"}, false},
		{true, map[string]string{"TERM": "dumb"}, false},
		{false, nil, false},
	} {
		p, _ := newTestPrinter(noEnv)
		p.terminal = tc.terminal
		if got := p.colored(func(name string) string { return tc.env[name] }); got != tc.color {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestWords(t *testing.T) {
	p, _ := newTestPrinter(noEnv)
	for d, want := range map[time.Duration]string{
		90 * time.Second: "1 min 30 s", time.Hour: "1 h", 25 * time.Hour: "1 d 1 h", 1500 * time.Millisecond: "1 s", 20 * time.Millisecond: "20ms",
	} {
		if got := p.length(d); got != want {
			t.Errorf("length(%v) = %q, want %q", d, got, want)
		}
	}
	for v, want := range map[float64]string{11: "11", 10.234: "10.23", 0.5: "0.5", 10.001: "10", -3: "-3", 0: "0"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for word, want := range map[string]string{
		"LOA.i/0123": "LOA.i/0123", "도매까봇/1": "'도매까봇/1'", "a'b": `'a'\''b'`, "": "''", "$(x)": "'$(x)'", "a b": "'a b'",
	} {
		if got := shell(word); got != want {
			t.Errorf("shell(%q) = %s, want %s", word, got, want)
		}
	}
	if got := p.when(time.Unix(0, 0)); got != "1970-01-01 09:00:00 KST" {
		t.Errorf("when: %s", got)
	}
	if got := p.when(time.Time{}); got != "-" {
		t.Errorf("no time: %s", got)
	}
}

func TestSpan(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "5m": 5 * time.Minute, "7d": 168 * time.Hour, "2w": 336 * time.Hour, "1h30m": 90 * time.Minute} {
		var d span
		if err := d.Set(in); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", in, time.Duration(d), err)
		}
	}
	for _, in := range []string{"", "0", "0s", "-1h", "d", "1.5d", "-2d", "99999d", "1y", "soon"} {
		var d span
		if err := d.Set(in); err == nil {
			t.Errorf("%q was taken for %v", in, time.Duration(d))
		}
	}
}

func TestTypable(t *testing.T) {
	for word, want := range map[string]bool{
		"LOA.i/0123": true, "도매까봇/89ab": true, "": false, "-rf/1": false, "$(touch x)/1": false, "a;b/1": false, "a b/1": false,
		"a`b`/1": false, "a\u202eb/1": false, "a'b/1": false, "~/1": false, "a*/1": false,
	} {
		if typable(word) != want {
			t.Errorf("%q: want %v", word, want)
		}
	}
}
