package wordscan_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"haechi/internal/brick/wordscan"
)

func scan(t testing.TB, words []string, text string) []uint32 {
	t.Helper()
	a, err := wordscan.New(words)
	if err != nil {
		t.Fatal(err)
	}
	var f wordscan.Found
	a.Scan([]byte(text), &f)
	slices.Sort(f.Words)
	return f.Words
}

// TestScan finds words within words, at both ends, folded, and none where none is.
func TestScan(t *testing.T) {
	words := []string{"he", "she", "hers", "his", "", "/etc/passwd", "해치"}
	for text, want := range map[string][]uint32{
		"uSHErs":               {0, 1, 2},
		"sh":                   nil,
		"":                     nil,
		"his":                  {3},
		"cat /ETC/PASSWD":      {5},
		"문지기 해치":               {6},
		"\xed\x95\xb4\xec\xb9": nil,
	} {
		if got := scan(t, words, text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := scan(t, nil, "text"); len(got) != 0 {
		t.Errorf("no words: %v", got)
	}
}

// TestTooManyWords refuses a table without bound.
func TestTooManyWords(t *testing.T) {
	var words []string
	for i := range 30000 {
		words = append(words, fmt.Sprintf("%09d-word", i*7919))
	}
	if _, err := wordscan.New(words); !errors.Is(err, wordscan.ErrTooManyWords) {
		t.Errorf("got %v", err)
	}
}

// TestScanAllocatesNothing holds for the second scan on.
func TestScanAllocatesNothing(t *testing.T) {
	a, err := wordscan.New([]string{"select", "union", "from", "or"})
	if err != nil {
		t.Fatal(err)
	}
	var f wordscan.Found
	text := []byte(strings.Repeat("select or union ", 20))
	a.Scan(text, &f)
	if n := testing.AllocsPerRun(100, func() { f.Reset(); a.Scan(text, &f) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// FuzzScan compares with a search for each word.
func FuzzScan(f *testing.F) {
	f.Add("he she hers his", "ushers")
	f.Add("aa aaa a", "baaaa")
	f.Add("\xff\x80 \x00", "\x00\xff\x80")
	f.Fuzz(func(t *testing.T, list, text string) {
		if len(list) > 300 || len(text) > 1000 {
			t.Skip()
		}
		words := strings.Split(list, " ")
		got := scan(t, words, text)
		low := lower(text)
		for i, w := range words {
			want := w != "" && bytes.Contains(low, lower(w))
			if slices.Contains(got, uint32(i)) != want {
				t.Errorf("%q in %q: want %t", w, text, want)
			}
		}
	})
}

func lower(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return b
}
