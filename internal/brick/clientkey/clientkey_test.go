package clientkey_test

import (
	"net/netip"
	"testing"

	"haechi/internal/brick/clientkey"
)

func TestOf(t *testing.T) {
	tests := []struct {
		addr string
		bits int
		want string
	}{
		{"203.0.113.7", 0, "203.0.113.7/32"},
		{"203.0.113.7", 48, "203.0.113.7/32"},
		{"::ffff:203.0.113.7", 64, "203.0.113.7/32"},
		{"2001:db8:1:2:3:4:5:6", 0, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::/56"},
		{"2001:db8::1", 128, "2001:db8::1/128"},
		{"2001:db8::1", 999, "2001:db8::1/128"},
		{"fe80::1%eth0", 128, "fe80::1/128"},
		{"::1", 0, "::/64"},
	}
	for _, tt := range tests {
		if got := clientkey.Of(netip.MustParseAddr(tt.addr), tt.bits).String(); got != tt.want {
			t.Errorf("Of(%s, %d) = %s, want %s", tt.addr, tt.bits, got, tt.want)
		}
	}
	if got := clientkey.Of(netip.Addr{}, 64); got.IsValid() {
		t.Errorf("an invalid address gave the key %s", got)
	}
}

func TestAddrDropsMappingAndZone(t *testing.T) {
	for in, want := range map[string]string{
		"::ffff:192.0.2.1": "192.0.2.1", "fe80::1%lo": "fe80::1", "2001:db8::1": "2001:db8::1",
	} {
		if got := clientkey.Addr(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Addr(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestOfDoesNotAllocate(t *testing.T) {
	a := netip.MustParseAddr("2001:db8::5")
	if n := testing.AllocsPerRun(100, func() { clientkey.Of(a, 64) }); n != 0 {
		t.Errorf("%v allocations a call, want none", n)
	}
}
