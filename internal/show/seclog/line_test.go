package seclog

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
)

func failure() haechi.Event {
	return haechi.Event{
		Time: time.Date(2026, 11, 29, 9, 8, 48, 123_456_789, time.UTC), Kind: haechi.KindAuth, Outcome: haechi.Failure,
		Service: "bots", Reason: haechi.ReasonHMACFailed,
		Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Assurance: haechi.Handshaken, Device: "LOA.i/01"},
	}
}

func line(e haechi.Event) string { return string(appendLine(nil, &e)) }

func TestLine(t *testing.T) {
	with := func(change func(*haechi.Event)) haechi.Event { e := failure(); change(&e); return e }
	for _, c := range []struct {
		what, want string
		e          haechi.Event
	}{
		{"a wrong signature", "203.0.113.7 2026-11-29T09:08:48.123Z HMAC verification failed: service=bots kind=auth reason=hmac_failed count=1 device=LOA.i/01\n", failure()},
		{"an address of IPv6, its zone left out", "2001:db8::7 2026-11-29T09:08:48.123Z HMAC verification failed: service=bots kind=auth reason=hmac_failed count=1 device=LOA.i/01\n",
			with(func(e *haechi.Event) { e.Addr = netip.MustParseAddr("2001:db8::7%eth0") })},
		{"an IPv4 address in IPv6 clothes", "203.0.113.7 2026-11-29T09:08:48.123Z HMAC verification failed: service=bots kind=auth reason=hmac_failed count=1 device=LOA.i/01\n",
			with(func(e *haechi.Event) { e.Addr = netip.MustParseAddr("::ffff:203.0.113.7") })},
		{"a time that rounds up to a whole second", "203.0.113.7 2026-11-29T09:08:49.000Z HMAC verification failed: service=bots kind=auth reason=hmac_failed count=1 device=LOA.i/01\n",
			with(func(e *haechi.Event) {
				e.Time = time.Date(2026, 11, 29, 18, 8, 48, 999_600_000, time.FixedZone("KST", 9*3600))
			})},
		{"a name with a space and a quote, in Korean", `203.0.113.7 2026-11-29T09:08:48.123Z Unauthorized bot attempt: service=bots kind=auth reason=unauthorized count=40 device="말썽\x20\"봇\"/1"` + "\n",
			with(func(e *haechi.Event) { e.Reason, e.Device, e.Count = haechi.ReasonUnauthorized, `말썽 "봇"/1`, 40 })},
		{"a request", `203.0.113.7 2026-11-29T09:08:48.123Z Login failed: service=shop kind=request reason=unauthorized count=1 method=POST host=shop.example path=/login status=401 ref=7K29Q-XM4TC` + "\n",
			with(func(e *haechi.Event) {
				e.Kind, e.Service, e.Reason, e.Device, e.Method, e.Host, e.Path, e.Status, e.Ref = haechi.KindRequest, "shop", haechi.ReasonUnauthorized, "", "POST", "shop.example", "/login", 401, "7K29Q-XM4TC"
			})},
		{"a proved device", "203.0.113.7 2026-11-29T09:08:48.123Z Proved client refused: service=bots kind=message reason=rate_limit count=1 device=LOA.i/01\n",
			with(func(e *haechi.Event) {
				e.Kind, e.Reason, e.Assurance = haechi.KindMessage, haechi.ReasonRateLimit, haechi.Authenticated
			})},
		{"a source that nobody proved", "", with(func(e *haechi.Event) { e.Assurance = haechi.Seen })},
		{"who is on the allow list", "", with(func(e *haechi.Event) { e.Allowed = true })},
		{"what was only watched", "", with(func(e *haechi.Event) { e.Shadow = true })},
		{"what the gateway caused", "", with(func(e *haechi.Event) { e.Provoked = true })},
		{"a success", "", with(func(e *haechi.Event) { e.Outcome = haechi.Success })},
		{"the end of what was refused", "", with(func(e *haechi.Event) { e.Kind = haechi.KindClose })},
		{"what a decision refuses", "", with(func(e *haechi.Event) { e.Reason = haechi.ReasonDecision })},
		{"the fault of the server behind", "", with(func(e *haechi.Event) { e.Reason = haechi.ReasonUpstreamDown })},
		{"many at once, of whom none is known", "", with(func(e *haechi.Event) { e.Addr = netip.Addr{} })},
	} {
		if got := line(c.e); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.what, got, c.want)
		}
	}
}

