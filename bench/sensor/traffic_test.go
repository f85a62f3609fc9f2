package sensor_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The traffic of a site with some 250 machines that talk to each other and to outside,
// at about ten thousand packets a second, with thousands of conversations at a time.
const (
	atOnce   = 3000 // conversations
	between  = 100 * time.Microsecond
	segment  = 1448
	machines = 250
)

// traffic makes packets, the same ones for the same seed.
type traffic struct {
	*writer
	rand *rand.Rand
	at   time.Time
	open []*conversation
	port uint16
	data []byte // that looks encrypted
	many map[string]int
}

// step is a packet of a conversation: by whom, and what.
type step struct {
	server  bool
	flags   byte
	payload []byte
}

// conversation is what is still to be said between two ends.
type conversation struct {
	client, server end
	v6             bool
	proto          byte
	seq            [2]uint32 // next of the client and of the server
	steps          []step
}

// makeCapture writes a capture of n packets or a few more.
func makeCapture(tb testing.TB, path string, n int) *traffic {
	w, done := create(tb, path)
	t := &traffic{writer: w, rand: rand.New(rand.NewPCG(7, 5)), at: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), many: map[string]int{}}
	t.data = make([]byte, 1<<16)
	for i := range t.data {
		t.data[i] = byte(t.rand.Uint32())
	}
	for range atOnce {
		t.open = append(t.open, t.begin())
	}
	for t.packets < n {
		i := t.rand.IntN(len(t.open))
		t.say(t.open[i])
		if len(t.open[i].steps) == 0 {
			t.open[i] = t.begin()
		}
	}
	done()
	return t
}

// say writes the next packet of a conversation.
func (t *traffic) say(c *conversation) {
	t.at = t.at.Add(between/2 + time.Duration(t.rand.Int64N(int64(between))))
	p := c.next()
	t.write(t.at, &p)
}

// next takes the next step.
func (c *conversation) next() packet {
	s := c.steps[0]
	c.steps = c.steps[1:]
	p := packet{from: c.client, to: c.server, v6: c.v6, proto: c.proto, flags: s.flags, seq: c.seq[0], ack: c.seq[1], payload: s.payload}
	own := 0
	if s.server {
		own = 1
		p.from, p.to, p.seq, p.ack = c.server, c.client, c.seq[1], c.seq[0]
	}
	if s.flags&ack == 0 {
		p.ack = 0
	}
	c.seq[own] += uint32(len(s.payload))
	if s.flags&(syn|fin) != 0 {
		c.seq[own]++
	}
	return p
}

// begin is the next conversation, of a kind as often as it is met with.
func (t *traffic) begin() *conversation {
	c := &conversation{proto: protoTCP, v6: t.rand.IntN(100) < 15, seq: [2]uint32{t.rand.Uint32(), t.rand.Uint32()}}
	kind := "tls"
	switch n := t.rand.IntN(1000); {
	case n < 330:
		kind = "dns"
		t.dns(c)
	case n < 620:
		t.tls(c)
	case n < 800:
		kind = "http"
		t.http(c)
	case n < 830:
		kind = "ssh"
		t.ssh(c)
	case n < 930:
		kind = "datagrams"
		t.datagrams(c)
	default:
		kind = "scan"
		t.scan(c)
	}
	t.many[kind]++
	return c
}

// ends chooses the ends: one of our machines, and one of so many servers.
func (t *traffic) ends(c *conversation, servers int, port uint16) {
	t.port++
	c.client.port, c.server.port = 32768+t.port%28000, port
	from, to := 1+t.rand.IntN(machines), t.rand.IntN(servers)
	if c.v6 {
		c.client.addr = [16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 0, byte(from), 15: byte(from)}
		c.server.addr = [16]byte{0x20, 1, 0xd, 0xb8, 0xff, 0, byte(to >> 8), byte(to), 15: 1}
		return
	}
	c.client.addr = [16]byte{10, 1, 0, byte(from)}
	c.server.addr = [16]byte{198, 18, byte(to >> 8), byte(to)}
}

// shake is the handshake, part the end.
func (c *conversation) shake() {
	c.steps = append(c.steps, step{false, syn, nil}, step{true, syn | ack, nil}, step{false, ack, nil})
}

func (c *conversation) part() {
	c.steps = append(c.steps, step{false, fin | ack, nil}, step{true, fin | ack, nil}, step{false, ack, nil})
}

func (c *conversation) tell(server bool, b []byte) {
	c.steps = append(c.steps, step{server, psh | ack, b})
}

// bulk is so many bytes one way, every other segment acknowledged.
func (t *traffic) bulk(c *conversation, server bool, bytes int) {
	for i := 0; bytes > 0; i++ {
		n := min(bytes, segment)
		from := t.rand.IntN(len(t.data) - segment)
		c.tell(server, t.data[from:from+n])
		if bytes -= n; i%2 == 1 || bytes == 0 {
			c.steps = append(c.steps, step{!server, ack, nil})
		}
	}
}

// size is that of an answer: mostly small, sometimes large.
func (t *traffic) size() int { return 200 + int(t.rand.ExpFloat64()*t.rand.ExpFloat64()*12000) }

