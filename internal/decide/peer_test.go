package decide_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

// by is a ban that a peer hands over; 0 means without end.
func by(peer, addr string, length time.Duration) haechi.Decision {
	d := haechi.Decision{Scope: ip(addr), Action: haechi.Deny, Rule: peer, Reason: "5 failures"}
	if length > 0 {
		d.Until = start.Add(length)
	}
	return d
}

// taken imports one decision and wants it to be told as added, changed or same.
func taken(t *testing.T, d *decide.Decider, dec haechi.Decision, want string) {
	t.Helper()
	_, told := d.Import([]haechi.Decision{dec}, false, start)
	if got := fmt.Sprintf("%d %d %d %d", told.Added, told.Changed, told.Same, told.Refused); got != want {
		t.Errorf("%s about %s: %s, want %s: %+v", dec.Rule, dec.Scope, got, want, told.Refusals)
	}
}

func standing(d *decide.Decider) string {
	out := ""
	for _, dec := range d.Open(start) {
		out += fmt.Sprintf("%s %s %s %s %s", dec.Scope, dec.Action, dec.Origin, dec.Rule, dec.Until.Sub(start))
	}
	return out
}

// TestPeersShareAScope: one jail never ends what another wants for longer.
func TestPeersShareAScope(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	const added, changed, same = "1 0 0 0", "0 1 0 0", "0 0 1 0"
	taken(t, d, by("fail2ban/sshd", "203.0.113.7", time.Hour), added)
	taken(t, d, by("fail2ban/sshd", "203.0.113.7", time.Hour), same)
	taken(t, d, by("fail2ban/web", "203.0.113.7", time.Minute), same)
	if out := d.Withdraw(ip("203.0.113.7"), "fail2ban/web", "root", "", start); len(out) != 0 {
		t.Errorf("web took back %+v", out)
	}
	drop := by("fail2ban/web", "203.0.113.7", 2*time.Hour)
	drop.Action = haechi.Throttle
	taken(t, d, drop, changed) // it lasts longer, and is no weaker for that
	if got := standing(d); got != "ip:203.0.113.7 deny peer fail2ban/web 2h0m0s" {
		t.Error(got)
	}
	if out := d.Withdraw(ip("203.0.113.7"), "fail2ban/sshd", "root", "", start); len(out) != 0 {
		t.Errorf("sshd took back %+v", out)
	}
	taken(t, d, by("fail2ban/web", "203.0.113.7", 10*time.Minute), changed) // its own, as it says now
	if got := standing(d); got != "ip:203.0.113.7 deny peer fail2ban/web 10m0s" {
		t.Error(got)
	}
	taken(t, d, by("fail2ban/sshd", "203.0.113.7", 0), changed)
	taken(t, d, by("fail2ban/web", "203.0.113.7", time.Hour), same)
	out := d.Withdraw(ip("203.0.113.7"), "fail2ban/sshd", "root", "unban", start)
	if len(out) != 1 || out[0].LiftedBy != "root" || out[0].LiftReason != "unban" || standing(d) != "" {
		t.Errorf("%+v, standing: %s", out, standing(d))
	}
}

// TestPeersAndOthers: what rules and operators decided is no peer's to change.
func TestPeersAndOthers(t *testing.T) {
	d := decide.New(decide.Config{}, protectedDeps())
	mine, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.7"), Action: haechi.Drop, By: "kim"}, start)
	if err != nil {
		t.Fatal(err)
	}
	one(t, d, wants("203.0.113.8", haechi.Deny, time.Hour), start)
	taken(t, d, by("x", "203.0.113.7", time.Minute), "1 0 0 0")
	if n := len(d.Withdraw(haechi.Scope{}, "x", "root", "", start)); n != 1 {
		t.Errorf("%d were lifted", n)
	}
	if got := d.Open(start); len(got) != 2 || got[0].ID != mine.ID {
		t.Errorf("%+v", got)
	}
	for _, refused := range []haechi.Decision{
		by("x", "192.0.2.3", time.Hour), by("x", "198.51.100.1", time.Hour), by("x", "203.0.113.1", -time.Hour),
		{Scope: haechi.Scope{Kind: haechi.ScopePrefix, Prefix: netip.MustParsePrefix("0.0.0.0/0")}, Action: haechi.Deny, Rule: "x", Until: start.Add(1)},
		{Action: haechi.Deny, Rule: "x"},
	} {
		if refused.Until.IsZero() && refused.Scope.Kind != haechi.ScopeNone {
			refused.Until = start // over
		}
		taken(t, d, refused, "0 0 0 1")
	}
}

