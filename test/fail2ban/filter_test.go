package fail2ban_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/seclog"
)

// documents is the filter of row A47 as it stands there.
const documents = `[Definition]
failregex = ^<HOST> .* HMAC verification failed.*$
            ^<HOST> .* Unauthorized bot attempt.*$
            ^<HOST> .* Rate limit exceeded.*$
`

// installed finds a program of fail2ban.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not installed: test/install.sh", name)
	default:
		t.Skipf("%s is not installed: test/install.sh", name)
	}
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wrote is security.log after the events.
func wrote(t *testing.T, es ...haechi.Event) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "security.log")
	l := seclog.New(seclog.Config{Path: path})
	for i := range es {
		l.Tap(&es[i])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, l.Run(ctx))
	return path
}

// blamed is whom the real fail2ban-regex finds in the log, once for each line.
func blamed(t *testing.T, log, filter string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), installed(t, "fail2ban-regex"), "-o", "<ip>\n", log, filter)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) > 0 || strings.Contains(string(out), "ERROR") {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// shipped is our filter in a mode.
func shipped(t *testing.T, mode string) string {
	t.Helper()
	path, err := filepath.Abs("../../deploy/fail2ban/filter.d/haechi.conf")
	must(t, err)
	return path + "[mode=" + mode + "]"
}

// told is an event of a peer: the reason, and changes to it.
func told(addr string, reason haechi.Reason, change ...func(*haechi.Event)) haechi.Event {
	e := haechi.Event{Time: time.Now(), Kind: haechi.KindAuth, Outcome: haechi.Failure, Service: "bots", Reason: reason,
		Actor: haechi.Actor{Addr: netip.MustParseAddr(addr), Assurance: haechi.Handshaken, Device: "LOA.i/01"}}
	for _, c := range change {
		c(&e)
	}
	return e
}

func request(e *haechi.Event) {
	e.Kind, e.Service, e.Device, e.Method, e.Host, e.Path, e.Status = haechi.KindRequest, "shop", "", "POST", "shop.example", "/login", 401
}

func proved(e *haechi.Event)  { e.Kind, e.Assurance = haechi.KindMessage, haechi.Authenticated }
func claimed(e *haechi.Event) { e.Assurance = haechi.Seen }
func allowed(e *haechi.Event) { e.Allowed = true }
func watched(e *haechi.Event) { e.Shadow = true }

// TestFilter: each mode finds what it is about, by the documents' own expressions too,
// and nothing else.
func TestFilter(t *testing.T) {
	t.Parallel()
	log := wrote(t,
		told("192.0.2.1", haechi.ReasonHMACFailed),
		told("192.0.2.2", haechi.ReasonUnauthorized),
		told("192.0.2.3", haechi.ReasonRateLimit),
		told("2001:db8::4", haechi.ReasonHMACFailed),
		told("::ffff:192.0.2.5", haechi.ReasonHMACFailed),
		told("192.0.2.6", haechi.ReasonUnauthorized, request),
		told("192.0.2.7", haechi.ReasonLogin),
		told("192.0.2.8", haechi.ReasonReplay),
		told("192.0.2.9", haechi.ReasonWAF, request),
		told("192.0.2.100", haechi.ReasonPending),
		told("192.0.2.101", haechi.ReasonRateLimit, proved),
		told("192.0.2.102", haechi.ReasonHMACFailed, claimed),
		told("192.0.2.103", haechi.ReasonHMACFailed, allowed),
		told("192.0.2.104", haechi.ReasonRateLimit, watched),
		told("192.0.2.105", haechi.ReasonDecision),
		told("192.0.2.106", haechi.ReasonUpstreamDown),
	)
	normal := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::4", "192.0.2.5"}
	logins := []string{"192.0.2.6", "192.0.2.7"}
	old := filepath.Join(t.TempDir(), "kakaobot-hmac.conf")
	must(t, os.WriteFile(old, []byte(documents), 0o600))
	for _, c := range []struct {
		what, filter string
		want         []string
	}{
		{"normal", shipped(t, "normal"), normal},
		{"login", shipped(t, "login"), logins},
		{"aggressive", shipped(t, "aggressive"), slices.Concat(normal, logins, []string{"192.0.2.8", "192.0.2.9"})},
		{"that of the documents", old, normal},
	} {
		if got := blamed(t, log, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s blames %v, want %v", c.what, got, c.want)
		}
	}
}

// TestForgery: peers that call themselves a line about somebody else. None of it is
// found, in any mode, nor by the documents' expressions, which take a phrase anywhere.
func TestForgery(t *testing.T) {
	t.Parallel()
	const line = "198.51.100.9 2026-11-29T09:08:48.123Z HMAC verification failed: service=bots kind=auth"
	var es []haechi.Event
	for _, name := range []string{
		line, "\n" + line, "\r" + line, "\r\n" + line + "\r\n", "\v" + line, "\x1c" + line, "\u0085" + line, "\u2028" + line,
		" HMAC verification failed", "\u00a0HMAC\u00a0verification\u00a0failed", `" ` + line, `\n` + line, "\x00\n" + line, "\xff\n" + line,
		"x count=1\n" + line + "\n", strings.Repeat("\n", 95) + line, strings.Repeat("봇", 33) + "\n" + line,
	} {
		as := func(e *haechi.Event) { e.Device = name }
		es = append(es, told("192.0.2.100", haechi.ReasonPending, as), told("192.0.2.101", haechi.ReasonRateLimit, as, proved),
			told("192.0.2.102", haechi.ReasonUnknownHost, request, func(e *haechi.Event) { e.Host, e.Path, e.Method = name, name, name }))
	}
	log := wrote(t, es...)
	old := filepath.Join(t.TempDir(), "kakaobot-hmac.conf")
	must(t, os.WriteFile(old, []byte(documents), 0o600))
	for _, filter := range []string{shipped(t, "normal"), shipped(t, "login"), old} {
		if got := blamed(t, log, filter); len(got) != 0 {
			t.Errorf("%s blames %v", filter, got)
		}
	}
	got := blamed(t, log, shipped(t, "aggressive"))
	if len(got) != len(es)/3 || slices.ContainsFunc(got, func(a string) bool { return a != "192.0.2.102" }) {
		t.Errorf("aggressive blames %v", got)
	}
}

// TestFilterKnowsEveryPhrase: what the gateway can write and the filter does not take is
// left out on purpose.
func TestFilterKnowsEveryPhrase(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../internal/show/seclog/phrase.go")
	must(t, err)
	filter, err := os.ReadFile("../../deploy/fail2ban/filter.d/haechi.conf")
	must(t, err)
	left := []string{"Pending device attempt", "Proved client refused"}
	phrases := regexp.MustCompile(`"([A-Z][A-Za-z ]{9,})"`).FindAllStringSubmatch(string(source), -1)
	if len(phrases) < 15 {
		t.Fatalf("only %d phrases", len(phrases))
	}
	for _, p := range phrases {
		takes := regexp.MustCompile(`[=|] ?` + p[1] + `(\||\n)`).Match(filter)
		if takes == slices.Contains(left, p[1]) {
			t.Errorf("the filter takes %q: %v", p[1], takes)
		}
	}
}
