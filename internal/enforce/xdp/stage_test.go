package xdp_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/xdp"
)

// staged is the enforcer as meters.
type staged struct {
	*xdp.Stage
	e *xdp.Enforcer
}

func (s staged) Guard(ctx context.Context, ps []netip.Prefix) error { return s.e.Guard(ctx, ps) }

// TestStagesMeanTheSame: as in nftables.
func TestStagesMeanTheSame(t *testing.T) {
	enforcetest.RunMeters(t, func(t *testing.T, w *netnstest.Wire) enforcetest.Meters {
		e, err := xdp.Open(t.Context(), xdp.Config{NetNS: w.Guarded.FD(), Interfaces: []string{"in0"}, Dir: filepath.Join(netnstest.BPF(t), "haechi"), Grace: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		set(t, e, xdp.Meters{})
		return staged{e.Stage(), e}
	})
}

// enforceDocuments are the numbers of row B51.
func enforceDocuments() enforce.Meters {
	return enforce.Meters{SYN: enforce.Rate{Events: 1, Per: time.Second, Burst: 3}, New: enforce.Rate{Events: 25, Per: time.Minute, Burst: 100}, Echo: enforce.Rate{Events: 1, Per: time.Second, Burst: 5}}
}
