package control_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/control"
)

// stages holds what an operator asked for.
type stages struct{ s haechi.AttackStatus }

func (s *stages) Status(time.Time) haechi.AttackStatus { return s.s }

func (s *stages) Set(at haechi.Stage, by string, length time.Duration, now time.Time) error {
	if length > 24*time.Hour {
		return &haechi.Error{Kind: haechi.Invalid, Op: "set the stage"}
	}
	s.s = haechi.AttackStatus{Stage: at, By: by, Until: now.Add(length)}
	return nil
}

func (s *stages) Release(string, time.Time) { s.s = haechi.AttackStatus{} }

func TestAStageIsAuditedAndReleased(t *testing.T) {
	w, c := newWorld()
	s, err := c.SetStage(t.Context(), kim, haechi.StageKnown, 10*time.Minute, "they come from everywhere")
	if err != nil || s.Stage != haechi.StageKnown || s.By != "kim" {
		t.Fatalf("%+v, %v", s, err)
	}
	if o, err := c.Overview(t.Context()); err != nil || o.Stage != haechi.StageKnown {
		t.Errorf("the overview says %v, %v", o.Stage, err)
	}
	if s, err = c.ReleaseStage(t.Context(), kim, "our own test"); err != nil || s.Stage != haechi.StageWatch {
		t.Errorf("%+v, %v", s, err)
	}
	if len(w.chain) != 2 || w.chain[0].Action != control.ActionStage || w.chain[0].After != "known for 10m0s" || w.chain[1].Action != control.ActionRelease || w.chain[1].Before != "known" {
		t.Errorf("the chain: %+v", w.chain)
	}
}

func TestAStageThatIsRefusedIsAuditedAsFailed(t *testing.T) {
	w, c := newWorld()
	if _, err := c.SetStage(t.Context(), kim, haechi.StageClosed, 48*time.Hour, ""); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
	if len(w.chain) != 2 || w.chain[1].Action != control.ActionStage+".failed" {
		t.Errorf("the chain: %+v", w.chain)
	}
}
