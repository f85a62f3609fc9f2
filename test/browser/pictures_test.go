package browser

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"haechi"
	"haechi/internal/operate/demo"
)

var (
	pictures = flag.String("pictures", "", "folder to write the README's pictures into")
	play     = flag.Duration("play", 3*time.Second, "how long the demo plays before the pictures are taken")
)

// maxPicture bounds a picture of the README, in bytes.
const maxPicture = 400_000

// cast lets the demo's friends and attackers play until the test ends.
func (g *gateway) cast() {
	g.t.Helper()
	names := []demo.Identity{
		{Bot: "LOA.i", Serial: "0123456789abcdef"}, {Bot: "도매까봇", Serial: "89abcdef01234567"},
		{Bot: "찻집봇", Serial: "fedcba9876543210", Shape: demo.V32}, {Bot: "새친구봇", Serial: "00112233aabbccdd"},
		{Bot: "말썽봇", Serial: "badbadbadbadbad1"}, {Bot: "방랑봇", Serial: "badbadbadbadbad2"},
	}
	for i, id := range names {
		names[i] = g.enrol(id, i != 3)
	}
	c, err := demo.NewCast(demo.CastConfig{Bots: []string{g.bots}, Shop: g.shop, Host: "localhost",
		Friends: names[:4], Hammer: names[4], Hopper: names[5], Victim: names[0], Between: 20 * time.Second})
	if err != nil {
		g.t.Fatal(err)
	}
	g.during(func(ctx context.Context) {
		if err := c.Run(ctx); err != nil {
			g.t.Error(err)
		}
	})
}

// TestPictures takes the pictures of the README while the demo plays. Without
// -pictures it makes sure that they can be taken.
func TestPictures(t *testing.T) {
	g := start(t)
	b := g.enter()
	g.cast()
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	ended := time.After(*play)
	g.eventually("something is refused", func() bool { return g.refusal() != "" })
	<-ended
	b.see("/")
	b.until(`document.querySelector("#chart canvas") !== null`)
	b.picture(filepath.Join(dir, "overview.png"))
	b.speak("ko")
	b.until(`document.querySelector("#chart canvas") !== null`)
	b.picture(filepath.Join(dir, "overview-ko.png"))
	b.speak("en")
	b.see("/why?q=" + string(g.refusal()))
	b.picture(filepath.Join(dir, "why.png"))
}

// refusal is a refusal to explain: one that a decision is behind, if there is one.
func (g *gateway) refusal() haechi.Reference {
	g.t.Helper()
	all, err := g.app.Control().Decisions(g.t.Context(), haechi.DecisionFilter{Limit: 100})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, d := range all {
		if d.Origin == haechi.OriginRule && d.Mode == haechi.Enforce && d.Action >= haechi.Deny {
			return d.ID
		}
	}
	events, err := g.app.Control().Events(g.t.Context(), haechi.EventFilter{Failures: true, Limit: 100})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range events {
		if e.Ref != "" && e.Rule != "" {
			return e.Ref
		}
	}
	return ""
}

// speak switches the language as a person does.
func (b *tab) speak(lang string) {
	b.t.Helper()
	b.press(`.language button[value=` + lang + `]`)
	if got := eval[string](b, "document.documentElement.lang"); got != lang {
		b.t.Errorf("%s is in %q, not in %q", b.url(), got, lang)
	}
}

// picture writes what the window shows, and reduces its colours where the tool for
// that is installed.
func (b *tab) picture(path string) {
	b.t.Helper()
	b.shoot(path)
	info, err := os.Stat(path)
	if err != nil {
		b.t.Fatal(err)
	}
	if convert, err := exec.LookPath("convert"); err == nil && info.Size() > maxPicture {
		if out, err := exec.Command(convert, path, "-colors", "256", "PNG8:"+path).CombinedOutput(); err != nil {
			b.t.Fatalf("%v: %s", err, out)
		}
	}
	if info, err = os.Stat(path); err != nil || info.Size() > maxPicture || info.Size() < 10_000 {
		b.t.Errorf("%s has %d bytes (%v); at most %d", path, info.Size(), err, maxPicture)
	}
}

// shoot writes what the window shows.
func (b *tab) shoot(path string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, get(b, chromedp.CaptureScreenshot()), 0o644); err != nil {
		b.t.Fatal(err)
	}
}
