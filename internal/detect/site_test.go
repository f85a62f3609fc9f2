package detect_test

import (
	"net/netip"
	"testing"

	"haechi/internal/detect"
)

func TestASiteIsItsNetworksAndPrivateSpace(t *testing.T) {
	s := detect.NewSite([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:5::/48")},
		map[detect.Role][]netip.Prefix{
			detect.Monitoring: {netip.MustParsePrefix("10.0.0.5/32"), netip.MustParsePrefix("2001:db8:5::5/128")},
			detect.Backup:     {netip.MustParsePrefix("10.0.0.0/29")},
		})
	for text, want := range map[string]bool{"198.51.100.7": true, "198.51.101.7": false, "2001:db8:5::1": true, "2001:db8:6::1": false,
		"172.217.4.226": false, "172.16.4.226": true, "100.64.0.1": true, "fe80::1": true, "fd00::1": true, "::ffff:10.0.0.1": true} {
		if got := s.Internal(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: internal %v", text, got)
		}
	}
	for text, want := range map[string]detect.Role{"10.0.0.5": detect.Monitoring | detect.Backup, "10.0.0.6": detect.Backup, "10.0.0.9": 0, "2001:db8:5::5": detect.Monitoring} {
		if got := s.Role(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: role %b, want %b", text, got, want)
		}
	}
	bad := netip.MustParseAddr("203.0.113.9")
	if knows := s.Knowing(func(a netip.Addr) bool { return a == bad }); !knows.Listed(bad) || s.Listed(bad) || !knows.Internal(netip.MustParseAddr("198.51.100.1")) {
		t.Error("who is listed is not known, or nothing else any more")
	}
	none := detect.NewSite(nil, nil)
	if none.Internal(netip.MustParseAddr("198.51.100.7")) || none.Role(netip.MustParseAddr("10.0.0.5")) != 0 {
		t.Error("an undescribed site has networks or roles")
	}
}
