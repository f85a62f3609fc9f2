package stage_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/decide/stage"
)

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

// rig is a machine with a clock.
type rig struct {
	*stage.Machine
	now  time.Time
	seen []haechi.Stage // each stage that was taken, in order
}

func newRig(c stage.Config) *rig {
	if c.Mode == haechi.ModeUnset {
		c.Mode = haechi.Enforce
	}
	c.Start = begin().Add(-time.Hour)
	return &rig{Machine: stage.New(c), now: begin()}
}

func (r *rig) look() haechi.Stage {
	s, _ := r.Stage(r.now)
	if len(r.seen) == 0 || r.seen[len(r.seen)-1] != s {
		r.seen = append(r.seen, s)
	}
	return s
}

func (r *rig) wait(d time.Duration, dropped float64) *rig {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(time.Second)
		r.Tick(r.now, dropped)
		r.look()
	}
	return r
}

func (r *rig) flood(id haechi.Reference, detector string, s haechi.Severity) *rig {
	f := haechi.Finding{Incident: id, Rule: "network/" + detector, Detector: detector, Mode: haechi.Enforce, Severity: s, First: r.now, Observed: 9, Threshold: 1, Spoofable: true}
	r.Observe(&f, r.now)
	r.look()
	return r
}

func (r *rig) over(id haechi.Reference, detector string) *rig {
	r.Observe(&haechi.Finding{Incident: id, Detector: detector, Mode: haechi.Enforce, Over: true}, r.now)
	return r
}

func (r *rig) went(t *testing.T, want ...haechi.Stage) {
	t.Helper()
	r.look()
	if len(r.seen) != len(want) {
		t.Fatalf("stages %v, want %v", r.seen, want)
	}
	for i := range want {
		if r.seen[i] != want[i] {
			t.Fatalf("stages %v, want %v", r.seen, want)
		}
	}
}

const (
	watch, tighten, cookies, known, closed = haechi.StageWatch, haechi.StageTighten, haechi.StageCookies, haechi.StageKnown, haechi.StageClosed
)

func TestAFloodRaisesTheStageAndItStepsDownByItself(t *testing.T) {
	r := newRig(stage.Config{}).wait(time.Minute, 0)
	r.flood("A", "host_syn", haechi.Medium).wait(10*time.Second, 0).flood("A", "host_syn", haechi.High).wait(5*time.Minute, 0).over("A", "host_syn").wait(10*time.Minute, 0)
	r.went(t, watch, tighten, cookies, tighten, watch)
}

func TestItStaysWhileAFloodIsHeld(t *testing.T) {
	r := newRig(stage.Config{}).flood("A", "host_syn", haechi.High).over("A", "host_syn").wait(time.Hour, 500)
	r.went(t, cookies) // the flood does not look like one any more, since it is dropped
	r.wait(10*time.Minute, 0)
	r.went(t, cookies, tighten, watch)
}

func TestAFloodThatComesBackIsAnsweredAtOnceAndLonger(t *testing.T) {
	r := newRig(stage.Config{}).flood("A", "host_syn", haechi.High).wait(time.Minute, 0).over("A", "host_syn").wait(5*time.Minute, 0)
	r.flood("B", "host_syn", haechi.Medium)
	if s := r.look(); s != cookies {
		t.Errorf("the second flood is answered by %v", s)
	}
	r.over("B", "host_syn").wait(3*time.Minute, 0)
	if s := r.look(); s != cookies {
		t.Errorf("after three minutes it is at %v: the calm did not double", s)
	}
	r.wait(10*time.Minute, 0)
	if s := r.look(); s != watch {
		t.Errorf("at last it is at %v", s)
	}
}

func TestEachKindIsAnsweredByWhatHelps(t *testing.T) {
	for detector, want := range map[string]haechi.Stage{"host_icmp": tighten, "host_fragments": tighten, "host_udp": cookies, "amplification": cookies, "host_syn": cookies, "bandwidth": tighten,
		"port_scan": watch, "brute_force": watch, "": watch} {
		if got := newRig(stage.Config{}).flood("A", detector, haechi.Critical).look(); got != want {
			t.Errorf("%s: %v, want %v", detector, got, want)
		}
	}
}

func TestOnlyKnownClientsIsForThoseWhoAskForIt(t *testing.T) {
	grows := func(c stage.Config) haechi.Stage {
		r := newRig(c).flood("A", "host_syn", haechi.High)
		for range 10 {
			r.wait(time.Minute, 500).flood("A", "host_syn", haechi.High)
		}
		return r.look()
	}
	if got := grows(stage.Config{}); got != cookies {
		t.Errorf("as shipped: %v", got)
	}
	if got := grows(stage.Config{Highest: known}); got != known {
		t.Errorf("where it may: %v", got)
	}
	if got := grows(stage.Config{Highest: closed}); got != known {
		t.Errorf("closed is for operators, and was taken: %v", got)
	}
	if got := grows(stage.Config{Highest: known, Settle: 3 * time.Hour}); got != cookies {
		t.Errorf("when nobody is known yet: %v", got)
	}
}

