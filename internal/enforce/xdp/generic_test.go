package xdp_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/xdp"
)

// bridge puts a bridge, whose driver has no place for a program, where the wire ends.
func (p *place) bridge(t testing.TB) {
	t.Helper()
	for _, args := range []string{
		"link add br0 type bridge", "link set in0 master br0", "addr flush dev in0", "link set br0 up",
		"addr add 10.77.0.1/24 dev br0", "-6 addr add fd77::1/64 dev br0 nodad", "route replace default via 10.77.0.2", "-6 route replace default via fd77::2",
	} {
		p.Guarded.Run(t, "ip", strings.Fields(args)...)
	}
}

// TestConformanceBehindTheDriver: where the driver has no place for the program, it means
// the same on packets that the kernel has made.
func TestConformanceBehindTheDriver(t *testing.T) {
	enforcetest.Run(t, func(t *testing.T) *enforcetest.Subject {
		p := newPlace(t)
		p.bridge(t)
		e := p.open(t, xdp.Config{Interfaces: []string{"br0"}})
		if !slices.Equal(e.Generic(), []string{"br0"}) {
			t.Fatalf("it is behind the driver on %v", e.Generic())
		}
		return &enforcetest.Subject{
			Enforcer: e, Now: time.Now, Span: 2 * time.Second, Exact: time.Second,
			Advance: func(d time.Duration) { <-time.After(d + 5*time.Millisecond) },
			Refuses: func(a haechi.Actor, _ string) bool { return !p.Arrives(t, a.Addr) },
		}
	})
}

// TestBehindTheDriverItIsTakenOver: the program behind the driver goes on without a process,
// and the next one takes it over where it is; protected addresses pass, lists and families
// count, and off, nothing of it is left.
func TestBehindTheDriverItIsTakenOver(t *testing.T) {
	p := newPlace(t)
	p.bridge(t)
	four, six, listed, kept := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8:1::7"), netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("192.0.2.1")
	first := p.open(t, xdp.Config{Interfaces: []string{"br0"}})
	if err := first.Guard(context.Background(), []netip.Prefix{netip.PrefixFrom(kept, 32)}); err != nil {
		t.Fatal(err)
	}
	apply(t, first, drop(t, "four", "ip:203.0.113.7"), drop(t, "six", "prefix:2001:db8:1::/64"), drop(t, "kept", "ip:192.0.2.1"))
	if err := first.Load(context.Background(), enforce.List{Prefixes: []netip.Prefix{netip.PrefixFrom(listed, 32)}}); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		for _, a := range []netip.Addr{four, six, listed} {
			if p.Arrives(t, a) {
				t.Errorf("%s: a packet of %s came", when, a)
			}
		}
		for _, a := range []netip.Addr{kept, netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("2001:db8:2::7")} {
			if !p.Arrives(t, a) {
				t.Errorf("%s: a packet of %s did not come", when, a)
			}
		}
	}
	check("at first")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	check("without a process")
	second := p.open(t, xdp.Config{Interfaces: []string{"br0"}})
	if _, err := os.Stat(filepath.Join(p.dir, "generic:br0")); err != nil || !slices.Equal(second.Generic(), []string{"br0"}) {
		t.Errorf("taken over on %v: %v", second.Generic(), err)
	}
	check("taken over")
	if err := second.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{four, six, listed} {
		if !p.Arrives(t, a) {
			t.Errorf("off: a packet of %s did not come", a)
		}
	}
}
