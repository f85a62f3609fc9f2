package app

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/access"
)

// Where several services share an address, nobody knows at accept which one a
// connection is for: one service's access list must not shut out the others' clients.
func TestConnectionsToASharedAddress(t *testing.T) {
	inner := netip.MustParsePrefix("10.0.0.0/8")
	lists := chain{access.New(map[string]access.List{"admin": {Allow: []netip.Prefix{inner}}, "office": {Allow: []netip.Prefix{inner}}})}
	for name, test := range map[string]struct {
		services []string
		addr     string
		refused  bool
	}{
		"one admits everybody": {[]string{"admin", "shop"}, "192.0.2.7", false},
		"all refuse":           {[]string{"admin", "office"}, "192.0.2.7", true},
		"all admit":            {[]string{"admin", "office"}, "10.1.2.3", false},
		"a single service":     {[]string{"admin"}, "192.0.2.7", true},
	} {
		actor := haechi.Actor{Addr: netip.MustParseAddr(test.addr)}
		r := haechi.Request{Kind: haechi.KindConnect, Service: test.services[0], Actor: &actor}
		v := anyOf{lists, test.services}.Inspect(&r, time.Unix(0, 0))
		if v.Refuses() != test.refused || r.Service != test.services[0] {
			t.Errorf("%s: %+v, service %s", name, v, r.Service)
		}
	}
}
