package simulate

import (
	"fmt"
	"net/netip"
	"time"
)

// documents are the two simulations of the source documents.
func documents() []Scenario {
	return []Scenario{
		{"document-network", "B113", []Incident{
			{"port_scan", address("10.0.0.1"), address("192.168.1.200")},
			{"brute_force", address("203.0.113.50"), address("192.168.1.200")},
			{"lateral_movement", address("192.168.1.150"), netip.Addr{}},
		}, documentNetwork},
		{"document-flood", "B56", one("http_flood", "", "192.168.1.200"), documentFlood},
	}
}

// heard is for how long a network is heard before something in it can be called new.
const heard = 31 * time.Minute

// quieted is for how long nothing is attacked until all that was is over.
const quieted = 35 * time.Minute

// documentNetwork is B113, with its addresses, numbers and pauses. Before it, the office
// works for half an hour: who calls a connection between two hosts new must know the old
// ones. It works on until the attacks are over.
func documentNetwork(s *stage) {
	office(s, heard+quieted)
	at := heard
	s.get(at, address("192.168.1.100"), door("192.168.1.200:80"), "intranet.example", "/", 4200)
	s.secure(at, address("192.168.1.100"), door("192.168.1.201:443"), "wiki.example", 9000)
	at += time.Second
	for port := uint16(20); port < 35; port++ {
		s.knock(at, address("10.0.0.1"), netip.AddrPortFrom(address("192.168.1.200"), port), port == 22)
		at += 100 * time.Millisecond
	}
	for range 10 {
		s.guess(at, address("203.0.113.50"), door("192.168.1.200:22"), 1, false)
		at += 500 * time.Millisecond
	}
	for i := range 10 {
		s.negotiate(at, address("192.168.1.150"), netip.AddrPortFrom(host("192.168.1.200", i), 445))
		at += 200 * time.Millisecond
	}
}

// documentFlood is B56: 100 requests of 192.168.1.1 to 50, one each 0.1 s, then 2,000 of
// 10.0.0.1 to 200 with 0.01 s after each hundred.
func documentFlood(s *stage) {
	at, shop := time.Duration(0), door("192.168.1.200:80")
	for range 100 {
		s.get(at, host("192.168.1.1", s.rng.IntN(50)), shop, "shop.example", "/", 2400)
		at += 100 * time.Millisecond
	}
	for i := range 2000 {
		s.get(at, host("10.0.0.1", s.rng.IntN(200)), shop, "shop.example", "/", 2400)
		if at += 20 * time.Microsecond; i%100 == 0 {
			at += 10 * time.Millisecond
		}
	}
}

// office is what five people do in a network: names are asked, pages are read, at times
// that nobody sets.
func office(s *stage, long time.Duration) {
	resolver := door("192.168.1.1:53")
	for i := range 5 {
		who := host("192.168.1.100", i)
		for at := s.within(0, time.Minute); at < long; at += s.within(10*time.Second, 90*time.Second) {
			n := s.rng.IntN(12)
			s.lookup(at, who, resolver, fmt.Sprintf("www%d.example.com", n), typeA, []byte{203, 0, 113, byte(10 + n)})
			switch s.rng.IntN(3) {
			case 0:
				s.get(at+50*time.Millisecond, who, door("192.168.1.200:80"), "intranet.example", fmt.Sprintf("/page/%d", n), 500+100*n)
			case 1:
				s.secure(at+50*time.Millisecond, who, door("192.168.1.201:443"), "wiki.example", 2000+300*n)
			default:
				s.secure(at+50*time.Millisecond, who, netip.AddrPortFrom(host("203.0.113.10", n), 443), fmt.Sprintf("www%d.example.com", n), 5000+900*n)
			}
		}
	}
}
