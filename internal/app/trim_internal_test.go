package app

import "testing"

func TestTrimsOnceAfterABusyTime(t *testing.T) {
	const mib = 1 << 20
	var tr trimmer
	for i, step := range []struct {
		allocated, objects, live, free uint64
		want                           effort
	}{
		{50 * mib, 50 * mib, 40 * mib, 0, trimNothing},   // it has just begun
		{51 * mib, 45 * mib, 40 * mib, 1, trimNothing},   // quiet, and little to gain
		{400 * mib, 400 * mib, 40 * mib, 0, trimNothing}, // busy
		{401 * mib, 401 * mib, 40 * mib, 0, trimCollect},
		{402 * mib, 61 * mib, 60 * mib, 0, trimNothing},        // done
		{403 * mib, 61 * mib, 60 * mib, 20 * mib, trimCollect}, // collected, and not given back
		{404 * mib, 60 * mib, 60 * mib, 0, trimRest},           // calm for a while
		{405 * mib, 62 * mib, 60 * mib, 0, trimNothing},
		{406 * mib, 63 * mib, 60 * mib, 0, trimCollect},
		{407 * mib, 61 * mib, 60 * mib, 0, trimNothing},
		{415 * mib, 60 * mib, 60 * mib, 0, trimNothing}, // little work is no busy time
		{500 * mib, 90 * mib, 60 * mib, 0, trimNothing}, // busy
		{501 * mib, 64 * mib, 60 * mib, 0, trimNothing}, // not calm any more
	} {
		if got := tr.due(step.allocated, step.objects, step.live, step.free); got != step.want {
			t.Errorf("step %d: %d", i, got)
		}
	}
	// Work that is never busy leads to a rest now and then, not at every look.
	allocated, rests := uint64(501*mib), 0
	for range 100 {
		allocated += 2 * mib
		if tr.due(allocated, 60*mib, 60*mib, 0) == trimRest {
			rests++
		}
	}
	if rests != 4 {
		t.Errorf("%d rests in 200 MiB of quiet work, 4 are wanted: after the busy time, and at every 64 MiB", rests)
	}
}
