package app

import (
	"testing"

	"haechi"
)

// TestTellsTLS: a frame whose first byte could be that of a hello shares no port.
func TestTellsTLS(t *testing.T) {
	for _, c := range []struct {
		f    haechi.Framing
		want bool
	}{
		{haechi.Framing{Kind: haechi.JSONStream}, true},
		{haechi.Framing{}, true}, // lines
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4}, true},
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 4, LittleEndian: true}, false},
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 2}, false},
		{haechi.Framing{Kind: haechi.LengthPrefix, PrefixBytes: 2, LittleEndian: true}, false},
	} {
		if got := tellsTLS(&c.f); got != c.want {
			t.Errorf("%+v: %t", c.f, got)
		}
	}
}
