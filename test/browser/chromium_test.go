package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// enough bounds every single step in the browser.
const enough = 30 * time.Second

// lookPath finds Chromium, rather as a program without a screen: the same engine, for half
// the work.
func lookPath() (path string, err error) {
	if path, err = exec.LookPath("chromium-headless-shell"); err != nil {
		path, err = exec.LookPath("chromium")
	}
	return path, err
}

// TestMain stops the one Chromium before it looks for leaks.
func TestMain(m *testing.M) { goleak.VerifyTestMain(stopping{m}) }

type stopping struct{ m *testing.M }

// Run implements goleak.TestingM.
func (s stopping) Run() int {
	code := s.m.Run()
	chromium.close()
	return code
}

// one is a browser that is started by the first test that needs it. Each tab has a
// cookie store of its own.
type one struct {
	start sync.Once
	ctx   context.Context
	stop  context.CancelFunc
	err   error
}

var chromium one

func (o *one) open(t *testing.T) context.Context {
	t.Helper()
	path, err := lookPath()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed: test/install.sh installs it")
		}
		t.Skip("chromium is not installed: test/install.sh installs it")
	}
	o.start.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.IgnoreCertErrors, // the gateway's own development CA
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
			chromedp.Flag("lang", "en-US"), chromedp.Flag("no-proxy-server", true))
		alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, cancel := chromedp.NewContext(alloc)
		o.ctx, o.stop = ctx, func() { _ = chromedp.Cancel(ctx); cancel(); stop() }
		o.err = chromedp.Do(ctx)
	})
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.ctx
}

func (o *one) close() {
	if o.stop != nil {
		o.stop()
	}
}

// tab is one person's window, with cookies of its own. It notes whatever the pages
// complain about.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string
}

// open opens a window on the gateway's console.
func (g *gateway) open() *tab {
	g.t.Helper()
	return g.openIn(chromium.open(g.t))
}

// openIn opens it in a browser.
func (g *gateway) openIn(browser context.Context) *tab {
	g.t.Helper()
	b := &tab{t: g.t, base: g.started.Console}
	var stop context.CancelFunc
	b.ctx, stop = chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	g.t.Cleanup(func() {
		b.quiet()
		_ = chromedp.Cancel(b.ctx)
		stop()
	})
	if err := chromedp.Do(b.ctx); err != nil { // the tab lives as long as this context
		g.t.Fatal(err)
	}
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watcher})
		return err
	}), chromedp.EmulateViewport(1280, 900))
	return b
}

// watcher reports violations of the policy that Chromium's own log might leave out.
const watcher = `addEventListener("securitypolicyviolation", e =>
	console.error("policy violated: " + e.violatedDirective + " by " + e.blockedURI + " at " + e.sourceFile + ":" + e.lineNumber))`

// hear runs in the loop of the tab and only takes notes.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.note(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		b.note("exception: " + e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text, _ := json.Marshal(e.Args)
			b.note("console: " + string(text))
		}
	}
}

func (b *tab) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// quiet fails the test for every complaint so far.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
}

// refused expects the browser to have noted an answer with that status, and
// nothing else.
func (b *tab) refused(status int) {
	b.t.Helper()
	b.mu.Lock()
	var others []string
	for _, c := range b.complaints {
		if !strings.Contains(c, fmt.Sprintf("a status of %d ", status)) {
			others = append(others, c)
		}
	}
	if len(others) == len(b.complaints) {
		b.t.Errorf("no answer had the status %d", status)
	}
	b.complaints = others
	b.mu.Unlock()
	b.quiet()
}

// complained expects the browser to have complained, every time in this way.
func (b *tab) complained(about string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) == 0 {
		b.t.Errorf("the browser did not complain of %q", about)
	}
	for _, c := range b.complaints {
		if !strings.Contains(c, about) {
			b.t.Errorf("the browser complains: %s", c)
		}
	}
	b.complaints = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, enough)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func get[T any](b *tab, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, enough)
	defer stop()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// see opens a page of the console, or of anywhere if it is a whole URL.
func (b *tab) see(path string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	b.do(chromedp.Navigate(path))
}

// press clicks on something that leads to another page, and waits for that page.
func (b *tab) press(selector string) (status int) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, enough)
	defer stop()
	answer, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatalf("press %s: %v", selector, err)
	}
	return int(answer.Status)
}

// fill types into a field.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// text is what an element shows.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(get(b, chromedp.Text(chromedp.CSS(selector))))
}

// has reports whether the page has a match, at once.
func (b *tab) has(selector string) bool {
	b.t.Helper()
	return eval[bool](b, `document.querySelector(`+quote(selector)+`) !== null`)
}

func (b *tab) url() string {
	b.t.Helper()
	return strings.TrimPrefix(get(b, chromedp.Location()), b.base)
}

// until waits for an expression to be true, on this page or the one that follows it.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, enough)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// An error is a page that is just going away: the next one is asked.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("never true: %s\n%s", expression, b.text("body"))
		case <-tick.C:
		}
	}
}

func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return get(b, chromedp.Evaluate[T](expression))
}

// scheme sets the colour scheme that the person prefers, "light" or "dark".
func (b *tab) scheme(name string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	}))
}

// quote makes a JavaScript string.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(text)
}

// pressOnly clicks on something that leads nowhere.
func pressOnly(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}
