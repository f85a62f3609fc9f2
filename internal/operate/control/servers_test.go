package control_test

import (
	"testing"

	"haechi"
	"haechi/internal/operate/control"
)

// servers are the drained ones; the last of two stays.
type servers struct{ drained map[string]bool }

func (s *servers) Drain(service, server string, on bool) error {
	if on && len(s.drained) > 0 {
		return &haechi.Error{Kind: haechi.Conflict, Op: "drain"}
	}
	if delete(s.drained, service+" "+server); on {
		s.drained[service+" "+server] = true
	}
	return nil
}

func TestADrainIsAuditedAndUndone(t *testing.T) {
	w, c := newWorld()
	const a, b = "http://10.0.0.6:8080", "http://10.0.0.7:8080"
	if err := c.Drain(t.Context(), kim, "shop", a, true, "new kernel"); err != nil || !w.servers.drained["shop "+a] {
		t.Fatalf("%v, drained %v", err, w.servers.drained)
	}
	if err := c.Drain(t.Context(), kim, "shop", b, true, ""); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("the last one: %v", err)
	}
	if len(w.chain) != 3 || w.chain[0].Action != control.ActionDrain || w.chain[0].Subject != "shop "+a || w.chain[2].Action != control.ActionDrain+".failed" {
		t.Fatalf("the chain: %+v", w.chain)
	}
	if err := c.Undo(t.Context(), kim, w.chain[0].Seq); err != nil || len(w.servers.drained) != 0 {
		t.Errorf("undone: %v, drained %v", err, w.servers.drained)
	}
	if last := w.chain[len(w.chain)-1]; last.Action != control.ActionResume {
		t.Errorf("the last entry: %+v", last)
	}
}
