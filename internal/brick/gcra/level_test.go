package gcra_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/brick/gcra"
)

// TestGrowthForgetsNothing: keys that used up their quota while the table was small are
// refused when it has grown to its capacity, also those that were not asked for since.
func TestGrowthForgetsNothing(t *testing.T) {
	const keys, limit = 1 << 16, 3
	for n, name := range []string{1: "one window", 3: "three windows"} {
		if name == "" {
			continue
		}
		rates := []gcra.Rate{{Events: limit, Per: time.Hour}, {Events: 10, Per: 2 * time.Hour}, {Events: 100, Per: 24 * time.Hour}}[:n]
		tab := table(keys, rates...)
		small := tab.Stats().Bytes
		for k := range uint64(keys) {
			for i := range limit {
				if r := tab.Allow(k, int64(i), 1); !r.OK {
					t.Fatalf("%s: key %d refused within its limit: %+v", name, k, r)
				}
			}
		}
		s := tab.Stats()
		if live := tab.Live(limit); live < keys-1 || s.Overflow != 0 || s.Bytes < 32*small {
			t.Fatalf("%s: %d live of %d keys, %d bytes grown to %+v", name, live, keys, small, s)
		}
		for k := range uint64(keys) {
			peek, r := tab.Peek(k, limit, 1), tab.Allow(k, limit, 1)
			if r.OK || r.Used < limit || peek != r {
				t.Fatalf("%s: key %d got quota back: %+v, on a look %+v", name, k, r, peek)
			}
		}
		if live := tab.Live(limit); live > keys {
			t.Errorf("%s: %d live of %d keys: some are there twice", name, live, keys)
		}
	}
}

// TestGrowthUnderWay: many callers at once, of the same keys, while the table grows under
// them: each key is admitted exactly as often as it may.
func TestGrowthUnderWay(t *testing.T) {
	const keys, workers, limit = 20_000, 8, 3
	tab := table(1<<16, gcra.Rate{Events: limit, Per: time.Hour})
	admitted := make([]atomic.Int32, keys)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range keys {
				k := (i + w*31) % keys // close behind one another
				if tab.Allow(uint64(k), 0, 1).OK {
					admitted[k].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for k := range admitted {
		if got := admitted[k].Load(); got != limit {
			t.Errorf("key %d: %d admitted, want %d", k, got, limit)
		}
	}
	if s := tab.Stats(); s.Overflow != 0 || s.Bytes < 1<<20 {
		t.Errorf("%+v", s)
	}
}

// TestTableStaysSmall: keys whose windows are over take no room, however many there were.
func TestTableStaysSmall(t *testing.T) {
	tab := table(1<<20, gcra.Rate{Events: 10, Per: time.Second})
	small := tab.Stats().Bytes
	for k := range uint64(100_000) {
		tab.Allow(k, int64(k)*int64(time.Millisecond), 1)
	}
	if s := tab.Stats(); s.Bytes != small || small > 64<<10 {
		t.Errorf("%d bytes became %d", small, s.Bytes)
	}
}

// TestOlderLevelsAreGivenUp: once what was in them is over and new keys come, there is
// one level again.
func TestOlderLevelsAreGivenUp(t *testing.T) {
	const keys = 1 << 16
	tab := table(keys, gcra.Rate{Events: 1, Per: time.Minute})
	for k := range uint64(keys) {
		tab.Allow(k, 0, 1)
	}
	grown := tab.Stats()
	for k := range uint64(keys) {
		tab.Allow(1<<40+k, 60*sec+1000, 1)
	}
	s := tab.Stats()
	if s.Bytes > grown.Bytes/8*7 || s.Overflow != 0 {
		t.Errorf("%+v became %+v", grown, s)
	}
}
