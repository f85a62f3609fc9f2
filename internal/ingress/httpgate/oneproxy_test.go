package httpgate_test

import (
	"fmt"
	"net/netip"
	"testing"

	"haechi/internal/ingress/httpgate"
)

// TestOneProxy: what looks like a proxy in front is told of from its threshold on; a
// trusted one, direct visitors and single liars among them are not.
func TestOneProxy(t *testing.T) {
	for name, c := range map[string]struct {
		n      int
		header string
		others int // direct visitors' requests for each hundred
		from   string
		want   string
	}{
		"below the threshold": {99, "X-Forwarded-For", 0, "127.0.0.3", ""},
		"at the threshold":    {100, "X-Forwarded-For", 0, "127.0.0.3", "127.0.0.3"},
		"a CDN's header":      {100, "Cf-Connecting-Ip", 0, "127.0.0.3", "127.0.0.3"},
		"five in a hundred":   {190, "Forwarded", 5, "127.0.0.3", "127.0.0.3"},
		"ten in a hundred":    {190, "Forwarded", 10, "127.0.0.3", ""},
		"no such header":      {150, "X-Other", 0, "127.0.0.3", ""},
		"trusted":             {150, "X-Forwarded-For", 0, "127.0.0.8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, httpgate.Config{}, echo())
			proxy, direct := r.client(c.from), r.client("127.0.0.4")
			for i := range c.n {
				r.ask(t, proxy, c.header, fmt.Sprintf("203.0.113.%d", i))
				for range c.others*(i+1)/100 - c.others*i/100 {
					r.ask(t, direct, "X-Other", "x")
				}
			}
			want := netip.Addr{}
			if c.want != "" {
				want = netip.MustParseAddr(c.want)
			}
			if got := r.gate.OneProxy(); got != want {
				t.Errorf("found %v, want %v", got, want)
			}
		})
	}
}
