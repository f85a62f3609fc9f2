package transform_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"haechi/internal/brick/transform"
)

// TestIn holds the sets to the texts that they are of.
func TestIn(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte(dice.IntN(256)) >> (n % 3)
		}
		in, low := transform.In(text), transform.In(bytes.Clone(text)).Lower()
		for b := range 256 {
			var want, wantLow bool
			for _, x := range text {
				want = want || x == byte(b)
				if 'A' <= x && x <= 'Z' {
					x += 'a' - 'A'
				}
				wantLow = wantLow || x == byte(b)
			}
			one := transform.Of(string([]byte{byte(b)}))
			if in.Meets(&one) != want || low.Meets(&one) != wantLow {
				t.Fatalf("%q: %#x is %v and %v", text, b, in.Meets(&one), low.Meets(&one))
			}
		}
	}
}
