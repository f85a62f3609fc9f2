package decide_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

func TestOneFindingOfAnEnforcedRuleGivesItsAction(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
	if got.Action != haechi.Deny || got.Scope != ip("203.0.113.7") || !got.Until.Equal(start.Add(time.Hour)) {
		t.Fatalf("got %+v", got)
	}
	if got.Mode != haechi.Enforce || got.Origin != haechi.OriginRule || got.Rule != "auth/source-failures" {
		t.Fatalf("got %+v", got)
	}
	if got.Observed != 11 || got.Threshold != 10 || !strings.Contains(got.Reason, "11, limit 10 in 10m0s") {
		t.Fatalf("the decision does not explain itself: %+v", got)
	}
	if got.ID == "" || got.Service != "" {
		t.Fatalf("got %+v", got)
	}
}

func TestShadowRuleGivesShadowDecision(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	for _, mode := range []haechi.Mode{haechi.Shadow, haechi.ModeUnset} {
		f.Mode = mode
		f.Client = netip.PrefixFrom(netip.MustParseAddr("203.0.113.7").Next(), 32)
		got := d.Decide(f, start, nil)
		for _, x := range got {
			if x.Mode != haechi.Shadow || x.Applies(start) {
				t.Fatalf("mode %v gave %+v", mode, x)
			}
		}
	}
	if n := len(d.Open(start)); n != 1 {
		t.Fatalf("%d open, want the one shadow decision", n)
	}
}

func TestShadowDoesNotStrengthenEnforced(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	f.Mode = haechi.Shadow
	one(t, d, f, start)
	got := one(t, d, wants("203.0.113.7", haechi.Throttle, time.Minute), start)
	if got.Action != haechi.Throttle || got.Mode != haechi.Enforce {
		t.Fatalf("got %+v", got)
	}
	// And shadow points never count for an enforced rule.
	g := against("203.0.113.8", 1000)
	g.Mode = haechi.Shadow
	one(t, d, g, start)
	none(t, d, against("203.0.113.8", 5), start)
}

func TestShadowAddsNothingToWhatIsEnforced(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
	f := wants("203.0.113.7", haechi.Deny, time.Minute)
	f.Mode = haechi.Shadow
	none(t, d, f, start)
	f.Want = haechi.Drop
	one(t, d, f, start)
}

func TestDeciderModeBoundsTheRules(t *testing.T) {
	d := decide.New(decide.Config{Mode: haechi.Shadow}, decide.Deps{})
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start); got.Mode != haechi.Shadow {
		t.Fatalf("got %v", got.Mode)
	}
	d = decide.New(decide.Config{Mode: haechi.Off}, decide.Deps{})
	none(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
	if len(d.Incidents()) != 1 {
		t.Fatal("incidents must go on")
	}
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	f.Mode = haechi.Off
	d = decide.New(decide.Config{}, decide.Deps{})
	none(t, d, f, start)
	if len(d.Incidents()) != 0 {
		t.Fatal("a rule that is off makes no incident")
	}
}

func TestLadder(t *testing.T) {
	tests := []struct {
		score float64
		want  haechi.Action
	}{
		{9.99, haechi.Pass}, {10, haechi.Watch}, {19, haechi.Watch}, {20, haechi.Throttle},
		{40, haechi.Throttle}, {59, haechi.Throttle}, {60, haechi.Deny}, {120, haechi.Drop}, {math.Inf(1), haechi.Drop},
		{0, haechi.Pass}, {-5, haechi.Pass}, {math.NaN(), haechi.Pass},
	}
	for _, tt := range tests {
		d := decide.New(decide.Config{}, decide.Deps{})
		out := d.Decide(against("203.0.113.7", tt.score), start, nil)
		if tt.want == haechi.Pass {
			if len(out) != 0 {
				t.Errorf("score %v: got %+v", tt.score, out)
			}
			continue
		}
		if len(out) != 1 || out[0].Action != tt.want || !out[0].Until.Equal(start.Add(5*time.Minute)) {
			t.Errorf("score %v: got %+v, want %v", tt.score, out, tt.want)
		}
	}
}

