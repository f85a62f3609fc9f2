package simulate

import (
	"net/netip"
	"time"
)

// floods are one of each kind. Whose sources may be forged have none.
func floods() []Scenario {
	return []Scenario{
		{"syn-flood", "B39", one("syn_flood", "", "192.168.1.200"), synFlood},
		{"udp-flood", "B40", one("udp_flood", "", "192.168.1.200"), udpFlood},
		{"icmp-flood", "B33", one("icmp_flood", "", "192.168.1.200"), icmpFlood},
		{"fragment-flood", "B34", one("fragment_flood", "", "192.168.1.200"), fragmentFlood},
		{"amplification", "B33", one("amplification", "", "192.168.1.200"), amplification},
		{"http-flood", "B58", one("http_flood", "198.51.100.90", "192.168.1.200"), httpFlood},
		{"slow-http", "B35", one("slow_http", "198.51.100.88", "192.168.1.200"), slowHTTP},
	}
}

// anybody is a source that may be forged.
func (s *stage) anybody() netip.Addr {
	return host([...]string{"198.51.100.1", "203.0.113.1"}[s.rng.IntN(2)], s.rng.IntN(250))
}

// synFlood begins 1,500 connections in half a minute; the answers go to nobody.
func synFlood(s *stage) {
	for i := range 1500 {
		c := s.call(time.Duration(i)*20*time.Millisecond, s.anybody(), door("192.168.1.200:80"))
		c.begin()
	}
}

// udpFlood is 6,000 datagrams a second for twelve seconds.
func udpFlood(s *stage) {
	from := make([]netip.AddrPort, 100)
	for i := range from {
		from[i] = netip.AddrPortFrom(s.anybody(), s.ephemeral())
	}
	for i := range 72_000 {
		s.datagram(time.Duration(i)*time.Second/6000, from[i%len(from)], door("192.168.1.200:9987"), s.noise(32), 32)
	}
}

// icmpFlood is 500 echo requests a second for twelve seconds.
func icmpFlood(s *stage) {
	from := make([]netip.Addr, 40)
	for i := range from {
		from[i] = s.anybody()
	}
	for i := range 6000 {
		s.echo(time.Duration(i)*2*time.Millisecond, from[i%len(from)], address("192.168.1.200"), 8, uint16(i%len(from)), uint16(i), 56)
	}
}

// fragmentFlood is 1,000 fragments a second for twelve seconds, four to a datagram.
func fragmentFlood(s *stage) {
	from, to := make([]netip.AddrPort, 40), door("192.168.1.200:9987")
	for i := range from {
		from[i] = netip.AddrPortFrom(s.anybody(), s.ephemeral())
	}
	const part = 1480
	for i := range 3000 {
		at, me := time.Duration(i)*4*time.Millisecond, from[i%len(from)]
		head := udp(me, to, s.noise(shown), 4*part-8)
		for n := range 4 {
			body := s.noise(shown)
			if n == 0 {
				body = head
			}
			s.packet(at+time.Duration(n)*10*time.Microsecond, me.Addr(), to.Addr(), protoUDP, body, part, piece{uint16(i), n * part, n < 3})
		}
	}
}

// monlist is how a time server's list of its clients begins (NTP mode 7, of ntpd before
// 4.2.7): six entries of 72 bytes follow.
const monlist = "\xd7\x00\x03\x2a\x00\x06\x00\x48"

// amplification are the answers of 150 time servers that somebody else asked.
func amplification(s *stage) {
	for i := range 1500 {
		from := netip.AddrPortFrom(host([...]string{"198.51.100.1", "203.0.113.1"}[i%2], i%150), 123)
		s.datagram(time.Duration(i)*5*time.Millisecond, from, door("192.168.1.200:47813"), append([]byte(monlist), s.noise(40)...), 440)
	}
}

// httpFlood is one client that asks 300 times a second for ten seconds.
func httpFlood(s *stage) {
	for k := range 6 {
		c := s.open(time.Duration(k)*3*time.Millisecond, address("198.51.100.90"), door("192.168.1.200:80"))
		for range 500 {
			c.ask(page("shop.example", "/search?q=haechi"))
			c.wait(2 * time.Millisecond)
			c.tell(reply("200 OK", 900))
		}
		c.end()
	}
}

// slowHTTP holds 60 connections open, on each of which a line of a head comes every ten
// seconds.
func slowHTTP(s *stage) {
	for i := range 60 {
		c := s.open(time.Duration(i)*100*time.Millisecond, address("198.51.100.88"), door("192.168.1.200:80"))
		c.ask([]byte("GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: " + browser + "\r\n"))
		for range 6 {
			c.wait(10 * time.Second)
			c.ask([]byte("X-Wait: 1\r\n"))
		}
		c.reset()
	}
}
