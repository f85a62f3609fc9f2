package session_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/session"
)

// What the gates ask for, as internal/ingress declares it.
var (
	_ interface {
		Open(service string, a haechi.Actor, cut func(haechi.Verdict)) (id uint64)
		Identify(id uint64, a haechi.Actor)
		Close(id uint64)
	} = (*session.Enforcer)(nil)
	_ interface {
		Inspect(r *haechi.Request, now time.Time) haechi.Verdict
	} = (*session.Enforcer)(nil)
)

// peer is one live session of a test.
type peer struct {
	id   uint64
	cuts []haechi.Verdict
}

func open(e *session.Enforcer, a haechi.Actor) *peer {
	p := &peer{}
	p.id = e.Open("bots", a, func(v haechi.Verdict) { p.cuts = append(p.cuts, v) })
	return p
}

func TestOneBadAmongFiftyGoodDevices(t *testing.T) {
	e, _ := at(session.Config{})
	var peers []*peer
	for i := range 51 {
		peers = append(peers, open(e, enforcetest.Device("203.0.113.7", fmt.Sprintf("LOA.i/%d", i))))
	}
	apply(t, e, decision(t, "BAD", "device:LOA.i/50", haechi.Deny))
	for i, p := range peers {
		if got, want := len(p.cuts), map[bool]int{true: 1}[i == 50]; got != want {
			t.Errorf("device %d was cut %d times", i, got)
		}
	}
	if v := peers[50].cuts[0]; v.Ref != "BAD" || v.Reason != haechi.ReasonDecision {
		t.Errorf("got %+v", v)
	}
	if n := e.GoodDevices(enforcetest.Actor("203.0.113.7").Client, start); n != 50 {
		t.Errorf("%d good devices", n)
	}
}

func TestApplyCuts(t *testing.T) {
	actors := map[string]haechi.Actor{
		"v4": enforcetest.Actor("203.0.113.7"), "v4 neighbour": enforcetest.Actor("203.0.113.8"),
		"v6": enforcetest.Actor("2001:db8::1"), "v6 neighbour": enforcetest.Actor("2001:db8::2"),
		"device": enforcetest.Device("198.51.100.1", "a/1"), "claim": enforcetest.Actor("198.51.100.2"),
		"user": enforcetest.Actor("198.51.100.3"), "finger": enforcetest.Actor("198.51.100.4"), "country": enforcetest.Actor("198.51.100.5"),
		"allowed": enforcetest.Device("203.0.113.7", "a/9"),
	}
	set := func(name string, f func(*haechi.Actor)) { a := actors[name]; f(&a); actors[name] = a }
	set("claim", func(a *haechi.Actor) { a.Device = "a/1" })
	set("user", func(a *haechi.Actor) { a.User, a.Assurance = "kim", haechi.Authenticated })
	set("finger", func(a *haechi.Actor) { a.Fingerprint = "t13d" })
	set("country", func(a *haechi.Actor) { a.Country, a.ASN = "ZZ", 64500 })
	set("allowed", func(a *haechi.Actor) { a.Allowed = true })
	for about, want := range map[string][]string{
		"ip:203.0.113.7": {"v4"}, "prefix:203.0.113.0/24": {"v4", "v4 neighbour"}, "ip:2001:db8::/64": {"v6", "v6 neighbour"},
		"ip:2001:db8::1": {"v6"}, "prefix:2001:db8::/32": {"v6", "v6 neighbour"}, "device:a/1": {"device"}, "device:a/9": nil,
		"user:kim": {"user"}, "fingerprint:t13d": {"finger"}, "country:ZZ": {"country"}, "asn:64500": {"country"},
	} {
		for _, how := range []string{"apply", "cut"} {
			e, _ := at(session.Config{})
			peers := map[string]*peer{}
			for name, a := range actors {
				peers[name] = open(e, a)
			}
			n := 0
			if how == "apply" {
				apply(t, e, decision(t, "A", about, haechi.Deny))
				n = int(counter(t, e, "session_cut"))
			} else {
				n = e.Cut(scope(t, about), haechi.Verdict{Action: haechi.Deny})
			}
			for name, p := range peers {
				if cut := len(p.cuts) == 1; cut != slices.Contains(want, name) {
					t.Errorf("%s %s: %s cut %d times", how, about, name, len(p.cuts))
				}
			}
			if n != len(want) {
				t.Errorf("%s %s: counted %d cuts, want %d", how, about, n, len(want))
			}
		}
	}
}

