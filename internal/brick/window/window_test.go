package window_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi/internal/brick/window"
)

const minute = int64(time.Minute)

func counts(limit, keys int) *window.Counts {
	return window.NewCounts(window.Config{Window: time.Minute, Limit: limit, Keys: keys})
}

func add(t *testing.T, c window.Counter, key uint64, at int64, s window.Sample) float64 {
	t.Helper()
	r, ok := c.Add(key, at, s)
	if !ok {
		t.Fatalf("key %d refused", key)
	}
	return r.Value
}

func TestCountsAtTheLimit(t *testing.T) {
	for _, limit := range []int{0, 1, 5, 10, 20, 100, 1000, window.MaxExact} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			c := counts(limit, 4)
			for i := 1; i <= limit+1; i++ {
				if got := add(t, c, 7, int64(i), window.Sample{N: 1}); got != float64(i) {
					t.Fatalf("observation %d reads %v", i, got)
				}
			}
		})
	}
}

func TestCountsEdgeOfWindow(t *testing.T) {
	c := counts(3, 4)
	for i := range 3 {
		add(t, c, 7, int64(i), window.Sample{N: 1})
	}
	if got := add(t, c, 7, minute-1, window.Sample{N: 1}); got != 4 {
		t.Errorf("just inside the window: %v, want 4", got)
	}
	c = counts(3, 4)
	for i := range 3 {
		add(t, c, 7, int64(i), window.Sample{N: 1})
	}
	if got := add(t, c, 7, minute, window.Sample{N: 1}); got != 3 {
		t.Errorf("an observation exactly a window old still counts: %v, want 3", got)
	}
}

// model is the plain truth that the tables are measured against.
type model struct{ at, n []int64 }

func (m *model) count(now int64) (total int64) {
	for i, at := range m.at {
		if at > now-minute {
			total += m.n[i]
		}
	}
	return total
}

func TestCountsAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		c := counts(limit, 2)
		var m model
		now := int64(1_700_000_000_000_000_000)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now += rapid.Int64Range(0, 4_000_000_000).Draw(t, "gap")
			n := rapid.SampledFrom([]int64{1, 1, 1, 1, 0, 3, 90}).Draw(t, "n")
			m.at, m.n = append(m.at, now), append(m.n, n)
			r, ok := c.Add(1, now, window.Sample{N: uint64(n)})
			truth := m.count(now)
			switch {
			case !ok:
				t.Fatal("refused")
			case (r.Value > float64(limit)) != (truth > int64(limit)):
				t.Fatalf("limit %d: reads %v, truth %d", limit, r.Value, truth)
			case truth <= int64(limit) && r.Value != float64(truth):
				t.Fatalf("below the limit %d it must be exact: reads %v, truth %d", limit, r.Value, truth)
			case r.Value > float64(truth):
				t.Fatalf("reads %v, more than the truth %d", r.Value, truth)
			}
		}
	})
}

func TestCountsReportTheSizeOfAFlood(t *testing.T) {
	c := counts(10, 2)
	var got float64
	for i := range int64(100_000) { // 1,000 a second for 100 s
		got = add(t, c, 1, i*int64(time.Millisecond), window.Sample{N: 1})
	}
	if got < 60_000*15/16 || got > 60_000 {
		t.Errorf("a flood of 60,000 a minute reads %v", got)
	}
}

func TestCountsOfCoalescedObservations(t *testing.T) {
	c := counts(10, 2)
	if got := add(t, c, 1, 1, window.Sample{N: 1_000_000}); got != 1_000_000 {
		t.Errorf("a million in one sample reads %v", got)
	}
	if got := add(t, c, 1, 2, window.Sample{N: 1}); got != 1_000_001 {
		t.Errorf("one more reads %v", got)
	}
}

func TestDistinctsAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 20).Draw(t, "limit")
		c := window.NewDistincts(window.Config{Window: time.Minute, Limit: limit, Keys: 2})
		seen := map[uint64]int64{}
		now := int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += rapid.Int64Range(0, 5_000_000_000).Draw(t, "gap")
			v := rapid.Uint64Range(0, 30).Draw(t, "value")
			seen[v] = now
			truth := 0
			for _, at := range seen {
				if at > now-minute {
					truth++
				}
			}
			r, ok := c.Add(1, now, window.Sample{N: 1, Value: v})
			if want := min(truth, limit+1); !ok || r.Value != float64(want) {
				t.Fatalf("limit %d reads %v, want %d", limit, r.Value, want)
			}
		}
	})
}

func TestSumsNeverCountTooMuchOrForTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := window.NewSums(window.Config{Window: time.Minute, Keys: 2})
		var m model
		now := int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += rapid.Int64Range(0, 5_000_000_000).Draw(t, "gap")
			v := rapid.Int64Range(0, 1000).Draw(t, "amount")
			m.at, m.n = append(m.at, now), append(m.n, v)
			r, _ := c.Add(1, now, window.Sample{N: 1, Value: uint64(v)})
			least := model{at: m.at, n: m.n}.since(now - minute*15/16)
			if r.Value > float64(m.count(now)) || r.Value < float64(least) {
				t.Fatalf("reads %v, truth %d, at least %d", r.Value, m.count(now), least)
			}
		}
	})
}

