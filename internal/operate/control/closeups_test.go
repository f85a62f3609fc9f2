package control_test

import (
	"io"
	"net/netip"
	"testing"

	"haechi"
	"haechi/internal/operate/control"
)

// packets are kept of one address.
type packets struct{ of netip.Prefix }

func (p packets) List() []haechi.Closeup {
	return []haechi.Closeup{{About: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: p.of}, Kept: 2}}
}

func (p packets) Write(w io.Writer, about netip.Prefix) (int, error) {
	if about != p.of {
		return 0, &haechi.Error{Kind: haechi.NotFound, Op: "read packets"}
	}
	_, err := w.Write([]byte("capture"))
	return 2, err
}

func TestReadingPacketsIsAudited(t *testing.T) {
	w, c := newWorld()
	if l, err := c.Closeups(t.Context()); err != nil || len(l) != 1 || l[0].About.String() != "ip:192.0.2.66" {
		t.Errorf("%+v, %v", l, err)
	}
	about := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix("192.0.2.66/32")}
	got, err := c.Packets(t.Context(), kim, about, "what did it send")
	if err != nil || got.Packets != 2 || string(got.Capture) != "capture" || got.About != about {
		t.Errorf("%+v, %v", got, err)
	}
	if len(w.chain) != 1 || w.chain[0].Action != control.ActionPackets || w.chain[0].Subject != "ip:192.0.2.66" || w.chain[0].By != "kim" {
		t.Fatalf("the chain: %+v", w.chain)
	}
	about.Prefix = netip.MustParsePrefix("192.0.2.67/32")
	if _, err := c.Packets(t.Context(), kim, about, ""); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("of somebody else: %v", err)
	}
	if _, err := c.Packets(t.Context(), kim, haechi.Scope{Kind: haechi.ScopeDevice, Value: "bot/1"}, ""); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("of a device: %v", err)
	}
	if err := c.Undo(t.Context(), kim, w.chain[0].Seq); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("undone: %v", err)
	}
}
