package simulate

import (
	"fmt"
	"net/netip"
	"time"
)

// habits are what is unusual only for whoever does it.
func habits() []Scenario {
	return []Scenario{{"unusual", "C28", one("anomaly", "192.168.1.90", ""), unusual}}
}

// unusual is a host that asks for twenty names an hour, for twelve days, and for 1,500 in
// one night.
func unusual(s *stage) {
	const days = 12
	for hour := range days*24 + 3 {
		n := 16 + s.rng.IntN(9)
		if hour == days*24 {
			n = 1500
		}
		for i := range n {
			at := time.Duration(hour)*time.Hour + time.Duration(i)*time.Hour/time.Duration(n)
			to := netip.AddrPortFrom(host("192.168.1.1", s.rng.IntN(2)), 53)
			k := s.rng.IntN(15)
			s.lookup(at, address("192.168.1.90"), to, fmt.Sprintf("www%d.example.com", k), typeA, []byte{203, 0, 113, byte(k)})
		}
	}
}
