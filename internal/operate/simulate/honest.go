package simulate

import (
	"fmt"
	"net/netip"
	"time"
)

// honest is what must give nothing, though simpler detectors take it for an attack.
func honest() []Scenario {
	return []Scenario{
		{"office", "", nil, func(s *stage) { office(s, time.Hour) }},
		{"page-loads", "F81", nil, pageLoads},
		{"backup", "F83", nil, backup},
		{"monitoring", "F84", nil, monitoring},
		{"administrator", "F81", nil, administrator},
	}
}

// pageLoads is a browser that loads a page with forty pictures ten times, over six
// connections each time, two of the pictures missing.
func pageLoads(s *stage) {
	for load := range 10 {
		at := time.Duration(load) * 7 * time.Second
		for k := range 6 {
			c := s.open(at+time.Duration(k)*5*time.Millisecond, address("198.51.100.30"), door("192.168.1.200:80"))
			for i := range 7 {
				status := "200 OK"
				if i == 6 && k < 2 {
					status = "404 Not Found"
				}
				c.ask(page("shop.example", fmt.Sprintf("/img/%d.png", 7*k+i)))
				c.tell(reply(status, 3000))
			}
			c.wait(4 * time.Second)
			c.end()
		}
	}
}

// backup is 101 MiB within the site, and 200 MiB that come from outside.
func backup(s *stage) {
	s.upload(0, address("192.168.1.40"), door("192.168.1.250:80"), 101<<20)
	c := s.open(10*time.Second, address("192.168.1.41"), door("203.0.113.20:80"))
	c.ask(page("mirror.example.org", "/image.iso"))
	c.tell([]byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", 200<<20)))
	c.pour(200<<20, 25<<20, false)
	c.end()
}

// monitoring asks thirty hosts for their numbers once in half a minute, two of which are
// switched off.
func monitoring(s *stage) {
	for round := range 40 {
		for i := range 30 {
			at, to := time.Duration(round)*30*time.Second+time.Duration(i)*40*time.Millisecond, netip.AddrPortFrom(host("192.168.1.200", i), 9100)
			if i > 27 {
				s.refused(at, address("192.168.1.10"), to)
				continue
			}
			s.get(at, address("192.168.1.10"), to, to.String(), "/metrics", 8000)
		}
	}
}

// administrator logs in to four servers by SSH, and mistypes twice.
func administrator(s *stage) {
	office(s, heard)
	for i := range 4 {
		s.guess(heard+time.Duration(i)*3*time.Minute, address("192.168.1.105"), netip.AddrPortFrom(host("192.168.1.200", i), 22), i%2, true)
	}
}
