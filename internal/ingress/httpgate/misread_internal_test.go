package httpgate

import (
	"strings"
	"testing"
)

// TestHides: what hides dots or a zero byte is found; Korean in either encoding is not.
func TestHides(t *testing.T) {
	for p, want := range map[string]bool{
		"/..\xc0\xaf..\xc0\xafetc/passwd": true, "/\xc0\xae\xc0\xae/etc": true, "/a/\xc0\xae./b": true, "/.\xe0\x80\xae/": true,
		"/..\xc1\x9cwindows": true, "/\xf0\x80\x80\xae./": true, "/a\xc0\x80.png": true, "/a\x00": true, "/\xe0\x80\xae\xe0\x80\xae\xe0\x80\xaf": true,
		"/": false, "/유저/안녕": false, "/\xc0\xaf\xc0\xfa/\xc0\xae": false, "/a..\xc0\xafb": false, "/../a": false, "/x/\xb0\xa1\xb3\xaa": false,
		"/\xe0\xa4\x85": false, "/\xf0\x9f\x98\x80": false, "/\xc0": false, "/\xf0\x80": false, "/..a\xc0\xaf": false,
	} {
		if got := hides(p); got != want {
			t.Errorf("%q: %v", p, got)
		}
	}
}

// FuzzHides: a path in which nothing is overlong hides nothing but a zero byte, and
// shortening twice changes nothing that shortening once left.
func FuzzHides(f *testing.F) {
	for _, s := range []string{"/", "/..\xc0\xaf", "\xe0\x80\xae", "\xf0\x80\x80\xae", "\xc0\xc0\xae"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		short := shortened(p)
		if len(short) > len(p) || short == p && hides(p) != strings.Contains(p, "\x00") {
			t.Fatalf("%q became %q, hides %v", p, short, hides(p))
		}
	})
}

// FuzzFrames: frames are the same in whatever pieces they come.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"), uint8(3))
	f.Add([]byte("\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, piece uint8) {
		type shown struct {
			length      int
			kind, flags byte
			payload     string
		}
		read := func(step int) (out []shown, between bool) {
			var s frames
			for rest := raw; len(rest) > 0; {
				n := min(step, len(rest))
				s.each(rest[:n], func(f *frame) { out = append(out, shown{f.length, f.kind, f.flags, string(f.payload)}) })
				rest = rest[n:]
			}
			return out, s.between()
		}
		whole, end := read(max(len(raw), 1))
		parts, partEnd := read(int(piece)%17 + 1)
		if len(whole) != len(parts) || end != partEnd {
			t.Fatalf("%v, %v", whole, parts)
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Fatalf("%v, %v", whole[i], parts[i])
			}
		}
	})
}
