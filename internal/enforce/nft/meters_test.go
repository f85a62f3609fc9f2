package nft_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/nft"
)

// metered is a wire whose guarded end has meters, and a forge at the other.
type metered struct {
	*netnstest.Wire
	*nft.Meters
	forge *netnstest.Forge
	was   map[string]uint64
	asked time.Time // when held was called last
	// due is how many more than at once may have come through between the last two calls
	// of held: one a second, and what is just due at both.
	due uint64
}

func newMetered(t *testing.T, m enforce.Meters) *metered {
	t.Helper()
	w := netnstest.NewWire(t)
	f, err := w.Strangers.NewForge()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	k, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: w.Guarded.FD()})
	if err != nil {
		t.Fatal(err)
	}
	x := &metered{Wire: w, Meters: k, forge: f, was: map[string]uint64{}, asked: time.Now()}
	if err := k.SetMeters(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return x
}

// held is how many were dropped since the last call, by meter.
func (m *metered) held(t *testing.T) map[string]uint64 {
	t.Helper()
	all, err := m.Held(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m.due, m.asked = uint64(time.Since(m.asked).Seconds())+2, time.Now()
	out := map[string]uint64{}
	for _, c := range all {
		out[strings.TrimPrefix(c.Name, "metered_")] = c.Value - m.was[c.Name]
		m.was[c.Name] = c.Value
	}
	return out
}

func (m *metered) to(from string) netip.Addr {
	if netip.MustParseAddr(from).Is6() {
		return m.To6
	}
	return m.To4
}

func (m *metered) syns(t *testing.T, from string, n int) {
	t.Helper()
	for i := range n {
		if err := m.forge.SYN(netip.AddrPortFrom(netip.MustParseAddr(from), uint16(10_000+i)), netip.AddrPortFrom(m.to(from), 443), uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// documents are the numbers of row B51.
func documents() enforce.Meters {
	return enforce.Meters{SYN: enforce.Rate{Events: 1, Per: time.Second, Burst: 3}, New: enforce.Rate{Events: 25, Per: time.Minute, Burst: 100}, Echo: enforce.Rate{Events: 1, Per: time.Second, Burst: 5}}
}

// TestStagesMeanTheSame: as in the driver.
func TestStagesMeanTheSame(t *testing.T) {
	enforcetest.RunMeters(t, func(t *testing.T, w *netnstest.Wire) enforcetest.Meters {
		m, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: w.Guarded.FD()})
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func TestMetersThatSomebodyTookAwayComeBack(t *testing.T) {
	m := newMetered(t, documents())
	if err := m.Know(t.Context(), []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{"nft", "flush", "chain", "inet", "haechi_meters", "metered"}, {"nft", "delete", "table", "inet", "haechi_meters"}, {"nft", "flush", "ruleset"}} {
		m.Guarded.Run(t, how[0], how[1:]...)
		m.was = map[string]uint64{}
		m.held(t) // which looks, and repairs
		m.syns(t, "203.0.113.8", 20)
		m.syns(t, "203.0.113.7", 20)
		if n := m.held(t)["syn"]; n+m.due < 17 || n > 17 {
			t.Errorf("after %v %d were dropped", how, n)
		}
	}
	if n := m.was["meters_rebuilt"]; n != 3 {
		t.Errorf("repaired %d times", n)
	}
}

func TestNoMetersIsNoTable(t *testing.T) {
	m := newMetered(t, documents())
	if err := m.SetMeters(t.Context(), enforce.Meters{}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("left: %s", out)
	}
	if all, err := m.Held(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("held %v, %v", all, err)
	}
	if err := m.SetMeters(t.Context(), documents()); err != nil {
		t.Fatal(err)
	}
	if _, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: m.Guarded.FD()}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("what an earlier process left stays: %s", out)
	}
}
