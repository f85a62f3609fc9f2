package control_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/control"
)

// longChain is a chain that gives out at most so many entries at a time, as the
// store does.
type longChain struct{ *world }

func (l longChain) AuditEntries(ctx context.Context, from uint64, limit int) ([]haechi.AuditEntry, error) {
	all, err := l.world.AuditEntries(ctx, from, limit)
	if limit <= 0 {
		limit = 1000
	}
	return all[:min(len(all), limit)], err
}

// The audit page showed the first thousand entries for ever.
func TestAuditShowsTheNewest(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 999, 1000, 1001, 2500} {
		w, _ := newWorld()
		c := control.New(control.Deps{Chain: longChain{w}})
		for range n {
			if err := w.AppendAudit(t.Context(), &haechi.AuditEntry{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, limit := range []int{0, 1, 20, 5000} {
			got, err := c.Audit(t.Context(), limit)
			want := min(n, limit)
			if limit == 0 {
				want = min(n, 1000)
			}
			if err != nil || len(got) != want || want > 0 && (got[0].Seq != uint64(n) || got[want-1].Seq != uint64(n-want+1)) {
				t.Errorf("%d entries, limit %d: %d shown, %v", n, limit, len(got), err)
			}
		}
	}
}

// cancelled fails as a database does whose caller has gone.
type cancelled struct{ *world }

func (c cancelled) AppendAudit(ctx context.Context, e *haechi.AuditEntry) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.world.AppendAudit(ctx, e)
}

// An operator whose browser is closed in the middle of a change leaves no entry in
// the chain that tells only half of it.
func TestFailureIsAuditedThoughTheCallerLeft(t *testing.T) {
	w, _ := newWorld()
	ctx, leave := context.WithCancel(t.Context())
	c := control.New(control.Deps{Chain: cancelled{w}, Now: func() time.Time { return w.now }, Program: control.Program{
		Reload: func(context.Context) error { leave(); return errors.New("cannot") },
	}})
	if err := c.Reload(ctx, kim); err == nil {
		t.Fatal("no error")
	}
	if n := len(w.chain); n != 2 || w.chain[1].Action != control.ActionReload+".failed" {
		t.Errorf("the chain has %d entries: %+v", n, w.chain)
	}
}