func TestOnlyRefusalsOfTheServiceCut(t *testing.T) {
	e, _ := at(session.Config{})
	p := open(e, enforcetest.Actor("203.0.113.7"))
	other := decision(t, "C", "ip:203.0.113.7", haechi.Deny)
	other.Service = "shop"
	shadow := decision(t, "D", "ip:203.0.113.7", haechi.Deny)
	shadow.Mode = haechi.Shadow
	apply(t, e, decision(t, "A", "ip:203.0.113.7", haechi.Watch), decision(t, "B", "ip:203.0.113.7", haechi.Throttle), other, shadow)
	if len(p.cuts) != 0 {
		t.Fatalf("cut: %+v", p.cuts)
	}
}

// TestCutJudged: whoever somebody else refuses by now is cut, once, and nobody else; shadow cuts
// nobody.
func TestCutJudged(t *testing.T) {
	e, _ := at(session.Config{})
	bad, good := open(e, enforcetest.Actor("203.0.113.7")), open(e, enforcetest.Actor("203.0.113.8"))
	judge := func(shadow bool) func(*haechi.Request, time.Time) haechi.Verdict {
		return func(r *haechi.Request, at time.Time) haechi.Verdict {
			if r.Service != "bots" || at.IsZero() {
				t.Errorf("asked about %+v at %v", r, at)
			}
			if r.Actor.Addr.String() != "203.0.113.7" {
				return haechi.Verdict{}
			}
			return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonListed, Shadow: shadow}
		}
	}
	for _, c := range []struct {
		shadow bool
		want   int
	}{{true, 0}, {false, 1}, {false, 0}} {
		if n := e.CutJudged(judge(c.shadow)); n != c.want {
			t.Errorf("shadow %v: %d were cut", c.shadow, n)
		}
	}
	if len(bad.cuts) != 1 || bad.cuts[0].Reason != haechi.ReasonListed || len(good.cuts) != 0 {
		t.Errorf("%+v, %+v", bad.cuts, good.cuts)
	}
}

func TestOpenAndIdentifyUnderADecision(t *testing.T) {
	e, _ := at(session.Config{})
	apply(t, e, decision(t, "A", "ip:203.0.113.7", haechi.Deny), decision(t, "B", "device:a/1", haechi.Deny))
	if p := open(e, enforcetest.Actor("203.0.113.7")); len(p.cuts) != 1 {
		t.Fatal("opened under a refusal and not cut")
	}
	p := open(e, enforcetest.Actor("203.0.113.8"))
	e.Identify(p.id, enforcetest.Device("203.0.113.8", "a/2"))
	if len(p.cuts) != 0 {
		t.Fatal("cut for nothing")
	}
	e.Identify(p.id, enforcetest.Device("203.0.113.8", "a/1"))
	e.Identify(p.id, enforcetest.Device("203.0.113.8", "a/1"))
	if len(p.cuts) != 1 || p.cuts[0].Ref != "B" {
		t.Fatalf("cuts %+v", p.cuts)
	}
	e.Close(p.id)
	e.Close(p.id)
	e.Identify(p.id, enforcetest.Device("203.0.113.8", "a/2"))
	if n := e.Count(); n != 1 {
		t.Fatalf("%d live", n)
	}
}

func TestIdentifyMovesTheSession(t *testing.T) {
	e, _ := at(session.Config{})
	p := open(e, enforcetest.Device("203.0.113.8", "a/1"))
	e.Identify(p.id, enforcetest.Device("203.0.113.9", "a/2"))
	if n := e.Cut(scope(t, "ip:203.0.113.8"), haechi.Verdict{}) + e.Cut(scope(t, "device:a/1"), haechi.Verdict{}); n != 0 {
		t.Fatal("found where it no longer is")
	}
	if n := e.CutDevice("a/2", haechi.Verdict{Reason: haechi.ReasonStatusChanged}); n != 1 || p.cuts[0].Reason != haechi.ReasonStatusChanged {
		t.Fatal("not found where it is")
	}
}

func TestLosingApprovalCutsAlsoFromAllowedAddresses(t *testing.T) {
	e, _ := at(session.Config{})
	a := enforcetest.Device("203.0.113.8", "a/1")
	a.Allowed = true
	p := open(e, a)
	if n := e.Cut(scope(t, "device:a/1"), haechi.Verdict{}); n != 0 {
		t.Fatal("allow beats deny")
	}
	if n := e.CutDevice("a/1", haechi.Verdict{}); n != 1 || len(p.cuts) != 1 {
		t.Fatal("an allow list is no approval")
	}
}