func (t *traffic) http(c *conversation) {
	t.ends(c, 300, 80)
	c.shake()
	for range 1 + t.rand.IntN(4) {
		c.tell(false, fmt.Appendf(nil, "GET /assets/%d/page.html?v=%d HTTP/1.1\r\nHost: shop%d.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\r\n"+
			"Accept: text/html,application/xhtml+xml\r\nAccept-Language: ko,en;q=0.5\r\nAccept-Encoding: gzip, br\r\nCookie: session=%016x\r\nConnection: keep-alive\r\n\r\n",
			t.rand.IntN(500), t.rand.IntN(9), t.rand.IntN(300), t.rand.Uint64()))
		n := t.size()
		c.tell(true, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n", n))
		t.bulk(c, true, n)
	}
	c.part()
}

func record(kind byte, body []byte) []byte {
	b := append([]byte{kind, 3, 3}, 0, 0)
	binary.BigEndian.PutUint16(b[3:], uint16(len(body)))
	return append(b, body...)
}

func (t *traffic) tls(c *conversation) {
	t.ends(c, 1000, 443)
	c.shake()
	c.tell(false, record(22, t.hello(fmt.Sprintf("www%d.example.org", t.rand.IntN(1000)))))
	server := append([]byte{2, 0, 0, 118, 3, 3}, t.data[:114]...)
	c.tell(true, append(append(record(22, server), record(20, []byte{1})...), record(23, t.data[:900])...))
	c.tell(false, append(record(20, []byte{1}), record(23, t.data[100:169])...))
	for range 1 + t.rand.IntN(5) {
		c.tell(false, record(23, t.data[200:400+t.rand.IntN(300)]))
		t.bulk(c, true, t.size())
	}
	c.part()
}

// hello is a TLS 1.3 client hello with the extensions that a browser sends.
func (t *traffic) hello(name string) []byte {
	ext := func(kind uint16, body []byte) []byte {
		b := binary.BigEndian.AppendUint16(nil, kind)
		return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
	}
	sni := append([]byte{0, byte(len(name) + 3), 0, 0, byte(len(name))}, name...)
	all := ext(0, sni)
	all = append(all, ext(23, nil)...)
	all = append(all, ext(10, []byte{0, 6, 0, 29, 0, 23, 0, 24})...)
	all = append(all, ext(16, []byte("\x00\x0c\x02h2\x08http/1.1"))...)
	all = append(all, ext(13, []byte{0, 8, 4, 3, 8, 4, 4, 1, 8, 6})...)
	all = append(all, ext(51, append([]byte{0, 36, 0, 29, 0, 32}, t.data[500:532]...))...)
	all = append(all, ext(43, []byte{4, 3, 4, 3, 3})...)
	b := append([]byte{3, 3}, t.data[:32]...)
	b = append(append(b, 32), t.data[32:64]...)
	b = append(b, 0, 8, 0x13, 1, 0x13, 2, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(all))), all...)
	return append([]byte{1, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

func (t *traffic) ssh(c *conversation) {
	t.ends(c, 40, 22)
	c.shake()
	c.tell(false, []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
	c.tell(true, []byte("SSH-2.0-OpenSSH_9.6p1 Ubuntu-3\r\n"))
	for range 20 + t.rand.IntN(60) {
		from := t.rand.IntN(1000)
		c.tell(false, t.data[from:from+36+16*t.rand.IntN(4)])
		c.tell(true, t.data[from:from+36+16*t.rand.IntN(30)])
	}
	c.part()
}

func (t *traffic) dns(c *conversation) {
	t.ends(c, 2, 53)
	c.proto = protoUDP
	name := fmt.Appendf(nil, "\x06host%02d\x07example\x03net\x00", t.rand.IntN(100))
	q := binary.BigEndian.AppendUint16(nil, uint16(t.rand.Uint32()))
	q = append(q, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	q = append(append(q, name...), 0, 1, 0, 1)
	a := append([]byte(nil), q...)
	a[2], a[3], a[7] = 0x81, 0x80, 1
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 18, 0, byte(t.rand.Uint32()))
	c.steps = []step{{false, 0, q}, {true, 0, a}}
}

// datagrams are a call or a game.
func (t *traffic) datagrams(c *conversation) {
	t.ends(c, 100, uint16(40000+t.rand.IntN(2000)))
	c.proto = protoUDP
	for range 10 + t.rand.IntN(120) {
		from := t.rand.IntN(1000)
		c.steps = append(c.steps, step{t.rand.IntN(2) == 0, 0, t.data[from : from+60+t.rand.IntN(900)]})
	}
}

// scan is one port that one of a few scanners tries; a third is answered.
func (t *traffic) scan(c *conversation) {
	t.ends(c, 1, uint16(1+t.rand.IntN(10000)))
	from, to := byte(t.rand.IntN(8)), byte(1+t.rand.IntN(machines))
	c.v6 = false
	c.client.addr, c.server.addr = [16]byte{203, 0, 113, from}, [16]byte{10, 1, 0, to}
	c.steps = []step{{false, syn, nil}}
	if t.rand.IntN(3) == 0 {
		c.steps = append(c.steps, step{true, rst | ack, nil})
	}
}
