package ring_test

import (
	"slices"
	"sync"
	"testing"

	"haechi/internal/brick/ring"
)

func TestKeepsTheLastInOrder(t *testing.T) {
	r := ring.New[int](3)
	for n, want := range [][]int{{}, {1}, {1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {4, 5, 6}, {5, 6, 7}} {
		if n > 0 {
			r.Push(n)
		}
		if got := r.Append(nil); !slices.Equal(got, want) || r.Len() != len(want) || r.Pushed() != uint64(n) {
			t.Errorf("after %d pushes: %v (len %d, pushed %d), want %v", n, got, r.Len(), r.Pushed(), want)
		}
	}
}

func TestSizeIsAtLeastOne(t *testing.T) {
	r := ring.New[string](0)
	r.Push("a")
	r.Push("b")
	if got := r.Append(nil); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %v, want [b]", got)
	}
}

func TestConcurrentPushes(t *testing.T) {
	r := ring.New[int](8)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				r.Push(g*1000 + i)
				if got := r.Append(nil); len(got) > 8 {
					t.Errorf("%d values in a ring of 8", len(got))
				}
			}
		})
	}
	wg.Wait()
	if r.Pushed() != 4000 || r.Len() != 8 {
		t.Errorf("pushed %d, holds %d", r.Pushed(), r.Len())
	}
}
