package api_test

import (
	"net/netip"
	"testing"

	"haechi"
	"haechi/internal/show/api"
)

func TestPackets(t *testing.T) {
	r := newRig(t)
	all, err := r.client.Closeups(t.Context())
	check(t, err, len(all) == 1 && all[0].Kept == 2)
	q := api.PacketsRequest{About: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix("192.0.2.66/32")}, Reason: "what was it"}
	got, err := r.client.Packets(t.Context(), q)
	check(t, err, string(got.Capture) == "capture\x00" && r.control.called == "packets ip:192.0.2.66 what was it")
	q.Reason = "two\nlines"
	if _, err := r.client.Packets(t.Context(), q); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("a reason of two lines: %v", err)
	}
}