// TestPeersIPv6: one address stands for its client, in an unban too.
func TestPeersIPv6(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	taken(t, d, by("fail2ban/sshd", "2001:db8:1:2::7", time.Hour), "1 0 0 0")
	if got := standing(d); got != "ip:2001:db8:1:2::/64 deny peer fail2ban/sshd 1h0m0s" {
		t.Error(got)
	}
	if out := d.Withdraw(ip("2001:db8:1:2::8"), "fail2ban/sshd", "root", "", start); len(out) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestPeersStatus(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	taken(t, d, by("b", "203.0.113.7", time.Hour), "1 0 0 0")
	taken(t, d, by("a", "203.0.113.8", time.Hour), "1 0 0 0")
	want := []haechi.PeerStatus{{Name: "a", Last: start, Open: 1}, {Name: "b", Last: start, Open: 1}}
	if got := d.Peers(start); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	again := decide.New(decide.Config{}, decide.Deps{})
	again.Load(d.Open(start), start)
	if got := again.Peers(start.Add(2 * time.Hour)); len(got) != 2 || got[0].Open != 0 || !got[0].Last.Equal(start) {
		t.Errorf("after a restart: %+v", got)
	}
}

// TestImportIsBounded: a full table refuses what is too much, and only that.
func TestImportIsBounded(t *testing.T) {
	d := decide.New(decide.Config{MaxOpen: 3}, decide.Deps{})
	var ds []haechi.Decision
	for i := range 5 {
		ds = append(ds, by("x", fmt.Sprintf("203.0.113.%d", i), time.Hour))
	}
	if _, told := d.Import(ds, true, start); told.Added != 3 || told.Refused != 2 || len(d.Open(start)) != 0 {
		t.Errorf("dry: %+v, open: %d", told, len(d.Open(start)))
	}
	taken, told := d.Import(ds, false, start)
	if told.Added != 3 || told.Refused != 2 || len(taken) != 3 || told.Refusals[0].Why != "too many decisions are open" {
		t.Errorf("%+v", told)
	}
}

// TestDryImportForetells: what an import says beforehand is what it then does, for any
// list with addresses twice.
func TestDryImportForetells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := decide.New(decide.Config{MaxOpen: 40}, protectedDeps())
	for range 300 {
		var ds []haechi.Decision
		for range 1 + r.IntN(8) {
			ds = append(ds, by([]string{"a", "b", "c"}[r.IntN(3)], fmt.Sprintf("192.0.2.%d", r.IntN(60)), time.Duration(r.IntN(4))*time.Hour))
		}
		_, want := d.Import(ds, true, start)
		taken, got := d.Import(ds, false, start)
		want.DryRun = false
		if fmt.Sprint(got) != fmt.Sprint(want) || len(taken) != got.Added+got.Changed || got.Added+got.Changed+got.Same+got.Refused != len(ds) {
			t.Fatalf("foretold %+v, done %+v, taken %d of %d", want, got, len(taken), len(ds))
		}
		if r.IntN(3) == 0 {
			peer := []string{"a", "b", "c"}[r.IntN(3)]
			if will, out := d.OfPeer(haechi.Scope{}, peer, start), d.Withdraw(haechi.Scope{}, peer, "x", "", start); len(will) != len(out) {
				t.Fatalf("%d foretold, %d lifted", len(will), len(out))
			}
		}
	}
}