func (m model) since(at int64) (total int64) {
	for i := range m.at {
		if m.at[i] > at {
			total += m.n[i]
		}
	}
	return total
}

func TestShares(t *testing.T) {
	c := window.NewShares(window.Config{Window: time.Minute, Keys: 2})
	add(t, c, 1, 1, window.Sample{N: 8})
	r, _ := c.Add(1, 2, window.Sample{N: 2, Value: 2})
	if r.Value != 0.2 || r.Total != 10 {
		t.Errorf("2 hits of 10 read %v of %v", r.Value, r.Total)
	}
	if r, _ = c.Add(2, 2, window.Sample{}); r.Value != 0 {
		t.Errorf("nothing of nothing reads %v", r.Value)
	}
}

func TestFullTableRefusesUntilAKeyIsIdle(t *testing.T) {
	c := counts(5, 2)
	add(t, c, 1, 0, window.Sample{N: 3})
	add(t, c, 2, 10, window.Sample{N: 1})
	if _, ok := c.Add(3, minute-1, window.Sample{N: 1}); ok || c.Refused() != 1 {
		t.Fatalf("a live key was evicted (refused %d)", c.Refused())
	}
	if got := add(t, c, 1, minute-1, window.Sample{N: 1}); got != 4 {
		t.Errorf("the old key lost its count: %v", got)
	}
	if got := add(t, c, 3, minute+10, window.Sample{N: 1}); got != 1 {
		t.Errorf("the place of the idle key 2 was not reused cleanly: %v", got)
	}
	if got := add(t, c, 1, minute+10, window.Sample{N: 1}); got != 2 {
		t.Errorf("key 1 reads %v, want 2", got)
	}
}

func TestExpire(t *testing.T) {
	c := counts(5, 8)
	for k := range uint64(8) {
		add(t, c, k, int64(k), window.Sample{N: 1})
	}
	c.Expire(5)
	if c.Len() != 3 {
		t.Errorf("%d keys left, want 3", c.Len())
	}
	if got := add(t, c, 0, 9, window.Sample{N: 1}); got != 1 {
		t.Errorf("an expired key remembers: %v", got)
	}
}

func TestClockSteps(t *testing.T) {
	c := counts(5, 1)
	add(t, c, 1, 100*minute, window.Sample{N: 5})
	if got := add(t, c, 1, 100*minute-5, window.Sample{N: 1}); got != 6 {
		t.Errorf("a little out of order must count: %v", got)
	}
	if got := add(t, c, 1, minute, window.Sample{N: 1}); got != 1 {
		t.Errorf("after a step back the key starts anew: %v", got)
	}
	add(t, c, 1, 100*minute, window.Sample{N: 1})
	if _, ok := c.Add(2, minute, window.Sample{N: 1}); !ok {
		t.Error("a key from the future blocks its place for ever")
	}
}

func TestBudgetOfWordsIsKept(t *testing.T) {
	c := window.NewCounts(window.Config{Window: time.Minute, Limit: 100, Keys: 50, Words: 200})
	for i := range int64(100) {
		for k := range uint64(50) {
			add(t, c, k, i*1000+int64(k), window.Sample{N: 1})
		}
	}
	if c.Cut() == 0 {
		t.Fatal("a spent budget is not counted")
	}
	for k := range uint64(50) { // sub-windows stand in for the exact times
		if got := add(t, c, k, 100_000, window.Sample{}); got != 100 {
			t.Errorf("key %d reads %v", k, got)
		}
	}
	d := window.NewDistincts(window.Config{Window: time.Minute, Limit: 10, Keys: 50, Words: 22})
	for k := range uint64(50) {
		for v := range uint64(20) {
			add(t, d, k, int64(v), window.Sample{N: 1, Value: v})
		}
	}
	if d.Cut() == 0 {
		t.Error("a spent budget of values is not counted")
	}
}

func TestMemoLivesWithItsKey(t *testing.T) {
	c := counts(5, 1)
	r, _ := c.Add(1, 0, window.Sample{N: 1})
	m := r.Memo()
	m.Time, m.Value = 5, 6
	if r, _ = c.Add(1, 1, window.Sample{N: 1}); *r.Memo() != (window.Memo{Time: 5, Value: 6}) {
		t.Errorf("memo lost: %+v", *r.Memo())
	}
	if r, _ = c.Add(2, 5*minute, window.Sample{N: 1}); *r.Memo() != (window.Memo{}) {
		t.Errorf("a new key inherits a memo: %+v", *r.Memo())
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := counts(100, 1000)
	at := int64(0)
	step := func() {
		at += int64(time.Millisecond)
		c.Add(uint64(at/1000)%5000, at, window.Sample{N: 1}) // more keys than fit
	}
	for range 200_000 {
		step()
	}
	if n := testing.AllocsPerRun(20_000, step); n > 0 {
		t.Errorf("%v allocations an observation", n)
	}
}

func BenchmarkCounts(b *testing.B) {
	for _, keys := range []uint64{100, 50_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			c := counts(10, 65_536)
			b.ReportAllocs()
			for i := range b.N {
				c.Add(uint64(i)*2654435761%keys, int64(i)*10_000, window.Sample{N: 1})
			}
		})
	}
}