func TestACutSessionMayCloseItselfAtOnce(t *testing.T) {
	e, _ := at(session.Config{})
	var id uint64
	id = e.Open("bots", enforcetest.Device("203.0.113.8", "a/1"), func(haechi.Verdict) { e.Close(id) })
	if n := e.CutDevice("a/1", haechi.Verdict{}); n != 1 || e.Count() != 0 {
		t.Fatalf("cut %d, %d live", n, e.Count())
	}
}

func TestSessionsAreBounded(t *testing.T) {
	e, _ := at(session.Config{MaxSessions: 1})
	first := open(e, enforcetest.Actor("203.0.113.8"))
	second := open(e, enforcetest.Actor("203.0.113.9"))
	if second.id != 0 || len(second.cuts) != 1 || second.cuts[0].Reason != haechi.ReasonOverload || second.cuts[0].Ref == "" {
		t.Fatalf("got %+v", second)
	}
	e.Close(second.id)
	e.Close(first.id)
	if third := open(e, enforcetest.Actor("203.0.113.9")); len(third.cuts) != 0 || e.Count() != 1 {
		t.Fatalf("got %+v", third)
	}
	if counter(t, e, "session_refused") != 1 {
		t.Fatal("not counted")
	}
}

func TestGoodDevices(t *testing.T) {
	e, c := at(session.Config{Remember: time.Minute})
	client := enforcetest.Actor("203.0.113.7").Client
	one := open(e, enforcetest.Device("203.0.113.7", "a/1"))
	open(e, enforcetest.Device("203.0.113.7", "a/1"))
	open(e, enforcetest.Device("203.0.113.7", "a/2"))
	open(e, enforcetest.Actor("203.0.113.7"))
	claim := enforcetest.Actor("203.0.113.7")
	claim.Device = "a/3"
	open(e, claim)
	open(e, enforcetest.Device("203.0.113.8", "a/4"))
	left := open(e, enforcetest.Device("203.0.113.7", "a/5"))
	e.Close(left.id)
	if n := e.GoodDevices(client, c.now); n != 3 {
		t.Errorf("%d good devices, want a/1, a/2 and the one that just left", n)
	}
	if n := e.GoodDevices(scope(t, "prefix:203.0.113.0/24").Prefix, c.now); n != 4 {
		t.Errorf("%d in the prefix", n)
	}
	c.now = start.Add(time.Minute)
	if n := e.GoodDevices(client, c.now); n != 2 {
		t.Errorf("%d after it is forgotten", n)
	}
	e.Cut(scope(t, "device:a/2"), haechi.Verdict{})
	e.CutDevice("a/1", haechi.Verdict{})
	e.Close(one.id)
	if n := e.GoodDevices(client, c.now); n != 0 {
		t.Errorf("%d, though all were cut", n)
	}
}

