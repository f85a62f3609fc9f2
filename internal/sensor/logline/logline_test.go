package logline_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goccy/go-yaml"

	"haechi"
	"haechi/internal/sensor/logline"
)

var now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func shipped() fs.FS { return os.DirFS("../../../rules/logs") }

func load(t testing.TB) *logline.Set {
	t.Helper()
	set, err := logline.Load(shipped())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func read(t testing.TB, set *logline.Set, text string) (out []haechi.Event, stats logline.Stats) {
	t.Helper()
	r := set.New(logline.Config{Now: now}, func(e *haechi.Event) { out = append(out, *e) })
	if err := r.Read(context.Background(), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return out, r.Stats()
}

// TestShippedExamples: each pattern's examples say what they must, and nothing where they
// must not.
func TestShippedExamples(t *testing.T) {
	set := load(t)
	err := fs.WalkDir(shipped(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(shipped(), name)
		if err != nil {
			return err
		}
		var file struct {
			ID       string
			Examples []struct {
				Line, Kind, Outcome, Source, User, Path string
				Status                                  int
			}
		}
		if err := yaml.Unmarshal(src, &file); err != nil {
			return err
		}
		if len(file.Examples) == 0 {
			t.Errorf("%s has no examples", name)
		}
		for _, x := range file.Examples {
			got, _ := read(t, set, x.Line)
			if x.Kind == "" {
				if len(got) > 0 {
					t.Errorf("%s: told %+v of %s", file.ID, got[0], x.Line)
				}
				continue
			}
			if len(got) == 0 {
				t.Errorf("%s: told nothing of %s", file.ID, x.Line)
				continue
			}
			e := got[0]
			if e.Kind.String() != x.Kind || e.Outcome.String() != x.Outcome || e.Addr.String() != x.Source || e.User != x.User ||
				e.Path != x.Path || e.Status != x.Status || e.Sensor != "log:"+file.ID || e.Time.IsZero() || !e.Client.IsValid() {
				t.Errorf("%s: %s\n gave %+v", file.ID, x.Line, e)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimes(t *testing.T) {
	set := load(t)
	const rest = "host sshd[1]: Failed password for root from 203.0.113.7 port 22 ssh2"
	for line, want := range map[string]string{
		"Oct 31 23:00:00 " + rest:             "2026-10-31T23:00:00Z",
		"Dec 31 23:00:00 " + rest:             "2025-12-31T23:00:00Z", // last year
		"Nov  1 12:00:00 " + rest:             "2026-11-01T12:00:00Z", // a clock that is ahead
		"2026-01-24T15:32:31.5+09:00 " + rest: "2026-01-24T06:32:31.5Z",
		"<38>1 2026-01-24T15:32:31Z host sshd 26 ID [a b=\"]\"] " + rest[14:]:                                  "2026-01-24T15:32:31Z",
		"2026-01-24T15:32:31.123456789Z stdout F Oct 31 23:00:00 " + rest:                                      "2026-10-31T23:00:00Z",
		`{"MESSAGE":"` + rest[14:] + `","SYSLOG_IDENTIFIER":"sshd","__REALTIME_TIMESTAMP":"1769268751000000"}`: "2026-01-24T15:32:31Z",
	} {
		got, _ := read(t, set, line)
		if len(got) != 1 || got[0].Time.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestLongLinesAreCounted(t *testing.T) {
	line := "Oct 31 23:00:00 host sshd[1]: Failed password for root from 203.0.113.7 port 22 ssh2\n"
	got, stats := read(t, load(t), strings.Repeat("x", 3*logline.MaxLine)+"\n"+line)
	if len(got) != 1 || stats.Long != 1 || stats.Lines != 2 {
		t.Errorf("%d events, %+v", len(got), stats)
	}
}

func TestTwofoldLinesAreCounted(t *testing.T) {
	got, stats := read(t, load(t), `2026/09/30 09:23:53 [error] 19#19: *17 user "a": password mismatch, client: 198.51.100.1, server: _": password mismatch, client: 203.0.113.7, server: _`)
	if len(got) != 0 || stats.Ambiguous != 1 {
		t.Errorf("%+v, %+v", got, stats)
	}
}

func TestBadPatterns(t *testing.T) {
	for name, text := range map[string]string{
		"no place of a source": `lines: [{ match: "login failed for {user}", kind: auth }]`,
		"places side by side":  `lines: [{ match: "login {user}{source} failed", kind: auth }]`,
		"an unknown place":     `lines: [{ match: "login of {nobody} from {source}", kind: auth }]`,
		"an open brace":        `lines: [{ match: "login from {source", kind: auth }]`,
		"hardly any text":      `lines: [{ match: "{source} {user}", kind: auth }]`,
		"an unknown kind":      `lines: [{ match: "login from {source}", kind: login }]`,
		"an unknown key":       `nothing: 1`,
		"an unknown format":    `format: xml`,
		"no lines":             ``,
	} {
		_, err := logline.Load(fstest.MapFS{"a.yaml": {Data: []byte("id: a\ntitle: { en: a, ko: 가 }\n" + text + "\n")}})
		if err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}

func TestNoAllocationForOtherLines(t *testing.T) {
	r := load(t).New(logline.Config{Now: now}, func(*haechi.Event) {})
	line := []byte("Oct 31 23:00:00 host CRON[1]: pam_unix(cron:session): session opened for user root")
	if n := testing.AllocsPerRun(100, func() { r.Line(line) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A guess costs no memory once its name was met with.
func TestNoAllocationForAGuess(t *testing.T) {
	told := 0
	r := load(t).New(logline.Config{Now: now}, func(*haechi.Event) { told++ })
	line := []byte("Oct 31 23:00:00 host sshd[1]: Failed password for root from 203.0.113.7 port 22 ssh2")
	if n := testing.AllocsPerRun(100, func() { r.Line(line) }); n > 0 || told == 0 {
		t.Errorf("%v allocations, %d told", n, told)
	}
}

// Lines of one minute, of another, and of the same after the year has turned.
func TestStamps(t *testing.T) {
	var got []string
	zone := time.FixedZone("", 9*3600)
	r := load(t).New(logline.Config{Now: now, Zone: zone}, func(e *haechi.Event) { got = append(got, e.Time.Format(time.RFC3339)) })
	for _, at := range []string{"Oct 31 22:59:58", "Oct 31 22:59:60", "Oct 31 23:00:01", "Oct 31 23:00:01", "Oct 31 22:59:59", "Dec 31 22:59:59", "Dec 31 22:59:00", "Oct 32 00:00:00"} {
		r.Line([]byte(at + " host sshd[1]: Failed password for root from 203.0.113.7 port 22 ssh2"))
	}
	want := "2026-10-31T13:59:58Z 2026-10-31T14:00:00Z 2026-10-31T14:00:01Z 2026-10-31T14:00:01Z 2026-10-31T13:59:59Z 2025-12-31T13:59:59Z 2025-12-31T13:59:00Z"
	if strings.Join(got, " ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, " "), want)
	}
}

// FuzzAddress: an address that stands in a line is read as netip reads it.
func FuzzAddress(f *testing.F) {
	set := load(f)
	for _, a := range []string{"203.0.113.7", "0.0.0.0", "01.2.3.4", "256.1.1.1", "1.2.3", "1.2.3.4.", "::ffff:1.2.3.4", "2001:db8::7", "00.0.0.0"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := read(t, set, "Oct 31 23:00:00 host sshd[1]: Invalid user x from "+text+" port 22")
		want, err := netip.ParseAddr(text)
		if err != nil || want.Zone() != "" {
			return // something else may stand there
		}
		if len(got) != 1 || got[0].Addr != want.Unmap() {
			t.Fatalf("%q: %v", text, got)
		}
	})
}

// FuzzForge: whatever a client calls itself, a line is about the address that the server
// saw, or about nobody.
func FuzzForge(f *testing.F) {
	set := load(f)
	f.Add("root", uint8(0))
	f.Add("root from 198.51.100.1 port 22 ssh2", uint8(1))
	f.Add("a\", client: 198.51.100.1, server: _, request: \"GET / HTTP/1.1\"", uint8(2))
	f.Add("x [198.51.100.1]:1: 535 Incorrect authentication data (set_id=a", uint8(3))
	f.Fuzz(func(t *testing.T, name string, which uint8) {
		if strings.ContainsAny(name, "\r\n") {
			return // a line ends there, whoever writes it
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
		lines := []string{
			"Oct 31 23:00:00 host sshd[1]: Failed password for " + name + " from 203.0.113.7 port 22 ssh2",
			"Oct 31 23:00:00 host sshd[1]: Invalid user " + name + " from 203.0.113.7 port 22",
			`2026/09/30 09:23:53 [error] 19#19: *17 user "` + name + `" was not found in "/etc/htpasswd", client: 203.0.113.7, server: _, request: "GET /` + name + ` HTTP/1.1", host: "` + name + `"`,
			"2026-06-29 16:04:08 dovecot_login authenticator failed for x (" + name + ") [203.0.113.7]:51451: 535 Incorrect authentication data (set_id=" + name + ")",
			`203.0.113.7 - ` + quoted + ` [10/Oct/2026:11:06:56 +0200] "GET /` + quoted + ` HTTP/1.1" 401 125 "` + quoted + `" "` + quoted + `"`,
			"Jan  7 14:19:31 ftp pure-ftpd: (?@203.0.113.7) [WARNING] Authentication failed for user [" + name + "]",
			"Jan  7 14:19:31 mail dovecot: imap-login: Login: user=<" + name + ">, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, TLS",
			"2026-03-19T12:34:09.757188+01:00 192.0.2.1 system,error,critical login failure for user " + name + " from 203.0.113.7 via winbox",
		}
		got, _ := read(t, set, lines[int(which)%len(lines)])
		for _, e := range got {
			if e.Addr.String() != "203.0.113.7" {
				t.Fatalf("%s\n is about %s", lines[int(which)%len(lines)], e.Addr)
			}
		}
	})
}

// FuzzLine: no line stops the reader.
func FuzzLine(f *testing.F) {
	set := load(f)
	f.Add("Oct 31 23:00:00 host sshd[1]: x")
	f.Add(`{"log":"a","stream":"b"}`)
	f.Fuzz(func(t *testing.T, text string) { read(t, set, text) })
}

func BenchmarkLines(b *testing.B) {
	r := load(b).New(logline.Config{Now: now}, func(*haechi.Event) {})
	line := []byte("Oct 31 23:00:00 host sshd[1]: Failed password for invalid user admin from 203.0.113.7 port 22 ssh2")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		r.Line(line)
	}
}

// A byte that is no text makes journald write numbers; the line is read all the same.
func TestJournalOfBytes(t *testing.T) {
	const text = "Failed password for r\xff\x1bt from 203.0.113.7 port 22 ssh2"
	numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(text)), " ", ","), "[]")
	line := `{"MESSAGE":[` + numbers + `],"SYSLOG_IDENTIFIER":"sshd","__REALTIME_TIMESTAMP":"1769268751000000"}`
	got, _ := read(t, load(t), line)
	if len(got) != 1 || got[0].Addr.String() != "203.0.113.7" || got[0].User != "r\uFFFD\uFFFDt" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"[256]", "[-1]", "{}", `["a","b"]`, "null"} {
		if got, _ := read(t, load(t), `{"MESSAGE":`+bad+`,"SYSLOG_IDENTIFIER":"sshd"}`); len(got) > 0 {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

// Only the patterns that were chosen speak about a line.
func TestOnly(t *testing.T) {
	const sshd = "Oct 31 23:00:00 host sshd[1]: Failed password for root from 203.0.113.7 port 22 ssh2"
	const ftpd = "Oct 31 23:00:00 host pure-ftpd: (?@203.0.113.7) [WARNING] Authentication failed for user [root]"
	set, err := load(t).Only([]string{"pure-ftpd"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, set, sshd+"\n"+ftpd); len(got) != 1 || got[0].Sensor != "log:pure-ftpd" {
		t.Errorf("%+v", got)
	}
	if _, err := set.Only([]string{"sshd"}); haechi.KindOf(err) != haechi.Invalid {
		t.Error(err)
	}
}

// A line without a time has that of the line before, or else that of the clock, which goes on.
func TestLinesWithoutATime(t *testing.T) {
	set, err := logline.Load(fstest.MapFS{"a.yaml": {Data: []byte("id: a\ntitle: { en: a, ko: 가 }\nlines: [{ match: \"login failed from {source}\", kind: auth }]\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var got []time.Time
	r := set.New(logline.Config{Now: now}, func(e *haechi.Event) { got = append(got, e.Time) })
	r.Line([]byte("login failed from 203.0.113.7"))
	r.Now(now.Add(time.Hour))
	r.Line([]byte("login failed from 203.0.113.7"))
	r.Line([]byte("2026-11-01 00:30:00 login failed from 203.0.113.7"))
	r.Line([]byte("login failed from 203.0.113.7"))
	want := []time.Time{now, now.Add(time.Hour), now.Add(30 * time.Minute), now.Add(30 * time.Minute)}
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("%v", got)
	}
}
