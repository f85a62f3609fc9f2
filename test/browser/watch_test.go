package browser

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"haechi"
	"haechi/internal/operate/demo"
)

// number reads a card of the overview.
func (b *tab) number(card string) int {
	b.t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(b.text("#card-"+card+" strong"), ",", ""))
	if err != nil {
		b.t.Fatalf("card %s: %v", card, err)
	}
	return n
}

// TestOverviewIsLive looks at the cards while phones talk, waits for them to change
// by themselves, and compares them with what the records say for the same windows.
func TestOverviewIsLive(t *testing.T) {
	g := start(t)
	b := g.enter()
	for card, window := range map[string]string{"auth": "last 1 hour", "bots": "now (ping within 5 min)", "requests": "today (Asia/Seoul)",
		"suspicious": "today (Asia/Seoul)", "pending": "for approval, now", "decisions": "in force, now"} {
		if got := b.text("#card-" + card + " .window"); got != window {
			t.Errorf("card %s names the window %q", card, got)
		}
	}
	if n := b.number("requests"); n != 0 {
		t.Errorf("%d requests before there were any", n)
	}
	phone := g.talk(g.enrol(device(0), true), 1, "달빛 찻집")
	g.enrol(device(1), false)
	g.forge(6, 101)
	g.forge(6, 102)
	g.eventually("the phone talks", func() bool { return phone.Counts().Sent > 5 })
	b.until(`+document.querySelector("#card-requests strong").textContent.replace(",", "") > 5`)
	b.until(`document.querySelector("#card-auth.alert") !== null && document.querySelector("#chart canvas") !== null`)
	if b.number("bots") != 1 || b.number("pending") != 1 {
		t.Errorf("%d bots active, %d waiting; want 1 and 1", b.number("bots"), b.number("pending"))
	}
	if !strings.Contains(b.text("#card-auth"), "more than 10") {
		t.Errorf("the alerting card says %q", b.text("#card-auth"))
	}
	if got, want := b.number("auth"), g.counted(haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindAuth}, Failures: true, Service: "bots"}); got != want || got < 12 {
		t.Errorf("the card shows %d authentication failures, the records have %d", got, want)
	}
}

// forge lets somebody without the key claim to be the first device, on so many
// connections at once from one address.
func (g *gateway) forge(times, n int) {
	g.t.Helper()
	id := device(0)
	id.Secret, id.Salt = haechi.Secret("guess"), haechi.Secret("guess")
	var wg sync.WaitGroup
	defer wg.Wait()
	for range times {
		s, err := g.phone(id, n).Connect(g.t.Context())
		if err != nil {
			g.t.Fatal(err)
		}
		wg.Go(func() {
			defer s.Close()
			if err := s.Open(); err == nil {
				g.t.Error("a forger got in")
			}
		})
	}
}

// counted adds up what recorded events stand for.
func (g *gateway) counted(f haechi.EventFilter) (n int) {
	g.t.Helper()
	f.Limit = 10_000
	events, err := g.app.Control().Events(g.t.Context(), f)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range events {
		n += int(e.N())
	}
	return n
}

// poison is what an attacker would like a browser to run.
const (
	poison = `<img src=x onerror=pwned=1>`
	script = `<script>pwned=2</script>`
)

// harmless fails if anything of the attacker's was run or became an element.
func (b *tab) harmless(where string) {
	b.t.Helper()
	if eval[bool](b, `"pwned" in window || document.querySelector('img[src="x"], svg[onload], main script') !== null`) {
		b.t.Errorf("%s: an attacker's text became markup", where)
	}
}

// TestLiveStream watches entries arrive over the WebSocket, a critical one among
// them, and attackers' text stay text there and everywhere.
func TestLiveStream(t *testing.T) {
	g := start(t, "auth/flood-of-failures: { threshold: 8 }")
	b := g.enter()
	b.see("/live?severity=critical")
	b.until(`document.querySelector("#live-state.on") !== null`)
	if b.text("#live-none") == "" || b.has("#live-log li") {
		t.Error("an empty stream does not say that it is empty")
	}
	b.see("/live")
	b.until(`document.querySelector("#live-state.on") !== null`)

	id := g.enrol(demo.Identity{Bot: poison, Serial: "badbadbad"}, true)
	g.talk(id, 1, `<svg onload=pwned=3>`)
	g.visitor(1, poison).Get(t.Context(), "/"+url.PathEscape(script)+"?q="+url.QueryEscape(poison))
	b.until(`[...document.querySelectorAll("#live-log li")].some(e => e.textContent.includes(` + quote(poison) + `))`)
	b.until(`[...document.querySelectorAll("#live-log li")].some(e => e.textContent.includes("<svg onload"))`)
	b.until(`[...document.querySelectorAll("#live-log li")].some(e => e.textContent.includes("script>"))`)
	b.harmless("the live stream")

	g.enrol(device(0), true)
	g.forge(9, 66)
	b.until(`document.querySelector("#live-log li.severity-critical .ref") !== null`)
	b.until(`!document.querySelector("#live-alert").hidden`)
	calm, loud := b.colour("#live-log li.severity-info"), b.colour("#live-log li.severity-critical")
	if calm == loud {
		t.Errorf("a critical entry looks like any other: %s", loud)
	}
	if got := b.text("#live-alert"); !strings.Contains(got, "failed authentications") {
		t.Errorf("the alert says %q", got)
	}
	ref := b.text("#live-log li.severity-critical .ref")
	b.press("#live-log li.severity-critical .ref")
	if !strings.Contains(b.url(), ref) || b.has("[role=status].empty") {
		t.Errorf("%s of the stream is not explained at %s", ref, b.url())
	}
	for _, path := range []string{"/devices", "/devices/item?key=" + url.QueryEscape(id.Key()), "/why?q=" + url.QueryEscape(poison), "/audit", "/live",
		"/why?q=" + url.QueryEscape(id.Key()), "/reports?name=devices", "/decisions", "/incidents"} {
		b.see(path)
		b.harmless(path)
	}
}

// colour is the background that a person sees behind an element.
func (b *tab) colour(selector string) string {
	b.t.Helper()
	return eval[string](b, `getComputedStyle(document.querySelector(`+quote(selector)+`)).backgroundColor`)
}
