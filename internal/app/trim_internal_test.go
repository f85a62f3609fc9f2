package app

import "testing"

func TestTrimsOnceAfterABusyTime(t *testing.T) {
	const mib = 1 << 20
	var tr trimmer
	for i, step := range []struct {
		allocated, objects, live, free uint64
		want                           bool
	}{
		{50 * mib, 50 * mib, 40 * mib, 0, false},   // it has just begun
		{51 * mib, 45 * mib, 40 * mib, 1, false},   // quiet, and little to gain
		{400 * mib, 400 * mib, 40 * mib, 0, false}, // busy
		{401 * mib, 401 * mib, 40 * mib, 0, true},
		{402 * mib, 61 * mib, 60 * mib, 0, false},       // done
		{403 * mib, 61 * mib, 60 * mib, 20 * mib, true}, // collected, and not given back
		{404 * mib, 62 * mib, 60 * mib, 0, false},
		{405 * mib, 63 * mib, 60 * mib, 0, true},  // calm for a while
		{500 * mib, 90 * mib, 60 * mib, 0, false}, // busy
		{501 * mib, 64 * mib, 60 * mib, 0, false}, // not calm any more
	} {
		if got := tr.due(step.allocated, step.objects, step.live, step.free); got != step.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}
