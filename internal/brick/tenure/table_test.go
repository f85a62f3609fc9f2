package tenure_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"haechi/internal/brick/tenure"
)

func TestSince(t *testing.T) {
	tab := tenure.New(100)
	if d := tab.Since(7, time.Hour); d != 0 {
		t.Errorf("a stranger is known for %v", d)
	}
	tab.Met(7, time.Hour)
	tab.Met(7, 2*time.Hour)
	if d := tab.Since(7, 3*time.Hour); d != 2*time.Hour {
		t.Errorf("known for %v, want 2h", d)
	}
	if d := tab.Since(7, 3*time.Hour+tenure.Forget); d != 0 {
		t.Errorf("not forgotten: %v", d)
	}
	tab.Met(7, 3*time.Hour+tenure.Forget)
	if d := tab.Since(7, 4*time.Hour+tenure.Forget); d != time.Hour {
		t.Errorf("known for %v after it was forgotten, want 1h", d)
	}
}

// A flood of new keys replaces one another, and nobody who has been known for longer.
func TestAFloodForgetsNobodyOld(t *testing.T) {
	tab, rng := tenure.New(10_000), rand.New(rand.NewPCG(3, 4))
	old := make([]uint64, 2000)
	for i := range old {
		old[i] = rng.Uint64()
		tab.Met(old[i], 0)
	}
	for _, k := range old {
		tab.Met(k, 10*time.Minute)
	}
	for range 1_000_000 {
		tab.Met(rng.Uint64(), 11*time.Minute)
	}
	lost := 0
	for _, k := range old {
		if tab.Since(k, 11*time.Minute) < 11*time.Minute {
			lost++
		}
	}
	if lost > 5 { // where more than eight share a bucket
		t.Errorf("%d of 2000 are forgotten", lost)
	}
}

func TestConcurrentUse(t *testing.T) {
	tab := tenure.New(100)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10_000 {
				tab.Met(uint64(i)<<30, time.Duration(w)*time.Second)
				tab.Since(uint64(i)<<30, time.Minute)
			}
		})
	}
	wg.Wait()
}

func TestCallsDoNotAllocate(t *testing.T) {
	tab := tenure.New(100)
	if n := testing.AllocsPerRun(100, func() { tab.Met(1<<40, time.Hour); tab.Since(1<<40, time.Hour) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAStateIsRestored(t *testing.T) {
	tab := tenure.New(1000)
	for k := range uint64(500) {
		tab.Met(k<<33|k, time.Duration(k)*time.Second)
	}
	state, err := tab.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	next := tenure.New(1000)
	if err := next.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	for k := range uint64(500) {
		if a, b := tab.Since(k<<33|k, time.Hour), next.Since(k<<33|k, time.Hour); a != b {
			t.Fatalf("key %d is known for %v, was for %v", k, b, a)
		}
	}
	for name, bad := range map[string][]byte{"nothing": nil, "a part": state[:len(state)-1], "another size": append([]byte{1}, state[1:]...)} {
		if err := next.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzState(f *testing.F) {
	tab := tenure.New(64)
	tab.Met(1<<40, time.Hour)
	state, err := tab.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, b []byte) {
		one := tenure.New(64)
		if one.UnmarshalBinary(b) != nil {
			return
		}
		again, err := one.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := tenure.New(64).UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		one.Met(1<<40, 2*time.Hour)
		one.Since(1<<41, 3*time.Hour)
	})
}
