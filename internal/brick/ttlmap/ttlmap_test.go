package ttlmap_test

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi/internal/brick/ttlmap"
)

func at(s int) time.Time { return time.Unix(1_800_000_000+int64(s), 0) }

func TestEntriesEndAtTheirTime(t *testing.T) {
	m := ttlmap.New[string, int](2)
	m.Put("a", 1, at(10), at(0))
	if v, ok := m.Get("a", at(9)); !ok || v != 1 {
		t.Errorf("before its end: %d, %v", v, ok)
	}
	if _, ok := m.Get("a", at(10)); ok {
		t.Error("an entry lives at its end")
	}
	if n := m.Sweep(at(10)); n != 1 || m.Len() != 0 {
		t.Errorf("swept %d, %d left", n, m.Len())
	}
	if m.Put("b", 2, at(5), at(5)) {
		t.Error("an entry that is over was stored")
	}
}

func TestFullMapRefusesAndKeepsLiveEntries(t *testing.T) {
	m := ttlmap.New[int, int](3)
	for i := range 3 {
		m.Put(i, i, at(100+i), at(0))
	}
	if m.Put(9, 9, at(500), at(99)) {
		t.Error("a full map took a fourth")
	}
	if !m.Put(1, 11, at(300), at(99)) {
		t.Error("a known key could not be renewed")
	}
	if !m.Put(9, 9, at(500), at(100)) {
		t.Error("the place of an ended entry was not given")
	}
	if v, ok := m.Get(1, at(299)); !ok || v != 11 {
		t.Errorf("the renewed entry is %d, %v", v, ok)
	}
	if refused, evicted := m.Counts(); refused != 1 || evicted != 0 {
		t.Errorf("refused %d, evicted %d", refused, evicted)
	}
}

func TestReplaceGivesUpTheFirstToEnd(t *testing.T) {
	m := ttlmap.New[string, int](2)
	m.Put("late", 1, at(100), at(0))
	m.Put("soon", 2, at(50), at(0))
	m.Replace("new", 3, at(70), at(1))
	if _, ok := m.Get("soon", at(2)); ok {
		t.Error("the first to end is still there")
	}
	if _, ok := m.Get("late", at(2)); !ok {
		t.Error("the last to end was given up")
	}
	if _, evicted := m.Counts(); evicted != 1 {
		t.Errorf("evicted %d, want 1", evicted)
	}
}

func TestDelete(t *testing.T) {
	m := ttlmap.New[string, int](2)
	m.Put("a", 1, at(10), at(0))
	if !m.Delete("a") || m.Delete("a") || m.Len() != 0 {
		t.Error("delete does not forget exactly once")
	}
}

func TestConcurrentUse(t *testing.T) {
	m := ttlmap.New[int, int](50)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				m.Put(i%80, g, at(i+5), at(i))
				m.Get(i%80, at(i))
				m.Delete((i + 3) % 80)
			}
		})
	}
	wg.Wait()
	if m.Len() > 50 {
		t.Errorf("%d entries in a map of 50", m.Len())
	}
}

// TestModel compares with a plain map that is swept in full before every step.
func TestModel(t *testing.T) {
	type kept struct{ value, until int }
	rapid.Check(t, func(t *rapid.T) {
		m, model, now := ttlmap.New[int, int](5), map[int]kept{}, 0
		for step := range rapid.IntRange(0, 80).Draw(t, "steps") {
			now += rapid.IntRange(0, 3).Draw(t, "pass")
			for k, e := range model {
				if e.until <= now {
					delete(model, k)
				}
			}
			key := rapid.IntRange(0, 9).Draw(t, "key")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				until := now + rapid.IntRange(1, 20).Draw(t, "life")
				_, known := model[key]
				want := known || len(model) < 5
				if got := m.Put(key, step, at(until), at(now)); got != want {
					t.Fatalf("Put = %v, want %v with %v", got, want, model)
				}
				if want {
					model[key] = kept{step, until}
				}
			case 1:
				v, ok := m.Get(key, at(now))
				if e, want := model[key]; ok != want || (ok && v != e.value) {
					t.Fatalf("Get(%d) = %d, %v with %v", key, v, ok, model)
				}
			case 2:
				m.Delete(key)
				delete(model, key)
			}
		}
	})
}
