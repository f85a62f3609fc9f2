package enforce_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/enforce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// place is an enforcer whose content a test changes behind the reconciler's back.
type place struct {
	has      map[haechi.Reference]haechi.Decision
	fail     error
	onRead   func()
	applied  int
	lifted   int
	readings int
}

func newPlace() *place { return &place{has: map[haechi.Reference]haechi.Decision{}} }

func (p *place) Apply(_ context.Context, ds []haechi.Decision) error {
	for _, d := range ds {
		p.has[d.ID] = d
		p.applied++
	}
	return p.fail
}

func (p *place) Lift(_ context.Context, ids []haechi.Reference) error {
	for _, id := range ids {
		delete(p.has, id)
		p.lifted++
	}
	return p.fail
}

func (p *place) InForce(context.Context) ([]haechi.Decision, error) {
	p.readings++
	var out []haechi.Decision
	for _, d := range p.has {
		out = append(out, d)
	}
	if p.onRead != nil {
		p.onRead()
	}
	return out, p.fail
}

func (p *place) Name() string { return "place" }

// kernel takes sources only.
type kernel struct{ *place }

func (kernel) Takes(d *haechi.Decision) bool { return d.Scope.IsSource() }

func dec(id haechi.Reference, a haechi.Action) haechi.Decision {
	return haechi.Decision{ID: id, Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix("203.0.113.7/32")},
		Action: a, Mode: haechi.Enforce, From: start.Add(-time.Minute), Until: start.Add(time.Hour)}
}

// world is what is desired.
type world []haechi.Decision

func (w *world) list(time.Time) []haechi.Decision { return *w }

func TestDriftIsRepairedCountedAndTold(t *testing.T) {
	gone, weaker, shorter := dec("GONE", haechi.Deny), dec("WEAKER", haechi.Deny), dec("SHORTER", haechi.Deny)
	shadow := dec("SHADOW", haechi.Deny)
	shadow.Mode = haechi.Shadow
	over := dec("OVER", haechi.Deny)
	over.Until = start
	w := world{gone, weaker, shorter, shadow, over}
	p := newPlace()
	var told []enforce.Drift
	r := enforce.NewReconciler(enforce.ReconcilerConfig{OnDrift: func(_ string, d enforce.Drift) { told = append(told, d) }}, w.list, p)
	check := func() {
		t.Helper()
		if err := r.Check(context.Background(), start); err != nil {
			t.Fatal(err)
		}
		if len(p.has) != 3 {
			t.Fatalf("in force: %+v", p.has)
		}
		for _, want := range []haechi.Decision{gone, weaker, shorter} {
			if got := p.has[want.ID]; got.Action != want.Action || !got.Until.Equal(want.Until) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
	}
	check()
	if len(told) != 1 || told[0] != (enforce.Drift{Missing: 3}) {
		t.Fatalf("told %+v", told)
	}
	check()
	if len(told) != 1 || p.applied != 3 {
		t.Fatalf("nothing differed: told %+v, applied %d", told, p.applied)
	}
	// Somebody flushes, weakens, shortens and adds behind our back.
	delete(p.has, "GONE")
	d := weaker
	d.Action = haechi.Throttle
	p.has["WEAKER"] = d
	d = shorter
	d.Until = start.Add(time.Minute)
	p.has["SHORTER"] = d
	p.has["STRANGE"] = dec("STRANGE", haechi.Deny)
	check()
	if len(told) != 2 || told[1] != (enforce.Drift{Missing: 1, Extra: 1, Changed: 2}) {
		t.Fatalf("told %+v", told)
	}
	if s := r.Status()[0]; s.Name != "place" || s.InForce != 3 || s.Drift != 7 || s.Note != "" {
		t.Fatalf("status %+v", s)
	}
}

func TestWhatIsOnItsWayIsNoDrift(t *testing.T) {
	old := dec("OLD", haechi.Throttle)
	w := world{old}
	p := newPlace()
	p.has["OLD"] = old
	r := enforce.NewReconciler(enforce.ReconcilerConfig{OnDrift: func(_ string, d enforce.Drift) { t.Errorf("told %+v", d) }}, w.list, p)
	check := func() {
		t.Helper()
		if err := r.Check(context.Background(), start); err != nil {
			t.Fatal(err)
		}
		if len(p.has) != len(w) {
			t.Fatalf("in force %+v, want %+v", p.has, w)
		}
	}
	check()
	// Strengthened and extended, not applied yet.
	stronger := old
	stronger.Action, stronger.Until = haechi.Deny, old.Until.Add(time.Hour)
	w = world{stronger}
	check()
	// Just decided, not applied yet.
	young := dec("YOUNG", haechi.Deny)
	young.From = start.Add(-time.Second)
	w = append(w, young)
	check()
	// Lifted, not taken out yet.
	w = world{young}
	check()
	// Decided, applied and read back between two looks.
	p.onRead = func() {
		d := dec("DURING", haechi.Deny)
		w, p.has["DURING"] = append(w, d), d
		p.onRead = nil
	}
	check()
	// The kernel's own idea of the second.
	d := p.has["YOUNG"]
	d.Until = d.Until.Add(-1900 * time.Millisecond)
	p.has["YOUNG"] = d
	check()
}

func TestEnforcersGetOnlyWhatTheyTake(t *testing.T) {
	device := dec("DEV", haechi.Deny)
	device.Scope = haechi.Scope{Kind: haechi.ScopeDevice, Value: "a/1"}
	w := world{dec("IP", haechi.Deny), device}
	all, some := newPlace(), kernel{newPlace()}
	r := enforce.NewReconciler(enforce.ReconcilerConfig{}, w.list, all, some)
	if err := r.Check(context.Background(), start); err != nil {
		t.Fatal(err)
	}
	if len(all.has) != 2 || len(some.has) != 1 {
		t.Fatalf("%d and %d", len(all.has), len(some.has))
	}
}

func TestOneFailingEnforcerDoesNotStopTheOthers(t *testing.T) {
	w := world{dec("A", haechi.Deny)}
	bad, good := newPlace(), newPlace()
	bad.fail = errors.New("no kernel")
	r := enforce.NewReconciler(enforce.ReconcilerConfig{}, w.list, bad, good)
	if err := r.Check(context.Background(), start); !errors.Is(err, bad.fail) {
		t.Fatalf("got %v", err)
	}
	if len(good.has) != 1 {
		t.Fatal("the good one was not served")
	}
	if s := r.Status(); s[0].Note == "" || s[1].Note != "" {
		t.Fatalf("status %+v", s)
	}
	bad.fail = nil
	if err := r.Check(context.Background(), start); err != nil || len(bad.has) != 1 || r.Status()[0].Note != "" {
		t.Fatalf("%v, %+v", err, r.Status())
	}
}

func TestRunChecksUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{}
		p := newPlace()
		r := enforce.NewReconciler(enforce.ReconcilerConfig{}, w.list, p)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, time.Second) }()
		time.Sleep(3500 * time.Millisecond)
		stop()
		if err := <-done; err != nil || p.readings != 3 {
			t.Fatalf("%v, %d checks", err, p.readings)
		}
	})
}

