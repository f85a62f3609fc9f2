package nft_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/nft"
)

func openMeters(t *testing.T, w *netnstest.Wire) enforcetest.Meters {
	t.Helper()
	m, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: w.Guarded.FD()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newMetered has meters by the documents' numbers.
func newMetered(t *testing.T) *enforcetest.Metered {
	t.Helper()
	m := enforcetest.NewMetered(t, openMeters)
	if err := m.SetMeters(t.Context(), enforcetest.Documents()); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStagesMeanTheSame: as in the driver.
func TestStagesMeanTheSame(t *testing.T) {
	enforcetest.RunMeters(t, openMeters)
}

func TestMetersThatSomebodyTookAwayComeBack(t *testing.T) {
	m := newMetered(t)
	if err := m.Know(t.Context(), []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{"nft", "flush", "chain", "inet", "haechi_meters", "metered"}, {"nft", "delete", "table", "inet", "haechi_meters"}, {"nft", "flush", "ruleset"}} {
		m.Guarded.Run(t, how[0], how[1:]...)
		m.Dropped(t) // which looks, and repairs
		for _, from := range []string{"203.0.113.8", "203.0.113.7"} {
			m.SYNs(t, from, m.To(from), 20)
		}
		if n := m.Dropped(t)["syn"]; n+m.Due < 17 || n > 17 {
			t.Errorf("after %v %d were dropped", how, n)
		}
	}
	all, err := m.Held(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(all, haechi.Counter{Name: "meters_rebuilt", Value: 3}) {
		t.Errorf("not repaired three times: %v", all)
	}
}

func TestNoMetersIsNoTable(t *testing.T) {
	m := newMetered(t)
	if err := m.SetMeters(t.Context(), enforce.Meters{}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("left: %s", out)
	}
	if all, err := m.Held(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("held %v, %v", all, err)
	}
	if err := m.SetMeters(t.Context(), enforcetest.Documents()); err != nil {
		t.Fatal(err)
	}
	if _, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: m.Guarded.FD()}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("what an earlier process left stays: %s", out)
	}
}
