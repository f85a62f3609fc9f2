package devicegate

import (
	"strings"
	"testing"

	"haechi"
)

// Where frames end does not depend on the pieces in which they come.
func TestBoundaries(t *testing.T) {
	for _, tt := range []struct {
		f       haechi.Framing
		in      string
		longest int64
		ends    []int
	}{
		{haechi.Framing{}, "one\nlonger\n\nrest", 7, []int{4, 11, 12}},
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 2}, "\x00\x03abc\x00\x00\x00\x01x\x00\x09no", 11, []int{5, 7, 10}},
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4, LittleEndian: true}, "\x03\x00\x00\x00abc\x01\x00\x00\x00x", 7, []int{7, 12}},
		{haechi.Framing{Kind: haechi.JSONStream}, `{"a":"}"} ` + "\n" + `{"b":{"c":"\""}}{`, 16, []int{9, 27}},
	} {
		for _, size := range []int{1, 2, 3, len(tt.in)} {
			var b boundary
			var longest int64
			ends := map[int]bool{}
			for at := 0; at < len(tt.in); at += size {
				l, end := b.pass(&tt.f, []byte(tt.in[at:min(at+size, len(tt.in))]))
				longest = max(longest, l)
				if end > 0 {
					ends[at+end] = true
				}
			}
			if longest != tt.longest || !ends[tt.ends[len(tt.ends)-1]] || !b.within() != (tt.ends[len(tt.ends)-1] == len(tt.in)) {
				t.Errorf("%q in pieces of %d: longest %d, ends %v, within %t", tt.in, size, longest, ends, b.within())
			}
			for _, end := range tt.ends {
				if size == 1 && !ends[end] {
					t.Errorf("%q: no end at %d", tt.in, end)
				}
			}
		}
	}
}

// Nothing that a server sends breaks what follows its frames.
func FuzzBoundary(f *testing.F) {
	f.Add(`{"a":1}{"b":2}`, uint8(3), uint8(2))
	f.Add("\x00\x02ab", uint8(1), uint8(1))
	f.Add(strings.Repeat("}", 70), uint8(3), uint8(7))
	f.Fuzz(func(t *testing.T, in string, kind, size uint8) {
		fr := []haechi.Framing{{}, {Kind: haechi.LengthPrefix, PrefixBytes: 2}, {Kind: haechi.LengthPrefix, PrefixBytes: 4, LittleEndian: true}, {Kind: haechi.JSONStream}}[kind%4]
		var whole, cut boundary
		longest, last := whole.pass(&fr, []byte(in))
		var got int64
		end := 0
		for at := 0; at < len(in); {
			n := min(int(size)+1, len(in)-at)
			l, e := cut.pass(&fr, []byte(in[at:at+n]))
			if got = max(got, l); e > 0 {
				end = at + e
			}
			at += n
		}
		if whole != cut || got != longest || end != last {
			t.Errorf("%+v %d %d, in pieces %+v %d %d", whole, longest, last, cut, got, end)
		}
	})
}
