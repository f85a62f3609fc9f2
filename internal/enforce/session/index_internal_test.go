package session

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// An index holds what a map of lists would, whatever collides: the hash of the test
// leaves three homes.
func TestIndexAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		which := rapid.SampledFrom([]int{atClient, atDevice}).Draw(t, "which")
		ix := newIndex(which, func(k string) uint64 { return uint64(k[0]%3) * shards }, func(l *live) string { return l.device })
		model := map[string][]*live{}
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			k := fmt.Sprintf("%c", rapid.IntRange('a', 'p').Draw(t, "key"))
			if list := model[k]; len(list) > 0 && rapid.Bool().Draw(t, "remove") {
				at := rapid.IntRange(0, len(list)-1).Draw(t, "at")
				l := list[at]
				ix.remove(k, l)
				ix.remove(k, l) // once more does nothing
				model[k] = slices.Delete(slices.Clone(list), at, at+1)
			} else {
				l := &live{id: uint64(i), device: k}
				ix.add(k, l)
				model[k] = append(slices.Clone(list), l)
			}
			for k, want := range model {
				got := ix.list(k)
				slices.SortFunc(got, func(a, b *live) int { return int(a.id) - int(b.id) })
				if !slices.Equal(got, want) {
					t.Fatalf("%s: %d sessions, want %d", k, len(got), len(want))
				}
			}
		}
	})
}

// There is one for every connection: it stays within one of the allocator's sizes.
func TestLiveIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(live{}); n > 96 {
		t.Errorf("a live session has %d bytes, at most 96", n)
	}
}