func TestAnEmptyLadderLeavesActionsToTheRules(t *testing.T) {
	d := decide.New(decide.Config{Ladder: []decide.Rung{}}, decide.Deps{})
	none(t, d, against("203.0.113.7", 500), start)
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start); got.Action != haechi.Deny {
		t.Fatalf("got %v", got.Action)
	}
}

func TestChallengeOnlyWhereOneCanBePosed(t *testing.T) {
	d := decide.New(decide.Config{Challenge: true}, decide.Deps{})
	if got := one(t, d, against("203.0.113.7", 45), start); got.Action != haechi.Challenge {
		t.Fatalf("got %v", got.Action)
	}
	d = decide.New(decide.Config{}, decide.Deps{})
	if got := one(t, d, wants("203.0.113.7", haechi.Challenge, 0), start); got.Action != haechi.Throttle {
		t.Fatalf("got %v", got.Action)
	}
}

func TestScoreDecaysByHalfLife(t *testing.T) {
	d := decide.New(decide.Config{HalfLife: time.Minute}, decide.Deps{})
	none(t, d, against("203.0.113.7", 9), start)
	// 9 after one half-life is 4.5; 5.49 more stays below the first rung of 10.
	none(t, d, against("203.0.113.7", 5.49), start.Add(time.Minute))
	one(t, d, against("203.0.113.7", 0.02), start.Add(time.Minute))
	// Time that runs backwards neither decays nor inflates.
	d = decide.New(decide.Config{HalfLife: time.Minute}, decide.Deps{})
	none(t, d, against("203.0.113.7", 6), start)
	one(t, d, against("203.0.113.7", 4), start.Add(-time.Hour))
}

func TestRepetitionDoublesAndGoodBehaviourForgives(t *testing.T) {
	d := decide.New(decide.Config{Base: time.Minute, Max: 10 * time.Minute, Forgive: time.Hour}, decide.Deps{})
	now := start
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		got := one(t, d, wants("203.0.113.7", haechi.Deny, 0), now)
		if length := got.Until.Sub(now); length != want*time.Minute || got.Repeat != i {
			t.Fatalf("decision %d: length %v repeat %d, want %v min", i, length, got.Repeat, want)
		}
		now = got.Until
	}
	now = now.Add(4 * time.Hour) // takes back four of the six
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, 0), now); got.Repeat != 2 || got.Until.Sub(now) != 4*time.Minute {
		t.Fatalf("got %+v", got)
	}
	now = now.Add(1000 * time.Hour)
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, 0), now); got.Repeat != 0 || got.Until.Sub(now) != time.Minute {
		t.Fatalf("got %+v", got)
	}
}

func TestARulesOwnTimeHoldsAboveMax(t *testing.T) {
	d := decide.New(decide.Config{Max: time.Hour}, decide.Deps{})
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, 48*time.Hour), start); got.Until.Sub(start) != 48*time.Hour {
		t.Fatalf("got %v", got.Until.Sub(start))
	}
}

func TestOneOpenDecisionIsExtendedAndStrengthened(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	first := one(t, d, wants("203.0.113.7", haechi.Throttle, time.Hour), start)
	longer := one(t, d, wants("203.0.113.7", haechi.Throttle, time.Hour), start.Add(time.Minute))
	stronger := one(t, d, wants("203.0.113.7", haechi.Deny, time.Minute), start.Add(2*time.Minute))
	if longer.ID != first.ID || stronger.ID != first.ID || longer.Until.Sub(first.Until) != time.Minute {
		t.Fatalf("first %+v longer %+v", first, longer)
	}
	// The throttle's hour was promised, so the deny keeps it.
	if stronger.Action != haechi.Deny || !stronger.Until.Equal(longer.Until) {
		t.Fatalf("got %+v", stronger)
	}
	// A weaker or shorter finding changes nothing, and is not written.
	none(t, d, wants("203.0.113.7", haechi.Throttle, time.Minute), start.Add(3*time.Minute))
	none(t, d, against("203.0.113.7", 10), start.Add(3*time.Minute))
	if open := d.Open(start.Add(3 * time.Minute)); len(open) != 1 {
		t.Fatalf("%d open", len(open))
	}
}

