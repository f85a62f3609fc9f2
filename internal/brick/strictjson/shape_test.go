package strictjson_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"haechi/internal/brick/strictjson"
)

// judged is everything that a scan says.
func judged(s *strictjson.Scanner, in []byte, paths int) string {
	end, f := s.Scan(in)
	text := fmt.Sprintf("%v at %d", f, end)
	for slot := 0; f == strictjson.OK && slot < paths; slot++ {
		v := s.Value(slot)
		text += fmt.Sprintf(" %d:%d@%d %q %t", slot, v.Kind, v.At, v.Raw, v.Escaped)
	}
	return text
}

// maker writes objects of few names, so that one often has the shape of another, or
// nearly, and names are often alike.
type maker struct{ *rand.Rand }

func (m maker) object(depth int) string {
	names := []string{"a", "b", "A", "room", "Room", "data", "auth", `\u0061`, "é", "event", "room2"}
	var all []string
	for range m.IntN(5) {
		all = append(all, `"`+names[m.IntN(len(names))]+`"`+m.some("", " ")+":"+m.value(depth+1))
	}
	return "{" + strings.Join(all, m.some(",", ", ")) + m.some("}", "}", "}", "}", "}", ",}", "")
}

func (m maker) some(of ...string) string { return of[m.IntN(len(of))] }

func (m maker) value(depth int) string {
	switch m.IntN(6) {
	case 0, 1:
		if depth < 4 {
			return m.object(depth)
		}
	case 2:
		if depth < 4 {
			return "[" + m.object(depth) + "," + m.object(depth) + "]"
		}
	case 3:
		return `"x"`
	}
	return "1"
}

// TestNothingIsRememberedButTime: whatever a scanner has scanned before, it says of the
// next object what one says that has scanned nothing.
func TestNothingIsRememberedButTime(t *testing.T) {
	paths, err := strictjson.Compile(fuzzPaths...)
	if err != nil {
		t.Fatal(err)
	}
	warm := strictjson.New(paths, strictjson.Limits{Depth: 6, Members: 12})
	m := maker{rand.New(rand.NewPCG(1, 2))}
	accepted, refused := 0, map[string]int{}
	for range 30_000 {
		in := []byte(`{"event":"one of a few","data":` + m.object(1) + `,"n":` + m.value(1) + "}")
		cold := strictjson.New(paths, strictjson.Limits{Depth: 6, Members: 12})
		got, want := judged(warm, in, len(fuzzPaths)), judged(cold, in, len(fuzzPaths))
		if got != want {
			t.Fatalf("%s\nsays   %s\nwanted %s", in, got, want)
		}
		if why, _, _ := strings.Cut(want, " at "); why == "no fault" {
			accepted++
		} else {
			refused[why]++
		}
	}
	if accepted < 1000 || len(refused) < 4 {
		t.Errorf("too tame: %d accepted, %v refused", accepted, refused)
	}
}

// TestShapesDoNotHideNames: what a scan foretells of the next never makes two names of
// one object look like those of two.
func TestShapesDoNotHideNames(t *testing.T) {
	for _, tt := range []struct {
		first, then string
		want        strictjson.Fault
	}{
		{`{"event":"aaaaaaaaaaaaaaa","d":[{"x":1},{"y":2},{"x":3}]}`, `{"event":"aaaaaaaaaaaaaaa","d":[{"x":1,"y":2,"x":3}]}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","d":{"x":1},"x":3}`, `{"event":"aaaaaaaaaaaaaaa","d":{"x":1,"x":3}}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":1,"b":2}`, `{"event":"aaaaaaaaaaaaaaa","a":1,"b":2,"a":3}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":1,"b":2}`, `{"event":"aaaaaaaaaaaaaaa","a":1,"b":2,"A":3}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":1,"b":2}`, `{"event":"aaaaaaaaaaaaaaa","a":1,"\u0062":2,"B":1}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":{"Room":1}}`, `{"event":"aaaaaaaaaaaaaaa","data":{"Room":1}}`, strictjson.Lookalike},
		{`{"event":"aaaaaaaaaaaaaaa","a":{},"a2":{}}`, `{"event":"aaaaaaaaaaaaaaa","a":{"a2":1,"a2":2}}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":{"b":1},"b":2}`, `{"event":"aaaaaaaaaaaaaaa","a":{},"b":2,"a":1}`, strictjson.Duplicate},
		{`{"event":"aaaaaaaaaaaaaaa","a":1}`, `{"event":"aaaaaaaaaaaaaaa","a"`, strictjson.Truncated},
		{`{"event":"aaaaaaaaaaaaaaa","a":1}`, `{"event":"aaaaaaaaaaaaaaa","a`, strictjson.Truncated},
		{`{"event":"aaaaaaaaaaaaaaa","a":1}`, `{"event":"aaaaaaaaaaaaaaa","a"1}`, strictjson.Syntax},
		{`{"event":"aaaaaaaaaaaaaaa","a":1}`, "{\"event\":\"aaaaaaaaaaaaaaa\",\"a\x00\":1}", strictjson.Encoding},
	} {
		s := compile(t, fuzzPaths...)
		if _, f := s.Scan([]byte(tt.first)); f != strictjson.OK {
			t.Fatalf("%s: %v", tt.first, f)
		}
		if _, got := s.Scan([]byte(tt.then)); got != tt.want {
			t.Errorf("%s\nafter %s\nis %v, want %v", tt.then, tt.first, got, tt.want)
		}
		if _, f := s.Scan([]byte(tt.first)); f != strictjson.OK {
			t.Errorf("%s again: %v", tt.first, f)
		}
	}
}

// TestLargeShapes: an object with more names, or longer ones, than are remembered is
// judged as any other, again and again.
func TestLargeShapes(t *testing.T) {
	paths, err := strictjson.Compile("n")
	if err != nil {
		t.Fatal(err)
	}
	s := strictjson.New(paths, strictjson.Limits{Members: 250})
	object := func(n int, name string) []byte {
		b := []byte("{")
		for i := range n {
			b = fmt.Appendf(b, `"%s%d":{"x":%d},`, name, i, i)
		}
		return append(b, `"n":1}`...)
	}
	for range 3 {
		for _, n := range []int{0, 1, 20, 47, 48, 100, 124, 125, 126} {
			for _, name := range []string{"k", strings.Repeat("k", 100), "é"} {
				want := strictjson.OK
				if n >= 125 {
					want = strictjson.TooMany
				}
				if _, f := s.Scan(object(n, name)); f != want {
					t.Errorf("%d names: %v, want %v", n, f, want)
				}
			}
		}
	}
}