// The filters as fail2ban applies them: the time is cut out of the line first. The
// documents' is that of row A47, as it stands there.
func filters() (documents, ours *regexp.Regexp) {
	return regexp.MustCompile(`^(\S+) .* (?:HMAC verification failed|Unauthorized bot attempt|Rate limit exceeded).*$`),
		regexp.MustCompile(`^(\S+) {2}(?:HMAC verification failed|Unauthorized bot attempt|Rate limit exceeded): service=`)
}

// cutTime takes the time out of a line, as fail2ban does with our datepattern.
func cutTime(text string) string {
	addr, rest, ok := strings.Cut(text, " ")
	at, rest, more := strings.Cut(rest, " ")
	if _, err := time.Parse(time.RFC3339, at); !ok || !more || err != nil {
		return text
	}
	return addr + "  " + rest
}

// FuzzLine holds a line to what doc.go promises, whatever the peer calls itself.
func FuzzLine(f *testing.F) {
	evil := "x\n198.51.100.9 2026-11-29T09:08:48.123Z HMAC verification failed: service=bots kind=auth"
	for _, s := range []string{"", evil, "\r\n\v\f\x1c\x1d\x1e\u0085\u2028\u2029", " HMAC verification failed", `\`, `"`, `\x20`, "\xff\xc0", strings.Repeat("\x00", 300), "봇 이름", "a=b"} {
		f.Add(s, s, s, s, uint8(0), uint64(0))
	}
	documents, ours := filters()
	f.Fuzz(func(t *testing.T, device, host, path, method string, reason uint8, count uint64) {
		e := failure()
		e.Device, e.Host, e.Path, e.Method, e.Count = device, host, path, method, count
		e.Reason = []haechi.Reason{haechi.ReasonHMACFailed, haechi.ReasonPending, haechi.ReasonRateLimit, haechi.ReasonWAF}[reason%4]
		text := line(e)
		oneLine(t, text)
		fields(t, text, &e)
		blames(t, documents, text, reason%2 == 0)
		blames(t, ours, text, reason%2 == 0)
	})
}

// oneLine: one line for every reader, those of Python included.
func oneLine(t *testing.T, text string) {
	t.Helper()
	body, ended := strings.CutSuffix(text, "\n")
	if !ended || len(text) > MaxLine || !utf8.ValidString(text) {
		t.Fatalf("%d bytes, no line: %q", len(text), text)
	}
	for _, r := range body {
		if !unicode.IsPrint(r) {
			t.Fatalf("%q holds %q", text, r)
		}
	}
}

// fields: words between single spaces, of which what the peer chose reads back.
func fields(t *testing.T, text string, e *haechi.Event) {
	t.Helper()
	_, rest, ok := strings.Cut(strings.TrimSuffix(text, "\n"), ": ")
	if !ok || !strings.HasPrefix(text, "203.0.113.7 2026-11-29T09:08:48.123Z ") {
		t.Fatalf("%q begins otherwise", text)
	}
	got := map[string]string{}
	for word := range strings.SplitSeq(rest, " ") {
		key, value, _ := strings.Cut(word, "=")
		if strings.HasPrefix(value, `"`) {
			var err error
			if value, err = strconv.Unquote(value); err != nil {
				t.Fatalf("%q in %q: %v", word, text, err)
			}
		}
		if _, twice := got[key]; twice {
			t.Fatalf("%s stands twice in %q", key, text)
		}
		got[key] = value
	}
	for key, want := range map[string]string{"device": e.Device, "host": e.Host, "path": e.Path, "method": e.Method} {
		if got[key] != cut(want) {
			t.Fatalf("%s is %q, not %q, in %q", key, got[key], cut(want), text)
		}
	}
}

// blames: the filter finds the peer itself, and only for what it is about; so it does in
// a line that was cut short.
func blames(t *testing.T, filter *regexp.Regexp, text string, want bool) {
	t.Helper()
	for i := 1; i < len(text); i += 1 + i/40 {
		if found := filter.FindStringSubmatch(cutTime(text[:i])); found != nil && (found[1] != "203.0.113.7" || !want) {
			t.Fatalf("%v blames %q in %q", filter, found[1], text[:i])
		}
	}
	found := filter.FindStringSubmatch(cutTime(strings.TrimSuffix(text, "\n")))
	if (found != nil) != want || want && found[1] != "203.0.113.7" {
		t.Fatalf("%v finds %q in %q", filter, found, text)
	}
}

func TestTapAllocatesNothing(t *testing.T) {
	l := New(Config{Path: "unused"})
	e := failure()
	e.Device = `말썽 "봇"/1`
	l.Tap(&e)
	room := append(make([]byte, 0, maxWaiting+MaxLine), l.waiting...)
	l.waiting = room
	if n := testing.AllocsPerRun(200, func() { l.Tap(&e) }); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
}
