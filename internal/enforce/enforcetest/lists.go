package enforcetest

import (
	"net/netip"
	"testing"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
)

// Listing is what the suite of lists is about.
type Listing interface {
	enforce.Enforcer
	enforce.Lister
	Stats() []haechi.Counter
}

// Lists holds the deny lists of an enforcer to one meaning: each is counted by itself,
// which begins anew for no list that stays, and what is in them is in force once.
func Lists(t *testing.T, w *netnstest.Wire, e Listing) {
	l := &listing{e: e, w: w}
	l.load(t, list("spam-net", "203.0.113.0/24", "2001:db8:1::/48"), list("empty"), list("tor", "198.51.100.3/32", "2001:db8:2::7/128"), list("both", "192.0.2.0/25", "2001:db8:1:1::/64"))
	l.sends(t, "once each", map[string]bool{"203.0.113.5": false, "2001:db8:1:2::1": false, "198.51.100.3": false, "198.51.100.4": true, "2001:db8:2::7": false, "2001:db8:2::8": true, "192.0.2.1": false})
	l.counts(t, "once each", map[string]uint64{"spam-net": 2, "tor": 2, "both": 1})
	l.sends(t, "on two lists", map[string]bool{"2001:db8:1:1::1": false})
	if l.counted("spam-net")+l.counted("both") != 4 {
		t.Errorf("who is on two lists is counted for one: %v", l.e.Stats())
	}

	l.load(t, list("spam-net", "203.0.113.0/24"), list("other", "192.0.2.0/25"))
	before := l.counted("spam-net")
	l.sends(t, "replaced", map[string]bool{"203.0.113.5": false, "192.0.2.1": false, "198.51.100.3": true, "2001:db8:1:2::1": true})
	l.counts(t, "replaced", map[string]uint64{"spam-net": before + 1, "other": 1})
	if got, err := e.InForce(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("a list is no decision: %v, %v", got, err)
	}

	l.load(t)
	l.sends(t, "taken away", map[string]bool{"203.0.113.5": true, "192.0.2.1": true})
	var many []enforce.List
	for i := range enforce.MostLists + 1 {
		many = append(many, list(string(rune('a'+i)), "198.51.100.3/32"))
	}
	if err := e.Load(t.Context(), many...); haechi.KindOf(err) != haechi.Exhausted {
		t.Errorf("too many lists: %v", err)
	}
}

func list(name string, ps ...string) enforce.List {
	l := enforce.List{Name: name}
	for _, p := range ps {
		l.Prefixes = append(l.Prefixes, netip.MustParsePrefix(p))
	}
	return l
}

type listing struct {
	e Listing
	w *netnstest.Wire
}

func (l *listing) load(t *testing.T, lists ...enforce.List) {
	t.Helper()
	if err := l.e.Load(t.Context(), lists...); err != nil {
		t.Fatal(err)
	}
}

// sends sends a packet from each source, and wants it to arrive or not.
func (l *listing) sends(t *testing.T, when string, arrives map[string]bool) {
	t.Helper()
	for from, want := range arrives {
		if got := l.w.Arrives(t, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s: %s arrives: %v", when, from, got)
		}
	}
}

func (l *listing) counts(t *testing.T, when string, want map[string]uint64) {
	t.Helper()
	for name, n := range want {
		if got := l.counted(name); got != n {
			t.Errorf("%s: %d packets counted for %s, not %d", when, got, name, n)
		}
	}
}

func (l *listing) counted(name string) uint64 {
	for _, c := range l.e.Stats() {
		if c.Name == enforce.ListCounter(l.e.Name(), name) {
			return c.Value
		}
	}
	return 0
}
