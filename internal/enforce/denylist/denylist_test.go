package denylist_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/enforce"
	"haechi/internal/enforce/denylist"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// files are lists in a folder.
type files struct {
	t   *testing.T
	dir string
	at  time.Time // of the file that was written last
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// write replaces a file, with a time of its own.
func (f *files) write(name, text string) {
	f.t.Helper()
	f.at = f.at.Add(time.Second)
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chtimes(f.path(name), f.at, f.at); err != nil {
		f.t.Fatal(err)
	}
}

func (f *files) lists(protected func(netip.Prefix) (string, bool), modes ...haechi.Mode) *denylist.Lists {
	c := denylist.Config{Protected: protected}
	for i, m := range modes {
		name := string(rune('a' + i))
		c.Files = append(c.Files, denylist.File{Name: name, Path: f.path(name), Mode: m})
	}
	return denylist.New(c)
}

func newFiles(t *testing.T) *files { return &files{t: t, dir: t.TempDir(), at: now} }

func look(t *testing.T, l *denylist.Lists, want bool) error {
	t.Helper()
	changed, err := l.Look(now)
	if changed != want {
		t.Errorf("changed: %v, %v", changed, err)
	}
	return err
}

func asks(l *denylist.Lists, from string) haechi.Verdict {
	a := netip.MustParseAddr(from)
	return l.Inspect(&haechi.Request{Service: "any", Actor: &haechi.Actor{Addr: a, Client: clientkey.Of(a, 64)}}, now)
}

func TestVerdicts(t *testing.T) {
	f := newFiles(t)
	f.write("a", "203.0.113.0/24\n198.51.100.1\n")
	f.write("b", "198.51.100.1\n2001:db8:1::/48\n192.0.2.5\n")
	f.write("c", "192.0.2.0/24\n")
	f.write("d", "192.0.2.9\n")
	l := f.lists(func(p netip.Prefix) (string, bool) { return "", p == netip.MustParsePrefix("203.0.113.9/32") }, haechi.Shadow, haechi.Enforce, haechi.Off, haechi.Enforce)
	if v := asks(l, "203.0.113.7"); v != (haechi.Verdict{}) {
		t.Errorf("before the first look: %+v", v)
	}
	if err := look(t, l, true); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{"203.0.113.7": "list/a shadow", "203.0.113.9": "", "198.51.100.1": "list/b", "198.51.100.2": "", "2001:db8:1:ffff::7": "list/b", "2001:db8:2::1": "",
		"192.0.2.5": "list/b", "192.0.2.9": "list/d", "192.0.2.10": "", "::ffff:192.0.2.9": "list/d"} {
		v := asks(l, from)
		got := v.Rule
		if v.Shadow {
			got += " shadow"
		}
		if got != want || want != "" && (v.Reason != haechi.ReasonListed || v.Action != haechi.Deny || v.Ref == "") || v.Refuses() != (want != "" && !v.Shadow) {
			t.Errorf("%s: %+v", from, v)
		}
	}
	allowed := &haechi.Request{Actor: &haechi.Actor{Addr: netip.MustParseAddr("192.0.2.9"), Allowed: true}}
	for _, r := range []*haechi.Request{allowed, {}, {Actor: &haechi.Actor{}}} {
		if v := l.Inspect(r, now); v != (haechi.Verdict{}) {
			t.Errorf("%+v: %+v", r.Actor, v)
		}
	}
	all, whole := l.Enforced()
	if !whole || len(all) != 2 || all[0].Name != "b" || all[1].Name != "d" || len(all[0].Prefixes) != 3 {
		t.Errorf("for the kernel: %+v, %v", all, whole)
	}
	s := l.Status(prefixes("203.0.113.9/32", "198.51.100.0/24", "8.8.8.8/32"))
	if len(s) != 3 || s[0].Prefixes != 2 || s[0].Spared != 2 || s[0].Refused != 2 || s[0].Mode != haechi.Shadow || s[1].Spared != 1 || s[1].Refused != 3 || !s[1].Read.Equal(now) || s[2].Spared != 0 {
		t.Errorf("status: %+v", s)
	}
}

// TestChanges: a file is taken over when it has come to rest, and one that is none leaves
// what there was.
func TestChanges(t *testing.T) {
	f := newFiles(t)
	l := f.lists(nil, haechi.Enforce, haechi.Enforce)
	f.write("a", "203.0.113.7\n")
	if err := look(t, l, true); haechi.KindOf(err) != haechi.NotFound || !strings.Contains(err.Error(), "list b:") {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := look(t, l, false); err != nil {
		t.Errorf("it is said once: %v", err)
	}
	if all, known := l.Enforced(); !known || len(all) != 1 {
		t.Errorf("one was never read, and keeps the other from the kernel: %+v, %v", all, known)
	}
	if s := l.Status(nil); s[0].Note != "" || s[1].Note == "" {
		t.Errorf("status: %+v", s)
	}
	f.write("b", "198.51.100.7\n")
	if err := look(t, l, true); err != nil || l.Status(nil)[1].Note != "" {
		t.Errorf("it has come: %v, %+v", err, l.Status(nil))
	}

	f.write("a", "203.0.113.8\n")
	_ = look(t, l, false) // it may be in the middle of being written
	f.write("a", "203.0.113.8\n203.0.113.9\n")
	_ = look(t, l, false)
	if asks(l, "203.0.113.7").Rule != "list/a" {
		t.Error("the former list is gone")
	}
	_ = look(t, l, true)
	_ = look(t, l, false)
	if asks(l, "203.0.113.7").Rule != "" || asks(l, "203.0.113.9").Rule != "list/a" {
		t.Error("the new list is not there")
	}

	f.write("a", "<html>\n<body>\n")
	_ = look(t, l, false)
	if err := look(t, l, false); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("no list: %v", err)
	}
	if err := look(t, l, false); err != nil || l.Status(nil)[0].Note == "" || asks(l, "203.0.113.9").Rule != "list/a" {
		t.Errorf("the former list stays, and status says so: %v, %+v", err, l.Status(nil))
	}
	if err := os.Remove(f.path("a")); err != nil {
		t.Fatal(err)
	}
	if err := look(t, l, false); haechi.KindOf(err) != haechi.NotFound || asks(l, "203.0.113.9").Rule != "list/a" {
		t.Errorf("it is gone, and what was read stays: %v", err)
	}
	f.write("a", "")
	_ = look(t, l, false)
	if err := look(t, l, true); err != nil || asks(l, "203.0.113.9").Rule != "" || l.Status(nil)[0].Note != "" {
		t.Errorf("an empty file is an empty list: %v, %+v", err, l.Status(nil))
	}
	if all, whole := l.Enforced(); !whole || len(all) != 2 || len(all[0].Prefixes) != 0 {
		t.Errorf("for the kernel: %+v, %v", all, whole)
	}
}

// TestTheCopyHolds: at a start at which a file cannot be read, what was read last holds, until
// the file can be read.
func TestTheCopyHolds(t *testing.T) {
	f, keep := newFiles(t), t.TempDir()
	start := func() *denylist.Lists {
		return denylist.New(denylist.Config{Keep: keep, Files: []denylist.File{{Name: "a", Path: f.path("a")}, {Name: "b", Path: f.path("b")}}})
	}
	f.write("a", "203.0.113.0/25\n198.51.100.1-198.51.100.3\n2001:db8:1::/48\n")
	if l := start(); look(t, l, true) == nil {
		t.Error("there is no b")
	}
	f.write("a", "<html>\n<body>\n")
	f.write("b", "198.51.100.9\n")
	l := start()
	if err := look(t, l, true); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
	for from, want := range map[string]string{"203.0.113.7": "list/a", "203.0.113.200": "", "198.51.100.3": "list/a", "2001:db8:1::7": "list/a", "198.51.100.9": "list/b"} {
		if got := asks(l, from).Rule; got != want {
			t.Errorf("%s: %q", from, got)
		}
	}
	if s := l.Status(nil)[0]; s.Note == "" || s.Prefixes != 4 || s.Read.IsZero() {
		t.Errorf("status: %+v", s)
	}
	if all, known := l.Enforced(); !known || len(all) != 2 {
		t.Errorf("for the kernel: %+v, %v", all, known)
	}
	_ = look(t, l, false)
	f.write("a", "203.0.113.200\n")
	_ = look(t, l, false)
	if err := look(t, l, true); err != nil || asks(l, "203.0.113.7").Rule != "" || asks(l, "203.0.113.200").Rule != "list/a" {
		t.Errorf("the file can be read: %v", err)
	}
	if err := os.Remove(f.path("a")); err != nil {
		t.Fatal(err)
	}
	l = start()
	_ = look(t, l, true)
	if asks(l, "203.0.113.200").Rule != "list/a" || asks(l, "203.0.113.7").Rule != "" {
		t.Error("the copy is not of what was read last")
	}
}

// TestACopyThatCannotBeKept is said; the list is in force all the same.
func TestACopyThatCannotBeKept(t *testing.T) {
	f := newFiles(t)
	f.write("a", "203.0.113.7\n")
	f.write("keep", "no folder")
	l := denylist.New(denylist.Config{Keep: f.path("keep"), Files: []denylist.File{{Name: "a", Path: f.path("a")}}})
	if err := look(t, l, true); err == nil || asks(l, "203.0.113.7").Rule != "list/a" || l.Status(nil)[0].Note == "" {
		t.Errorf("%v, %+v", err, l.Status(nil))
	}
	if all, known := l.Enforced(); !known || len(all) != 1 {
		t.Errorf("for the kernel: %+v, %v", all, known)
	}
}

func TestNoRegularFile(t *testing.T) {
	f := newFiles(t)
	if err := os.Mkdir(f.path("a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := look(t, f.lists(nil, haechi.Enforce), false); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
}

// TestExact compares with the prefixes one by one, at their edges.
func TestExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	f := newFiles(t)
	var text strings.Builder
	for range 400 {
		if rnd.IntN(2) == 0 {
			fmt.Fprintf(&text, "203.0.%d.%d/%d\n", rnd.IntN(4), rnd.IntN(256), 20+rnd.IntN(13))
		} else {
			fmt.Fprintf(&text, "2001:db8:%x::%x/%d\n", rnd.IntN(8), rnd.IntN(64), 44+rnd.IntN(85))
		}
	}
	f.write("a", text.String())
	l := f.lists(nil, haechi.Enforce)
	if err := look(t, l, true); err != nil {
		t.Fatal(err)
	}
	all, _ := l.Enforced()
	for _, p := range all[0].Prefixes {
		for _, a := range []netip.Addr{p.Addr(), p.Addr().Prev(), last(p), last(p).Next()} {
			if got := asks(l, a.String()).Rule != ""; got != contains(all[0], a) {
				t.Fatalf("%v at %v: %v", a, p, got)
			}
		}
	}
}

func contains(l enforce.List, a netip.Addr) bool {
	for _, p := range l.Prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func TestPassingDoesNotAllocate(t *testing.T) {
	f := newFiles(t)
	f.write("a", "203.0.113.0/24\n2001:db8:1::/48\n")
	l := f.lists(nil, haechi.Enforce)
	_ = look(t, l, true)
	for _, from := range []string{"198.51.100.1", "2001:db8:2::1"} {
		a := netip.MustParseAddr(from)
		r := &haechi.Request{Actor: &haechi.Actor{Addr: a}}
		if n := testing.AllocsPerRun(100, func() { l.Inspect(r, now) }); n > 0 {
			t.Errorf("%s: %v", from, n)
		}
	}
}
