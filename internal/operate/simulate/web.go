package simulate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// browser is what a browser that people use calls itself.
const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// page is the request of a browser.
func page(host, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + browser +
		"\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: ko-KR,ko;q=0.8,en;q=0.5\r\n\r\n")
}

// reply is an answer with a body of so many bytes.
func reply(status string, size int) []byte {
	return []byte(fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n", status, size) +
		strings.Repeat("<p>Haechi</p>\n", size/14+1)[:size])
}

// get loads one page over a connection of its own.
func (s *stage) get(at time.Duration, from netip.Addr, to netip.AddrPort, host, path string, size int) {
	c := s.open(at, from, to)
	c.ask(page(host, path))
	c.wait(s.within(time.Millisecond, 4*time.Millisecond))
	c.tell(reply("200 OK", size))
	c.end()
}

// secure loads a page over TLS 1.3 (RFC 8446); behind the hellos everything is noise.
func (s *stage) secure(at time.Duration, from netip.Addr, to netip.AddrPort, host string, size int) {
	c := s.open(at, from, to)
	c.ask(s.clientHello(host))
	c.tell(append(s.serverHello(), s.sealed(1200)...))
	c.ask(append(s.sealed(53), s.sealed(180)...))
	c.tell(s.sealed(size))
	c.end()
}

// sealed is a record of application data.
func (s *stage) sealed(n int) []byte {
	return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, s.noise(n)...)
}

// clientHello offers TLS 1.3 with a server name (RFC 6066), HTTP/1.1 and x25519.
func (s *stage) clientHello(host string) []byte {
	name := append([]byte{0}, sized(2, []byte(host))...)
	var ext []byte
	ext = extension(ext, 0, sized(2, name))
	ext = extension(ext, 10, sized(2, []byte{0, 29, 0, 23}))
	ext = extension(ext, 13, sized(2, []byte{4, 3, 8, 4, 4, 1}))
	ext = extension(ext, 16, sized(2, sized(1, []byte("http/1.1"))))
	ext = extension(ext, 43, sized(1, []byte{3, 4}))
	ext = extension(ext, 51, sized(2, append([]byte{0, 29}, sized(2, s.noise(32))...)))
	body := append([]byte{3, 3}, s.noise(32)...)
	body = append(body, sized(1, s.noise(32))...)
	body = append(body, sized(2, []byte{0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f})...)
	body = append(body, 1, 0)
	body = append(body, sized(2, ext)...)
	return append([]byte{22, 3, 1}, sized(2, append([]byte{1}, sized(3, body)...))...)
}

func (s *stage) serverHello() []byte {
	var ext []byte
	ext = extension(ext, 43, []byte{3, 4})
	ext = extension(ext, 51, append([]byte{0, 29}, sized(2, s.noise(32))...))
	body := append([]byte{3, 3}, s.noise(32)...)
	body = append(body, sized(1, s.noise(32))...)
	body = append(body, 0x13, 1, 0)
	body = append(body, sized(2, ext)...)
	return append([]byte{22, 3, 3}, sized(2, append([]byte{2}, sized(3, body)...))...)
}

func extension(b []byte, kind byte, data []byte) []byte {
	return append(append(b, 0, kind), sized(2, data)...)
}

// sized puts a length of so many bytes before the data.
func sized(width int, data []byte) []byte {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(data)))
	return append(n[4-width:len(n):len(n)], data...)
}