// To be watched for an hour is no reason to be denied for one.
func TestAWatchDoesNotProlongADeny(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	d.Decide(wants("203.0.113.7", haechi.Watch, time.Hour), start, nil)
	d.Decide(wants("203.0.113.7", haechi.Deny, 5*time.Minute), start, nil)
	d.Decide(wants("203.0.113.7", haechi.Watch, time.Hour), start, nil)
	open := d.Open(start)
	if len(open) != 1 || open[0].Action != haechi.Deny || !open[0].Until.Equal(start.Add(5*time.Minute)) {
		t.Errorf("%+v", open)
	}
}

func TestABurstOfFindingsIsNoBurstOfWrites(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	var writes int
	for i := range 10_000 {
		writes += len(d.Decide(wants("203.0.113.7", haechi.Deny, time.Hour), start.Add(time.Duration(i)*time.Millisecond), nil))
	}
	if writes > 11 {
		t.Fatalf("%d writes in ten seconds", writes)
	}
}

func TestServiceFindingMakesOnlyAnIncident(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	f := wants("203.0.113.7", haechi.Drop, time.Hour)
	f.About, f.Score = haechi.Scope{Kind: haechi.ScopeService, Value: "bots"}, 1000
	none(t, d, f, start)
	if len(d.Incidents()) != 1 {
		t.Fatal("no incident")
	}
}

func TestPerService(t *testing.T) {
	d := decide.New(decide.Config{PerService: true}, decide.Deps{})
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	a := one(t, d, f, start)
	f.Service = "shop"
	b := one(t, d, f, start)
	if a.Service != "bots" || b.Service != "shop" || a.ID == b.ID {
		t.Fatalf("got %+v and %+v", a, b)
	}
}

func TestOpenDecisionsAreBounded(t *testing.T) {
	d := decide.New(decide.Config{MaxOpen: 2, MaxScopes: 3}, decide.Deps{})
	one(t, d, wants("203.0.113.1", haechi.Deny, time.Minute), start)
	one(t, d, wants("203.0.113.2", haechi.Deny, time.Hour), start)
	none(t, d, wants("203.0.113.3", haechi.Deny, time.Hour), start)
	if got := stat(t, d, "decide_refused_full"); got != 1 {
		t.Fatalf("counter is %d", got)
	}
	// Room appears by itself once one is over.
	one(t, d, wants("203.0.113.4", haechi.Deny, time.Hour), start.Add(time.Minute))
	if got := stat(t, d, "decide_scopes"); got != 3 {
		t.Fatalf("%d scopes remembered, bound is 3", got)
	}
	if got := stat(t, d, "decide_scopes_forgotten"); got != 1 {
		t.Fatalf("forgot %d", got)
	}
}

func TestEndlessSourcesDoNotPushOutTheGuilty(t *testing.T) {
	d := decide.New(decide.Config{MaxScopes: 63}, decide.Deps{})
	none(t, d, against("203.0.113.7", 9), start)
	a := netip.MustParseAddr("198.18.0.0")
	for range 10_000 {
		a = a.Next()
		none(t, d, against(a.String(), 1), start)
	}
	one(t, d, against("203.0.113.7", 1), start)
}

func TestReferencesStayDistinctWithinOneInstant(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	seen := map[haechi.Reference]bool{}
	for range 100 {
		got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
		if seen[got.ID] {
			t.Fatalf("%s came twice", got.ID)
		}
		seen[got.ID] = true
		if _, err := d.Lift(got.ID, "kim", "test", start); err != nil {
			t.Fatal(err)
		}
	}
}
