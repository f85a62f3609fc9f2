package control_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/control"
)

// taking is the decider side of the world with what it was given back.
type taking struct {
	*world
	back *[]haechi.Decision
}

func (t taking) Load(ds []haechi.Decision, _ time.Time) []haechi.Decision {
	*t.back = append(*t.back, ds...)
	return nil
}

func (w *world) Load([]haechi.Decision, time.Time) []haechi.Decision { return nil }

// What a rule decided is in force before it is journalled, and may wait in the spool
// while the store fails: it can be lifted all the same.
func TestWhatIsInForceCanBeLifted(t *testing.T) {
	w, c := newWorld()
	ban := haechi.Decision{ID: "00000-00001", Scope: scope(t, "ip:203.0.113.7"), Action: haechi.Deny, Mode: haechi.Enforce,
		Origin: haechi.OriginRule, From: w.now, Until: w.now.Add(time.Hour)}
	w.inForce[ban.ID] = ban
	if _, err := c.LiftDecision(t.Context(), kim, ban.ID, "mistake"); err != nil {
		t.Fatal(err)
	}
	if len(w.inForce) != 0 || w.decisions[ban.ID].LiftedBy != "kim" || w.chain[0].Subject != "ip:203.0.113.7" {
		t.Errorf("in force %v, journal %+v, chain %+v", w.inForce, w.decisions, w.chain)
	}
}

// A ban that cannot be extended for want of disk must go on as it was: it is still
// in the journal and in force, and must stay among what should be in force.
func TestBanSurvivesAFailedExtension(t *testing.T) {
	w, _ := newWorld()
	var back []haechi.Decision
	c := control.New(control.Deps{Decider: taking{w, &back}, Enforcer: force{w}, Journal: w, Chain: w, Now: func() time.Time { return w.now }})
	ban := haechi.Decision{Scope: scope(t, "ip:203.0.113.7"), Action: haechi.Deny, Mode: haechi.Enforce, Reason: "x",
		Until: w.now.Add(time.Hour)}
	first, err := c.AddDecision(t.Context(), kim, ban)
	if err != nil || len(back) != 0 {
		t.Fatal(err, back)
	}
	w.broken = "journal"
	ban.Until = w.now.Add(2 * time.Hour)
	if _, err := c.AddDecision(t.Context(), kim, ban); err == nil {
		t.Fatal("no error though the journal is broken")
	}
	if len(back) != 1 || back[0].ID != first.ID || !back[0].Until.Equal(first.Until) {
		t.Errorf("given back: %+v, want %s as it was", back, first.ID)
	}
}
