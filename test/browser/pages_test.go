package browser

import (
	"flag"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"haechi"
)

var album = flag.String("album", "", "folder to write a picture of every page into, in every size and scheme")

// pages are all pages of the console, by a name for people. Those that are about
// something are about what the gateway knows.
func (g *gateway) pages() map[string]string {
	g.t.Helper()
	ref := string(g.refusal())
	all := map[string]string{
		"overview": "/", "live": "/live", "devices": "/devices", "pending": "/devices?status=pending",
		"device": "/devices/item?key=" + url.QueryEscape(device(0).Key()), "decisions": "/decisions", "all-decisions": "/decisions?all=true",
		"incidents": "/incidents", "why": "/why", "why-ref": "/why?q=" + ref, "why-nothing": "/why?q=198.51.100.1", "rules": "/rules",
		"reports": "/reports", "audit": "/audit", "status": "/status",
		"codes": "/devices/codes", "keys": "/devices/keys", "all-keys": "/devices/keys?all=true", "unused": "/devices/unused",
	}
	for _, name := range []string{"hourly", "devices", "document-ips"} {
		all["report-"+name] = "/reports?name=" + name
	}
	open, err := g.app.Control().Decisions(g.t.Context(), haechi.DecisionFilter{Limit: 1})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, d := range open {
		all["decision"] = "/decisions/item?id=" + string(d.ID)
	}
	return all
}

// furnish makes sure that every page has something to show: a device that talks, a
// pending one, refusals, a decision of a rule and one of an operator.
func (g *gateway) furnish() {
	g.t.Helper()
	g.talk(g.enrol(device(0), true), 1, "달빛 찻집")
	g.enrol(device(1), false)
	op := haechi.Operator{Name: operator, Via: "console"}
	long := haechi.Decision{Scope: g.scope("device:" + strings.Repeat("긴이름", 12) + "/" + strings.Repeat("0123456789abcdef", 3)),
		Action: haechi.Deny, Mode: haechi.Enforce, Reason: strings.Repeat("averylongreasonwithoutaspace", 6)}
	if _, err := g.app.Control().AddDecision(g.t.Context(), op, long); err != nil {
		g.t.Fatal(err)
	}
	code := haechi.EnrolCode{Service: "bots", Bot: strings.Repeat("긴이름", 8), Label: strings.Repeat("averylonglabel", 6), Uses: 5}
	if _, err := g.app.Control().NewEnrolCode(g.t.Context(), op, code, time.Hour); err != nil {
		g.t.Fatal(err)
	}
	g.brute(1)
}

func (g *gateway) scope(text string) haechi.Scope {
	g.t.Helper()
	s, err := haechi.ParseScope(text)
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// brute guesses passwords at the shop until a rule decides.
func (g *gateway) brute(n int) {
	g.t.Helper()
	v := g.visitor(n, "python-requests/2.32")
	g.eventually("guessing passwords is decided upon", func() bool {
		v.Post(g.t.Context(), "/login", url.Values{"email": {"a@example.com"}, "password": {"guess"}})
		return g.ruled()
	})
}

func (g *gateway) ruled() bool {
	g.t.Helper()
	open, err := g.app.Control().Decisions(g.t.Context(), haechi.DecisionFilter{Limit: 100})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, d := range open {
		if d.Rule != "" {
			return true
		}
	}
	return false
}

// TestEveryPageFits looks at every page wide and narrow, light and dark: nothing
// runs over the side, and nobody complains.
func TestEveryPageFits(t *testing.T) {
	g := start(t)
	b := g.enter()
	g.furnish()
	for _, lang := range []string{"en", "ko"} {
		b.see("/status")
		b.speak(lang)
		for name, path := range g.pages() {
			b.see(path)
			for _, width := range []int64{1280, 390} {
				for _, scheme := range []string{"light", "dark"} {
					b.scheme(scheme)
					b.do(chromedp.EmulateViewport(width, 900))
					b.fits(fmt.Sprintf("%s in %s, %d px, %s", path, lang, width, scheme), scheme)
					if *album != "" {
						b.shoot(filepath.Join(*album, fmt.Sprintf("%s-%s-%d-%s.png", name, lang, width, scheme)))
					}
				}
			}
			b.quiet()
		}
	}
}

func (b *tab) fits(where, scheme string) {
	b.t.Helper()
	if over := get(b, chromedp.Evaluate[int](overflow, chromedp.EvalAwaitPromise)); over > 0 {
		b.t.Errorf("%s: %d px too wide: %s", where, over, eval[string](b, widest))
	}
	if dark := eval[bool](b, `matchMedia("(prefers-color-scheme: dark)").matches`); dark != (scheme == "dark") {
		b.t.Errorf("%s is not in the scheme", where)
	}
}

// overflow is by how much the page is too wide, two frames on: what follows the
// window's size by script has followed then.
const overflow = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>
	done(document.scrollingElement.scrollWidth - innerWidth))))`

// widest names the element that reaches out the furthest.
const widest = `(() => { let worst = null, right = innerWidth;
	for (const e of document.querySelectorAll("main *")) { const r = e.getBoundingClientRect().right;
		if (r > right && !e.closest(".wide")) { right = r; worst = e } }
	return worst ? worst.outerHTML.slice(0, 200) : "?" })()`

// TestEveryPageSpeaksBoth switches the language on every page: the page stays, the
// words change, and no text is missing.
func TestEveryPageSpeaksBoth(t *testing.T) {
	g := start(t)
	b := g.enter()
	g.furnish()
	missing := regexp.MustCompile(`\[[a-z]+\.[a-z_]+\]`)
	hangul := regexp.MustCompile(`\p{Hangul}`)
	for _, path := range g.pages() {
		b.see(path)
		for _, lang := range []string{"ko", "en"} {
			b.speak(lang)
			if b.url() != path {
				t.Errorf("switching on %s leads to %s", path, b.url())
			}
			body, head := b.text("body"), b.text("h1")+b.text(".side nav")
			if m := missing.FindString(body); m != "" {
				t.Errorf("%s in %s lacks the text %s", path, lang, m)
			}
			if hangul.MatchString(head) != (lang == "ko") && !strings.Contains(path, "item?") {
				t.Errorf("%s in %s is headed %q", path, lang, head)
			}
		}
		b.quiet()
	}
}
