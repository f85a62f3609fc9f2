package denylist_test

import (
	"net/netip"
	"testing"

	"haechi"
)

// TestWhoIsListed: in shadow as well, and protected ones too, but not by a list that is off.
func TestWhoIsListed(t *testing.T) {
	f := newFiles(t)
	f.write("a", "203.0.113.0/24\n")
	f.write("b", "2001:db8:1::/48\n")
	f.write("c", "192.0.2.0/24\n")
	l := f.lists(func(netip.Prefix) (string, bool) { return "", true }, haechi.Shadow, haechi.Enforce, haechi.Off)
	if l.Has(netip.MustParseAddr("203.0.113.7")) {
		t.Error("listed before the first look")
	}
	if err := look(t, l, true); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{"203.0.113.7": true, "::ffff:203.0.113.7": true, "2001:db8:1::1": true, "192.0.2.5": false, "198.51.100.1": false} {
		if got := l.Has(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if l.Has(netip.Addr{}) {
		t.Error("nobody is listed")
	}
}