func TestShadowAndOff(t *testing.T) {
	r := newRig(stage.Config{Mode: haechi.Shadow}).flood("A", "host_syn", haechi.High)
	if s, shadow := r.Stage(r.now); s != cookies || !shadow {
		t.Errorf("in shadow: %v, %v", s, shadow)
	}
	if err := r.Set(tighten, "kim", time.Minute, r.now); err != nil {
		t.Fatal(err)
	}
	if s, shadow := r.Stage(r.now); s != tighten || shadow {
		t.Errorf("what an operator asks for in shadow: %v, %v", s, shadow)
	}
	newRig(stage.Config{Mode: haechi.Off}).flood("A", "host_syn", haechi.High).went(t, watch)
	r = newRig(stage.Config{})
	r.Observe(&haechi.Finding{Incident: "A", Detector: "host_syn", Severity: haechi.High, Mode: haechi.Shadow}, r.now)
	r.went(t, watch)
}

func TestAnOperatorsStageHoldsForItsTime(t *testing.T) {
	r := newRig(stage.Config{}).flood("A", "host_syn", haechi.High)
	if err := r.Set(closed, "kim", 5*time.Minute, r.now); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(r.now); s.Stage != closed || s.By != "kim" || !s.Until.Equal(r.now.Add(5*time.Minute)) || s.Raised != cookies {
		t.Errorf("%+v", s)
	}
	r.wait(6*time.Minute, 0)
	r.went(t, cookies, closed, cookies)
	if err := r.Set(known, "kim", 25*time.Hour, r.now); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("for longer than a day: %v", err)
	}
}

func TestReleaseEndsWhatPresentFloodsAskFor(t *testing.T) {
	r := newRig(stage.Config{}).flood("A", "host_syn", haechi.High)
	r.Release("kim", r.now)
	r.flood("A", "host_syn", haechi.High).wait(10*time.Minute, 500)
	r.went(t, cookies, watch)
	r.flood("B", "host_syn", haechi.Medium)
	r.went(t, cookies, watch, tighten)
}

func TestAFloodOfWhichNobodySaysAnythingIsOver(t *testing.T) {
	r := newRig(stage.Config{}).flood("A", "host_syn", haechi.High).wait(30*time.Minute, 0)
	r.went(t, cookies, tighten, watch)
	r = newRig(stage.Config{}).flood("A", "host_syn", haechi.High)
	r.Forget(r.now)
	r.wait(10*time.Minute, 0).went(t, cookies, tighten, watch)
}

func TestFloodsAreBounded(t *testing.T) {
	r := newRig(stage.Config{})
	for i := range 1000 {
		r.flood(haechi.NewReference("x", time.Duration(i).String(), r.now), "host_syn", haechi.Medium)
	}
	if s := r.Status(r.now); len(s.Attacks) > 64 || r.Stats()[1].Value != uint64(1000-len(s.Attacks)) {
		t.Errorf("%d floods, %v", len(s.Attacks), r.Stats())
	}
}

// TestAnyHistory: whatever happens in whatever order, floods never take more than they
// may, and when all is over it is watch again.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		highest := rapid.SampledFrom([]haechi.Stage{watch, tighten, cookies, known, closed}).Draw(t, "highest")
		r := newRig(stage.Config{Highest: highest})
		most := highest
		switch highest {
		case watch:
			most = cookies
		case closed:
			most = known
		}
		id := rapid.SampledFrom([]haechi.Reference{"A", "B", "C"})
		detector := rapid.SampledFrom([]string{"host_syn", "host_udp", "host_icmp", "http_flood", "port_scan"})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				r.flood(id.Draw(t, "id"), detector.Draw(t, "detector"), haechi.Severity(rapid.IntRange(0, 4).Draw(t, "severity")))
			case 2:
				r.over(id.Draw(t, "id"), detector.Draw(t, "detector"))
			case 3:
				r.Release("kim", r.now)
			default:
				r.wait(time.Duration(rapid.IntRange(1, 300).Draw(t, "seconds"))*time.Second, rapid.Float64Range(0, 100).Draw(t, "dropped"))
			}
			if s := r.look(); s > most {
				t.Fatalf("floods took %v, of at most %v", s, most)
			}
		}
		for _, i := range []haechi.Reference{"A", "B", "C"} {
			r.over(i, "host_syn")
		}
		if r.wait(70*time.Minute, 0).look() != watch {
			t.Fatalf("an hour after it is over it is at %v", r.look())
		}
	})
}
