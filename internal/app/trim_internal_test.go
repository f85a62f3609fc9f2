package app

import "testing"

func TestTrimsOnceAfterABusyTime(t *testing.T) {
	const mib = 1 << 20
	var tr trimmer
	for i, step := range []struct {
		allocated, heap, live uint64
		want                  bool
	}{
		{50 * mib, 50 * mib, 40 * mib, false},   // it has just begun
		{51 * mib, 51 * mib, 40 * mib, false},   // quiet, and little to gain
		{400 * mib, 400 * mib, 40 * mib, false}, // busy
		{401 * mib, 401 * mib, 40 * mib, true},
		{402 * mib, 61 * mib, 60 * mib, false}, // done
		{403 * mib, 62 * mib, 60 * mib, false},
	} {
		if got := tr.due(step.allocated, step.heap, step.live); got != step.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}
