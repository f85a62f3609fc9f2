package conncap_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/conncap"
)

func client(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

func TestTenPassTheEleventhIsRefused(t *testing.T) {
	c := conncap.New(10, 100)
	for i := range 10 {
		if !c.Acquire(client(1)) {
			t.Fatalf("connection %d of 10 refused", i+1)
		}
	}
	if c.Acquire(client(1)) {
		t.Error("connection 11 admitted")
	}
	if !c.Acquire(client(2)) {
		t.Error("another client refused")
	}
	c.Release(client(1))
	if !c.Acquire(client(1)) {
		t.Error("a released place was not given again")
	}
	if c.Refused() != 1 || c.Count() != 11 || c.Held(client(1)) != 10 || c.Clients() != 2 {
		t.Errorf("refused %d, count %d, held %d, clients %d", c.Refused(), c.Count(), c.Held(client(1)), c.Clients())
	}
}

func TestFullTableRefusesStrangersOnly(t *testing.T) {
	c := conncap.New(2, 3)
	for i := range 3 {
		c.Acquire(client(i))
	}
	if c.Acquire(client(9)) {
		t.Error("a stranger was admitted by a full table")
	}
	if !c.Acquire(client(0)) {
		t.Error("a known client was refused by a full table")
	}
	c.Release(client(1))
	if !c.Acquire(client(9)) {
		t.Error("the free place was not given")
	}
}

func TestReleaseWithoutAcquireChangesNothing(t *testing.T) {
	c := conncap.New(1, 1)
	c.Release(client(1))
	if c.Count() != 0 || c.Clients() != 0 || !c.Acquire(client(1)) || c.Acquire(client(1)) {
		t.Error("a stray release gave a place away")
	}
}

func TestConcurrentAcquireNeverExceedsTheCap(t *testing.T) {
	c := conncap.New(10, 1000)
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if c.Acquire(client(7)) {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 10 || c.Count() != 10 || c.Refused() != 790 {
		t.Errorf("admitted %d, count %d, refused %d", got.Load(), c.Count(), c.Refused())
	}
}

// TestModel compares with a plain map.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, held := conncap.New(3, 4), map[int]int{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			id := rapid.IntRange(0, 6).Draw(t, "client")
			if rapid.Bool().Draw(t, "release") {
				c.Release(client(id))
				if held[id]--; held[id] <= 0 {
					delete(held, id)
				}
				continue
			}
			want := held[id] < 3 && (held[id] > 0 || len(held) < 4)
			if got := c.Acquire(client(id)); got != want {
				t.Fatalf("Acquire(%d) with %v = %v", id, held, got)
			}
			if want {
				held[id]++
			}
		}
		if got, want := c.Clients(), len(held); got != want {
			t.Fatalf("Clients() = %d, want %d", got, want)
		}
	})
}

func BenchmarkAcquireRelease(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, i := conncap.New(10, n), 0
			b.ReportAllocs()
			for b.Loop() {
				p := client(i % n)
				c.Acquire(p)
				c.Release(p)
				i++
			}
		})
	}
}
