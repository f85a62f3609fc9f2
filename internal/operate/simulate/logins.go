package simulate

import (
	"net/netip"
	"time"
)

// logins are passwords that are guessed, and those that should not be there.
func logins() []Scenario {
	return []Scenario{
		{"brute-force", "B91", one("brute_force", "2001:db8:bad::9", "2001:db8:1::22"), func(s *stage) {
			for i := range 8 {
				s.guess(time.Duration(i)*3*time.Second, address("2001:db8:bad::9"), door("[2001:db8:1::22]:22"), 3, false)
			}
		}},
		{"default-credentials", "B10", one("default_credentials", "198.51.100.77", "192.168.1.60"), func(s *stage) {
			for i, pair := range [...][2]string{{"root", "xc3511"}, {"root", "vizxv"}, {"admin", "admin"}, {"root", "888888"}} {
				s.try(time.Duration(i)*2*time.Second, address("198.51.100.77"), door("192.168.1.60:21"), pair[0], pair[1])
			}
		}},
		{"telnet", "B11", []Incident{{"telnet", netip.Addr{}, address("192.168.1.253")}}, func(s *stage) {
			s.terminal(0, address("192.168.1.105"), door("192.168.1.253:23"))
		}},
	}
}
