package qr_test

import (
	"fmt"
	"strings"
	"testing"

	"haechi/internal/brick/qr"
)

// code is an enrolment code of the length that there is.
const code = "HC1-7K29Q-ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789-ABCD-EFGH-JKMN-PQRS-TVWX"

func encode(t *testing.T, text string) *qr.Code {
	t.Helper()
	c, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// finder reports whether a corner has the pattern by which a camera finds the code:
// seven dark modules around, a light ring, three by three dark ones.
func finder(c *qr.Code, x0, y0 int) bool {
	for y := range 7 {
		for x := range 7 {
			ring := max(max(x, 6-x), max(y, 6-y)) // 3 in the middle, 6 at the edge
			if c.Dark(x0+x, y0+y) != (ring != 5) {
				return false
			}
		}
	}
	return true
}

func TestShape(t *testing.T) {
	c := encode(t, code)
	if c.Size() != 33+8 { // version 4 holds 90 such characters at level M
		t.Errorf("%d modules", c.Size())
	}
	far := c.Size() - 4 - 7
	if !finder(c, 4, 4) || !finder(c, far, 4) || !finder(c, 4, far) {
		t.Error("the finder patterns are not where they belong")
	}
	for i := range c.Size() {
		for q := range 4 {
			if c.Dark(i, q) || c.Dark(q, i) || c.Dark(i, c.Size()-1-q) || c.Dark(c.Size()-1-q, i) {
				t.Fatal("the quiet zone is not empty")
			}
		}
	}
}

// The drawings show the same modules.
func TestDrawingsAgree(t *testing.T) {
	for _, text := range []string{"A", code, strings.Repeat("도", 100)} {
		c := encode(t, text)
		painted := map[[2]int]bool{}
		for part := range strings.SplitSeq(strings.TrimPrefix(c.Path(), "M"), "M") {
			var x, y, w, back int
			if _, err := fmt.Sscanf(part, "%d %dh%dv1h-%dz", &x, &y, &w, &back); err != nil || w != back {
				t.Fatalf("%q: %v", part, err)
			}
			for i := range w {
				painted[[2]int{x + i, y}] = true
			}
		}
		plain, inverted := c.Lines(false), c.Lines(true)
		for y := range c.Size() {
			row, other := []rune(plain[y/2]), []rune(inverted[y/2])
			for x := range c.Size() {
				light, dark := "█▀", "█▀"
				if y%2 == 1 {
					light, dark = "█▄", "█▄"
				}
				if c.Dark(x, y) != painted[[2]int{x, y}] || c.Dark(x, y) == strings.ContainsRune(light, row[x]) || c.Dark(x, y) != strings.ContainsRune(dark, other[x]) {
					t.Fatalf("%q: module %d %d differs", text[:1], x, y)
				}
			}
		}
	}
}

func TestBounds(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("x", qr.MaxText+1)} {
		if _, err := qr.Encode(text); err == nil {
			t.Errorf("%d bytes were taken", len(text))
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add(code)
	f.Add("도매까봇/0123456789abcdef")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := qr.Encode(text)
		if err != nil {
			return
		}
		if n := len(c.Lines(false)); n != (c.Size()+1)/2 || c.Path() == "" || !finder(c, 4, 4) {
			t.Errorf("%q: %d lines for %d modules", text, n, c.Size())
		}
	})
}
