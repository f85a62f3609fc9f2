package enforce_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

func newLedger() *enforce.Ledger {
	kept := netip.MustParsePrefix("192.0.2.0/24")
	return enforce.NewLedger(enforce.LedgerConfig{Name: "place", From: haechi.Deny, Most: 2,
		Protected: func(p netip.Prefix) (string, bool) { return "it is ours", p.Overlaps(kept) }})
}

// A batch that is refused leaves nothing, and a change that failed in the kernel is
// undone by what Book returned.
func TestLedgerUndoes(t *testing.T) {
	l := newLedger()
	book := func(c enforce.Changes) enforce.Changes { return l.Book(c, map[netip.Prefix]bool{}) }
	a, b := dec("A", haechi.Drop), dec("B", haechi.Drop)
	first, err := l.Changes([]haechi.Decision{a, b}, start)
	if err != nil {
		t.Fatal(err)
	}
	book(first)
	if _, err := l.Changes([]haechi.Decision{dec("C", haechi.Drop)}, start); haechi.KindOf(err) != haechi.Exhausted {
		t.Errorf("got %v", err)
	}
	undo := book(enforce.Changes{"A": nil, "B": nil})
	if l.Len() != 0 || len(l.Prefixes()) != 0 {
		t.Fatalf("%d left", l.Len())
	}
	book(undo)
	if until, ok := l.Want(a.Scope.Prefix, start); !ok || !until.Equal(a.Until) || l.Len() != 2 {
		t.Errorf("until %v, %v; %d", until, ok, l.Len())
	}
}

func TestLedgerNamesWhatNobodyDecided(t *testing.T) {
	l := newLedger()
	p := netip.MustParsePrefix("198.51.100.7/32")
	got := l.Found(map[netip.Prefix]time.Time{p: {}}, start)
	if len(got) != 1 || got[0].ID != "place 198.51.100.7/32" || got[0].Scope.Prefix != p {
		t.Fatalf("found %+v", got)
	}
	touched := map[netip.Prefix]bool{}
	l.Book(enforce.Changes{got[0].ID: nil}, touched)
	if !touched[p] {
		t.Error("lifting it does not touch its prefix")
	}
}

func TestTakes(t *testing.T) {
	takes := enforce.Takes(haechi.Drop, func(p netip.Prefix) (string, bool) { return "", p.Contains(netip.MustParseAddr("192.0.2.1")) })
	about := func(text string) haechi.Scope {
		s, err := haechi.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		scope, service string
		action         haechi.Action
		mode           haechi.Mode
		want           bool
	}{
		{"ip:203.0.113.7", "", haechi.Drop, haechi.Enforce, true}, {"prefix:2001:db8::/48", "", haechi.Drop, haechi.Enforce, true},
		{"ip:203.0.113.7", "shop", haechi.Drop, haechi.Enforce, false}, {"ip:203.0.113.7", "", haechi.Deny, haechi.Enforce, false},
		{"ip:203.0.113.7", "", haechi.Drop, haechi.Shadow, false}, {"device:a/1", "", haechi.Drop, haechi.Enforce, false},
		{"prefix:192.0.2.0/24", "", haechi.Drop, haechi.Enforce, false},
	} {
		d := haechi.Decision{ID: "A", Scope: about(c.scope), Service: c.service, Action: c.action, Mode: c.mode}
		if takes(&d) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
}