// Whoever reads back a moment later finds that what ends just now has ended: that
// is no drift, and no alarm.
func TestWhatEndsJustNowIsNoDrift(t *testing.T) {
	ending := dec("ENDING", haechi.Deny)
	ending.Until = start.Add(time.Second)
	w := world{ending}
	r := enforce.NewReconciler(enforce.ReconcilerConfig{OnDrift: func(_ string, d enforce.Drift) { t.Errorf("told %+v", d) }}, w.list, newPlace())
	if err := r.Check(context.Background(), start); err != nil {
		t.Fatal(err)
	}
	if n := r.Status()[0].Drift; n != 0 {
		t.Errorf("%d differences counted", n)
	}
}

// watched is a place that notices when somebody changes it.
type watched struct {
	*place
	changed atomic.Bool
}

func (w *watched) Changed(context.Context) (bool, error) {
	return w.changed.Swap(false), nil
}

// A place that noticed a change is checked within half a second, and no other then.
func TestNoticedChangeIsRepairedBeforeTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{dec("A", haechi.Deny)}
		busy, calm := &watched{place: newPlace()}, newPlace()
		r := enforce.NewReconciler(enforce.ReconcilerConfig{Now: func() time.Time { return start }}, w.list, busy, calm)
		if err := r.Check(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, time.Hour) }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if busy.readings != 1 || calm.readings != 1 {
			t.Errorf("%d and %d readings without a change", busy.readings, calm.readings)
		}
		delete(busy.has, "A")
		busy.changed.Store(true)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if len(busy.has) != 1 || r.Status()[0].Drift == 0 || calm.readings != 1 {
			t.Errorf("has %d, drift %d, the calm one read %d times", len(busy.has), r.Status()[0].Drift, calm.readings)
		}
		stop()
		<-done
	})
}
