package columnar_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/columnar"
)

// row is what the tests put into a block: numbers in the even columns, texts in the odd.
type row struct {
	numbers [4]int64
	texts   [4]string
}

func build(b *columnar.Builder, rows []row) []byte {
	b.Reset()
	for i := range rows {
		b.Next()
		for c, v := range rows[i].numbers {
			b.Int(c*20, v)
		}
		for c, s := range rows[i].texts {
			b.Text(c*20+3, s)
		}
	}
	return b.Append([]byte("before"))[len("before"):]
}

func read(r *columnar.Reader, block []byte) ([]row, error) {
	if err := r.Open(block); err != nil {
		return nil, err
	}
	if err := r.Load(); err != nil {
		return nil, err
	}
	out := make([]row, r.Len())
	for i := range out {
		for c := range out[i].numbers {
			out[i].numbers[c] = r.Ints(c * 20)[i]
			out[i].texts[c] = r.Text(c*20+3, i)
		}
	}
	return out, nil
}

// What went in comes out, whatever the numbers and texts are.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	b, r := columnar.NewBuilder(), columnar.NewReader()
	number := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{0, math.MinInt64, math.MaxInt64}))
	one := rapid.Custom(func(t *rapid.T) (w row) {
		for i := range w.numbers {
			w.numbers[i] = number.Draw(t, "number")
			w.texts[i] = rapid.SampledFrom([]string{"", "", "a", "b", "\x00\xff", rapid.String().Draw(t, "text")}).Draw(t, "which")
		}
		return w
	})
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(one, 1, 300).Draw(t, "rows")
		got, err := read(r, build(b, rows))
		if err != nil || !slices.Equal(got, rows) {
			t.Fatalf("%v\n%v\n%v", err, got, rows)
		}
	})
}

// A wrong bit, wherever it is, is noticed; so is a block that is cut.
func TestDamage(t *testing.T) {
	t.Parallel()
	b, r := columnar.NewBuilder(), columnar.NewReader()
	block := build(b, traffic(40))
	for i := range block {
		for bit := range 8 {
			bad := slices.Clone(block)
			bad[i] ^= 1 << bit
			if _, err := read(r, bad); err == nil {
				t.Fatalf("bit %d of byte %d is wrong, and nothing notices", bit, i)
			}
		}
		if _, err := read(r, block[:i]); err == nil {
			t.Fatalf("cut after %d bytes, and nothing notices", i)
		}
	}
}

// traffic are rows as they come: times that rise, a few texts that repeat.
func traffic(n int) []row {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]row, n)
	at := int64(1763807430000000500)
	for i := range out {
		at += r.Int64N(10_000)
		out[i] = row{[4]int64{at, 200, r.Int64N(1 << 16), r.Int64N(1 << 20)}, [4]string{"shop", "GET", "/item/" + strconv.Itoa(r.IntN(50)), ""}}
	}
	return out
}

// Numbers of texts are those of the block, and a text that is not there has none.
func TestNumbers(t *testing.T) {
	t.Parallel()
	b, r := columnar.NewBuilder(), columnar.NewReader()
	b.Next()
	n := b.Text(1, "a")
	b.Next()
	b.Again(1, n)
	if m := b.Text(2, "b"); m == n || b.Text(3, "a") != n || b.Text(4, "") != 0 ||
		b.Bytes(5, []byte("a")) != n || b.Bytes(6, []byte("c")) == n || b.Bytes(7, nil) != 0 {
		t.Error("two texts of one number, or one of two")
	}
	if err := r.Open(b.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if r.Len() != 2 || r.Number("a") != n || r.Number("d") != 0 || r.Number("") != 0 {
		t.Error("the reader has other numbers")
	}
	if err := r.Load(); err != nil || r.Text(1, 0) != "a" || r.Text(1, 1) != "a" || r.Text(2, 0) != "" {
		t.Error("the rows have other texts", err)
	}
}

// A thousand rows take a few bytes each, and no memory once the builder has its own.
func TestNotAllocate(t *testing.T) {
	b, r := columnar.NewBuilder(), columnar.NewReader()
	rows, buf := traffic(1000), make([]byte, 0, 1<<16)
	fill := func() []byte {
		b.Reset()
		for i := range rows {
			b.Next()
			for c := range rows[i].numbers {
				b.Int(c, rows[i].numbers[c])
				b.Text(c+8, rows[i].texts[c])
			}
		}
		return b.Append(buf)
	}
	if n := len(fill()); n > 8000 {
		t.Errorf("%d bytes", n)
	}
	if n := testing.AllocsPerRun(20, func() { fill() }); n != 0 {
		t.Errorf("%v allocations for a block", n)
	}
	block := slices.Clone(fill())
	if _, err := read(r, block); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() {
		if r.Open(block) != nil || r.Load() != nil {
			t.Error("a good block is refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations to read a block", n)
	}
}

// FuzzOpen: no bytes make it panic, with a sum that fits them or without; and rows that
// it gives make a block that gives the same.
func FuzzOpen(f *testing.F) {
	b := columnar.NewBuilder()
	for _, n := range []int{1, 2, 40} {
		block := build(b, traffic(n))
		f.Add(block[:len(block)-4])
	}
	f.Add([]byte{1, 1, 1, 0, 0, 64 | 128, 1, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := columnar.NewReader()
		if len(body) >= 4 {
			if _, err := read(r, body); err == nil {
				t.Log("a sum by chance")
			}
		}
		block := binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		rows, err := read(r, block)
		if err != nil {
			return
		}
		if got, err := read(r, build(columnar.NewBuilder(), rows)); err != nil || !slices.Equal(got, rows) {
			t.Errorf("%v: %v became %v", err, rows, got)
		}
	})
}