func TestRefusedDeviceProtectsNobody(t *testing.T) {
	e, c := at(session.Config{})
	p := open(e, enforcetest.Device("203.0.113.7", "a/1"))
	e.Close(p.id)
	apply(t, e, decision(t, "A", "device:a/1", haechi.Deny))
	if n := e.GoodDevices(enforcetest.Actor("203.0.113.7").Client, c.now); n != 0 {
		t.Fatalf("%d", n)
	}
	e.Sweep(start)
	if n := counter(t, e, "session_remembered"); n != 1 {
		t.Fatalf("%d remembered", n)
	}
	e.Sweep(start.Add(time.Hour))
	if n := counter(t, e, "session_remembered"); n != 0 {
		t.Fatalf("%d remembered", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	e, _ := at(session.Config{MaxRemembered: 20})
	for i := range 100 {
		e.Close(open(e, enforcetest.Device("203.0.113.7", fmt.Sprintf("a/%d", i))).id)
	}
	for i := range 100 {
		e.Close(open(e, enforcetest.Device(fmt.Sprintf("198.51.100.%d", i), "b/1")).id)
	}
	if n := counter(t, e, "session_remembered"); n != 20 {
		t.Fatalf("%d remembered", n)
	}
	if n := counter(t, e, "session_remembered_refused"); n != 96 {
		t.Fatalf("%d refused", n)
	}
}

func TestLiveLists(t *testing.T) {
	e, _ := at(session.Config{})
	a, b := open(e, enforcetest.Actor("203.0.113.7")), open(e, enforcetest.Device("203.0.113.7", "a/1"))
	e.Open("shop", enforcetest.Actor("203.0.113.7"), func(haechi.Verdict) {})
	e.CutDevice("a/1", haechi.Verdict{})
	got := e.Live()
	if len(got) != 3 || got[0].ID != a.id || got[0].Cut || got[1].ID != b.id || !got[1].Cut || got[1].Actor.Device != "a/1" {
		t.Fatalf("got %+v", got)
	}
	if e.LiveOn("bots") != 2 || e.LiveOn("shop") != 1 || e.Count() != 3 {
		t.Fatal("counts differ")
	}
}

// However a decision and a session race, the session ends up cut exactly once.
func TestNoSessionSlipsThrough(t *testing.T) {
	for range 200 {
		e := session.New(session.Config{Now: func() time.Time { return start }})
		var cuts [4]atomic.Int32
		var work sync.WaitGroup
		work.Go(func() { apply(t, e, decision(t, "A", "device:a/1", haechi.Deny)) })
		for i := range cuts {
			work.Go(func() {
				id := e.Open("bots", enforcetest.Actor("203.0.113.7"), func(haechi.Verdict) { cuts[i].Add(1) })
				e.Identify(id, enforcetest.Device("203.0.113.7", "a/1"))
			})
		}
		work.Wait()
		for i := range cuts {
			if n := cuts[i].Load(); n != 1 {
				t.Fatalf("session %d was cut %d times", i, n)
			}
		}
	}
}

func TestChurnLeavesNothingBehind(t *testing.T) {
	e := session.New(session.Config{Now: func() time.Time { return start }, Remember: -1})
	var work sync.WaitGroup
	for w := range 8 {
		work.Go(func() {
			for i := range 500 {
				id := e.Open("bots", enforcetest.Actor("203.0.113.7"), func(haechi.Verdict) {})
				e.Identify(id, enforcetest.Device("203.0.113.7", fmt.Sprintf("a/%d", (w+i)%4)))
				if i%50 == 0 {
					apply(t, e, decision(t, haechi.Reference(fmt.Sprint(w)), "device:a/1", haechi.Deny))
					e.Cut(scope(t, "prefix:203.0.113.0/24"), haechi.Verdict{})
				}
				e.GoodDevices(enforcetest.Actor("203.0.113.7").Client, start)
				e.Close(id)
			}
		})
	}
	work.Wait()
	if e.Count() != 0 || len(e.Live()) != 0 {
		t.Fatalf("%d live", e.Count())
	}
	for _, about := range []string{"device:a/1", "ip:203.0.113.7"} {
		if n := e.Cut(scope(t, about), haechi.Verdict{}); n != 0 {
			t.Fatalf("%d left in the index of %s", n, about)
		}
	}
}

// Sessions of one client leave in any order, and the rest is still found.
func TestIndexSurvivesAnyOrderOfLeaving(t *testing.T) {
	e, _ := at(session.Config{Remember: -1})
	var peers []*peer
	for range 9 {
		peers = append(peers, open(e, enforcetest.Device("203.0.113.7", "a/1")))
	}
	for _, i := range []int{0, 8, 3, 1} {
		e.Close(peers[i].id)
	}
	if n := e.Cut(scope(t, "ip:203.0.113.7"), haechi.Verdict{}); n != 5 {
		t.Fatalf("cut %d of the 5 left", n)
	}
	for i, p := range peers {
		if got, want := len(p.cuts) == 1, !slices.Contains([]int{0, 8, 3, 1}, i); got != want {
			t.Errorf("session %d: cut %v", i, got)
		}
		e.Close(p.id)
	}
	if n := e.Cut(scope(t, "prefix:203.0.113.0/24"), haechi.Verdict{}); n != 0 || e.Count() != 0 {
		t.Fatalf("%d left behind", n)
	}
	if n := e.GoodDevices(enforcetest.Actor("203.0.113.7").Client, start); n != 0 {
		t.Fatalf("%d good devices left in the index", n)
	}
	fresh := open(e, enforcetest.Device("203.0.113.7", "a/1"))
	if n := e.CutDevice("a/1", haechi.Verdict{}); n != 1 || len(fresh.cuts) != 1 {
		t.Fatalf("cut %d", n)
	}
}
