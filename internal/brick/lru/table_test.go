package lru_test

import (
	"slices"
	"testing"

	"haechi/internal/brick/lru"
)

func TestANewKeyTakesTheRoomOfAnIdleOneOnly(t *testing.T) {
	table := lru.New[string, int](2, 10, func(k string, h lru.Hash) lru.Hash { return h.Text(k) })
	for i, k := range []string{"a", "b"} {
		if v, fresh := table.Use(k, int64(i)); v == nil || !fresh {
			t.Fatalf("%s: got %v, %v", k, v, fresh)
		} else {
			*v = i + 1
		}
	}
	table.Use("a", 5)
	if v, _ := table.Use("c", 10); v != nil || table.Refused() != 1 {
		t.Fatalf("c took the place of a key in use; refused %d", table.Refused())
	}
	v, fresh := table.Use("c", 11) // b was used at 1
	if v == nil || !fresh || *v != 0 {
		t.Fatalf("c: got %v, %v", v, fresh)
	}
	if table.Peek("b") != nil || *table.Peek("a") != 1 || table.Len() != 2 {
		t.Fatal("the wrong key was given up")
	}
}

func TestKeysAreWalkedInTheOrderOfTheirUse(t *testing.T) {
	table := lru.New[int, int](8, 0, func(k int, h lru.Hash) lru.Hash { return h.Number(uint64(k)) })
	for i := range 6 {
		table.Use(i, int64(i))
	}
	table.Use(2, 7)
	table.Use(9, 7)
	table.Drop(9)
	table.Drop(9)
	table.Use(0, 6) // the clock stepped back: counts as 7
	var gone, left []int
	table.Expire(4, func(k int, _ *int) { gone = append(gone, k) })
	for k := range table.All() {
		left = append(left, k)
	}
	if !slices.Equal(gone, []int{1, 3}) || !slices.Equal(left, []int{4, 5, 2, 0}) {
		t.Fatalf("gone %v, left %v", gone, left)
	}
}

func TestUseAllocatesNothingOnceTheTableIsFull(t *testing.T) {
	table := lru.New[uint64, [4]uint64](256, 0, lru.Number)
	for i := range uint64(1024) {
		table.Use(i, int64(i))
	}
	i := uint64(1024)
	if n := testing.AllocsPerRun(1000, func() { table.Use(i, int64(i)); i++ }); n > 0.01 {
		t.Fatalf("%v allocations a use", n)
	}
}
