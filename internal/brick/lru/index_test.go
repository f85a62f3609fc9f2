package lru_test

import (
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/lru"
)

// TestAgainstAMap: whatever is used and dropped, and however badly keys are hashed, the
// table holds what a map would.
func TestAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		same := rapid.IntRange(1, 64).Draw(t, "hashes that differ")
		table := lru.New[int, int](4096, 0, func(k int, _ lru.Hash) lru.Hash { return lru.Hash(k % same) })
		want := map[int]int{}
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			k := rapid.IntRange(0, 60).Draw(t, "key")
			if rapid.IntRange(0, 2).Draw(t, "do") == 0 {
				table.Drop(k)
				delete(want, k)
				continue
			}
			v, fresh := table.Use(k, int64(i))
			if _, known := want[k]; known == fresh || *v != want[k] {
				t.Fatalf("%d is %d, fresh %v; want %d, known %v", k, *v, fresh, want[k], known)
			}
			*v = i + 1
			want[k] = i + 1
		}
		n := 0
		for k, v := range table.All() {
			if n++; want[k] != *v || table.Peek(k) != v {
				t.Fatalf("%d is %d, want %d", k, *v, want[k])
			}
		}
		if n != len(want) || table.Len() != n {
			t.Fatalf("%d keys and Len %d, want %d", n, table.Len(), len(want))
		}
	})
}

// TestEveryByteOfATextCounts: texts that differ anywhere hash apart.
func TestEveryByteOfATextCounts(t *testing.T) {
	seen := map[lru.Hash]string{}
	text := []byte("the quick brown fox jumps")
	for n := range len(text) {
		for i := range n {
			other := append([]byte(nil), text[:n]...)
			other[i]++
			for _, s := range []string{string(text[:n]), string(other)} {
				h := lru.Hash(7).Text(s)
				if was, ok := seen[h]; ok && was != s {
					t.Fatalf("%q and %q hash alike", was, s)
				}
				seen[h] = s
			}
		}
	}
}
