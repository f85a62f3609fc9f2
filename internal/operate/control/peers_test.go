package control_test

import (
	"context"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/control"
)

// book is the peers' side of a decider: it takes whatever it is given, but 192.0.2.0/24.
type book struct {
	open map[haechi.Reference]haechi.Decision
}

func (b book) Import(ds []haechi.Decision, dry bool, now time.Time) (taken []haechi.Decision, told haechi.Import) {
	for _, d := range ds {
		if d.Scope.String() == "ip:192.0.2.1" {
			told.Refuse(d.Scope, "it is protected")
			continue
		}
		told.Added++
		d.ID = haechi.NewReference("peer", d.Scope.String(), now)
		if !dry {
			b.open[d.ID] = d
			taken = append(taken, d)
		}
	}
	return taken, told
}

func (b book) OfPeer(about haechi.Scope, peer string, _ time.Time) (out []haechi.Decision) {
	for _, d := range b.open {
		if d.Rule == peer && (about.Kind == haechi.ScopeNone || d.Scope == about) {
			out = append(out, d)
		}
	}
	return out
}

func (b book) Withdraw(about haechi.Scope, peer, by, reason string, now time.Time) (out []haechi.Decision) {
	for _, d := range b.OfPeer(about, peer, now) {
		delete(b.open, d.ID)
		d.LiftedAt, d.LiftedBy, d.LiftReason = now, by, reason
		out = append(out, d)
	}
	return out
}

func (w *world) SaveDecisions(ctx context.Context, ds []haechi.Decision) error {
	for i := range ds {
		if err := w.SaveDecision(ctx, &ds[i]); err != nil {
			return err
		}
	}
	return nil
}

// lifting is the world's decider with the book's decisions.
type lifting struct {
	*world
	book
	back *[]haechi.Decision
}

func (l lifting) Lift(id haechi.Reference, by, reason string, now time.Time) (haechi.Decision, error) {
	delete(l.open, id)
	return haechi.Decision{}, nil
}

func (l lifting) Load(ds []haechi.Decision, _ time.Time) []haechi.Decision {
	*l.back = append(*l.back, ds...)
	return nil
}

func newPeers(t *testing.T) (w *world, c *control.Control, b book, back *[]haechi.Decision) {
	w, _ = newWorld()
	b, back = book{map[haechi.Reference]haechi.Decision{}}, new([]haechi.Decision)
	l := lifting{w, b, back}
	return w, control.New(control.Deps{Decider: l, Peers: b, Enforcer: force{w}, Journal: w, Chain: w, Now: func() time.Time { return w.now }}), b, back
}

func handed(t *testing.T, peer string, scopes ...string) (ds []haechi.Decision) {
	for _, s := range scopes {
		ds = append(ds, haechi.Decision{Scope: scope(t, s), Rule: peer, Action: haechi.Deny, Mode: haechi.Enforce, Origin: haechi.OriginPeer, Reason: "5 failures"})
	}
	return ds
}

func TestImportIsOneStep(t *testing.T) {
	w, c, b, _ := newPeers(t)
	ds := handed(t, "fail2ban/sshd", "ip:203.0.113.7", "ip:203.0.113.8", "ip:192.0.2.1")
	told, err := c.ImportDecisions(t.Context(), kim, ds, true)
	if err != nil || !told.DryRun || told.Added != 2 || told.Refused != 1 || len(w.chain)+len(w.decisions)+len(w.inForce)+len(b.open) != 0 {
		t.Fatalf("dry: %+v, %v; chain %v, journal %v, in force %v", told, err, w.chain, w.decisions, w.inForce)
	}
	told, err = c.ImportDecisions(t.Context(), kim, ds, false)
	if err != nil || told.DryRun || told.Added != 2 || told.Refused != 1 || len(w.decisions) != 2 || len(w.inForce) != 2 {
		t.Fatalf("%+v, %v; journal %v, in force %v", told, err, w.decisions, w.inForce)
	}
	if e := w.chain[0]; len(w.chain) != 1 || e.Action != control.ActionImport || e.By != "kim" || e.Subject != "fail2ban/sshd" || e.After != "decisions: 3" {
		t.Errorf("chain %+v", w.chain)
	}
	if err := c.Undo(t.Context(), kim, 1); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("undo of an import: %v", err)
	}
	if _, err := c.ImportDecisions(t.Context(), kim, handed(t, "x", "ip:192.0.2.1"), false); err != nil || len(w.chain) != 1 {
		t.Errorf("an import of which nothing is taken is audited: %v, %+v", err, w.chain)
	}
}

// TestImportThatCannotBeKept leaves nothing, and what it would have replaced as it was.
func TestImportThatCannotBeKept(t *testing.T) {
	w, c, b, back := newPeers(t)
	if _, err := c.ImportDecisions(t.Context(), kim, handed(t, "fail2ban/sshd", "ip:203.0.113.7"), false); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"chain", "journal"} {
		w.broken = what
		if _, err := c.ImportDecisions(t.Context(), kim, handed(t, "fail2ban/sshd", "ip:203.0.113.7", "ip:203.0.113.9"), false); err == nil {
			t.Errorf("no error though the %s is broken", what)
		}
	}
	if len(w.decisions) != 1 || len(w.inForce) != 1 || len(b.open) != 0 || len(*back) != 1 || (*back)[0].Scope.String() != "ip:203.0.113.7" {
		t.Errorf("journal %v, in force %v, open %v, given back %v", w.decisions, w.inForce, b.open, *back)
	}
}

func TestWithdraw(t *testing.T) {
	w, c, _, _ := newPeers(t)
	for _, ds := range [][]haechi.Decision{handed(t, "fail2ban/sshd", "ip:203.0.113.7", "ip:203.0.113.8"), handed(t, "fail2ban/web", "ip:203.0.113.9")} {
		if _, err := c.ImportDecisions(t.Context(), kim, ds, false); err != nil {
			t.Fatal(err)
		}
	}
	lifted, err := c.WithdrawDecisions(t.Context(), kim, scope(t, "ip:203.0.113.9"), "fail2ban/sshd", "unban")
	if err != nil || len(lifted) != 0 || len(w.chain) != 2 {
		t.Errorf("another's: %v, %v, chain %v", lifted, err, w.chain)
	}
	lifted, err = c.WithdrawDecisions(t.Context(), kim, haechi.Scope{}, "fail2ban/sshd", "the jail stopped")
	if err != nil || len(lifted) != 2 || len(w.inForce) != 1 {
		t.Errorf("all: %v, %v, in force %v", lifted, err, w.inForce)
	}
	for _, d := range lifted {
		if kept := w.decisions[d.ID]; kept.LiftedBy != "kim" || kept.LiftReason != "the jail stopped" {
			t.Errorf("journal %+v", kept)
		}
	}
	if e := w.chain[2]; e.Action != control.ActionWithdraw || e.Subject != "fail2ban/sshd" || e.Before != "decisions: 2" {
		t.Errorf("chain %+v", e)
	}
}
