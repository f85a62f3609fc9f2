package naming

import (
	"encoding/binary"
	"strings"
	"time"

	"haechi"
	"haechi/internal/sensor/talk"
)

// dnsTalk tells of each question and what became of it, over UDP and TCP. A question is
// told when its answer comes; or without one when it is pushed out by later ones, or when
// the conversation ends. A repeated question is one. Answers that nobody asked for are not
// told: they are flows.
//
// Multicast DNS, LLMNR and NetBIOS names have the same form. Their answers come from
// somebody else, so that what is told is the question alone.
type dnsTalk struct {
	idle    *dnsIdle
	alone   bool // answers come from elsewhere
	waiting [8]dnsWaiting
	n       int
}

type dnsWaiting struct {
	at   time.Time
	name string
	size int
	id   uint16
	kind uint16
}

const (
	portDNS   = 53
	portMDNS  = 5353
	portLLMNR = 5355
	portNBNS  = 137

	// dnsStreamed is how much of a long message over TCP is looked at.
	dnsStreamed = 4 << 10
)

// matchDNS: by its port, a message with at least one question; elsewhere, a plain question
// to its last byte.
func matchDNS(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	m, ok := readDNS(b)
	if !ok {
		return talk.No, talk.FromClient
	}
	if c.Port(portDNS) || c.Port(portMDNS) || c.Port(portLLMNR) || c.Port(portNBNS) {
		if m.questions == 0 && m.answers == 0 {
			return talk.No, talk.FromClient
		}
		if m.answer {
			return talk.Yes, talk.FromServer
		}
		return talk.Yes, talk.FromClient
	}
	if m.strict(c.Scratch()[:0]) {
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

// matchDNSStream: by its port, as over UDP, behind two bytes of length.
func matchDNSStream(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	const head = 2 + dnsHeader
	switch {
	case !c.Port(portDNS):
		return talk.No, talk.FromClient
	case len(b) < head:
		return talk.Unsure, talk.FromClient
	case int(binary.BigEndian.Uint16(b)) < dnsHeader:
		return talk.No, talk.FromClient
	}
	return matchDNS(c, b[2:])
}

// matchPlain: a plain question behind its length, whatever the port.
func matchPlain(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if !plainQuestion(b) {
		return talk.No, talk.FromClient
	}
	if len(b) < 2 {
		return talk.Unsure, talk.FromClient
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n < dnsHeader || n > 512:
		return talk.No, talk.FromClient
	case len(b) < 2+n:
		return talk.Unsure, talk.FromClient
	}
	if m, ok := readDNS(b[2 : 2+n]); ok && m.strict(c.Scratch()[:0]) {
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

// plainQuestion reports whether the first bytes of a stream may be those of a plain question.
func plainQuestion(b []byte) bool {
	const least, most = "\x00\x10\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", "\x02\xff\xff\xff\x01\x70\x00\x01\x00\x00\x00\x00\x00\x01"
	for i := range min(len(b), len(most)) {
		if b[i] < least[i] && (i != 1 || b[0] == 0) || b[i] > most[i] {
			return false
		}
	}
	return true
}

// dnsIdle keeps the memory of lookups that are over: most conversations hold one.
type dnsIdle struct{ all []*dnsTalk }

// mostIdle bounds what is kept for later.
const mostIdle = 1024

func (p *dnsIdle) take(c *talk.Conversation) talk.Speaker {
	var d *dnsTalk
	if n := len(p.all); n > 0 {
		d, p.all = p.all[n-1], p.all[:n-1]
	} else {
		d = new(dnsTalk)
	}
	*d = dnsTalk{idle: p}
	switch {
	case c.Stream():
	case c.Port(portMDNS):
		c.SetProtocol("mdns")
	case c.Port(portLLMNR):
		c.SetProtocol("llmnr")
	case c.Port(portNBNS):
		c.SetProtocol("nbns")
	}
	d.alone = c.Protocol() != "dns"
	return d
}

func (d *dnsTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if !c.Stream() {
		d.message(c, from, b, len(b))
		return len(b)
	}
	if len(b) < 2 {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < dnsHeader {
		c.Finish()
		return len(b)
	}
	seen := min(n, dnsStreamed)
	if len(b) < 2+seen {
		return 0
	}
	d.message(c, from, b[2:2+seen], n)
	c.Pass(from, int64(n-seen))
	return 2 + seen
}

// message takes one message of size bytes, of which b is there.
func (d *dnsTalk) message(c *talk.Conversation, from talk.Side, b []byte, size int) {
	m, ok := readDNS(b)
	if !ok || m.opcode != 0 || m.questions == 0 {
		return
	}
	q, at, ok := m.question(c.Scratch()[:0], dnsHeader)
	if !ok {
		return
	}
	switch {
	case d.alone && !m.answer:
		d.tellOne(c, &dnsWaiting{name: d.name(c, q.name), size: size, kind: q.kind}, nil, 0, 0)
	case d.alone:
	case m.answer && from == talk.FromServer:
		d.answered(c, &m, &q, at, size)
	case !m.answer && from == talk.FromClient:
		d.asked(c, &m, &q, size)
	}
}

// name is the name as text. Those of NetBIOS hide in letters.
func (d *dnsTalk) name(c *talk.Conversation, b []byte) string {
	if c.Protocol() == "nbns" {
		b = netbiosName(b)
	}
	return string(b[:min(len(b), dnsText)])
}

func (d *dnsTalk) asked(c *talk.Conversation, m *dnsMessage, q *dnsQuestion, size int) {
	for i := range d.waiting[:d.n] {
		w := &d.waiting[i]
		if w.id == m.id && w.kind == q.kind && strings.EqualFold(w.name, string(q.name)) {
			return // asked again
		}
	}
	if d.n == len(d.waiting) {
		d.tellOne(c, &d.waiting[0], nil, 0, 0)
		d.drop(0)
	}
	d.waiting[d.n] = dnsWaiting{at: c.Now(), name: d.name(c, q.name), size: size, id: m.id, kind: q.kind}
	d.n++
}

func (d *dnsTalk) drop(i int) {
	copy(d.waiting[i:], d.waiting[i+1:d.n])
	d.n--
	d.waiting[d.n] = dnsWaiting{}
}

func (d *dnsTalk) answered(c *talk.Conversation, m *dnsMessage, q *dnsQuestion, at, size int) {
	for i := range d.waiting[:d.n] {
		w := &d.waiting[i]
		if w.id != m.id || w.kind != q.kind {
			continue
		}
		if !strings.EqualFold(w.name, d.name(c, q.name)) {
			continue
		}
		d.tellOne(c, w, m, at, size)
		d.drop(i)
		return
	}
}

// tellOne tells of a question, with its answer if there is one.
func (d *dnsTalk) tellOne(c *talk.Conversation, w *dnsWaiting, m *dnsMessage, at, size int) {
	e := c.About(haechi.KindLookup)
	e.Name, e.Type = w.name, dnsType(w.kind)
	e.BytesIn, e.BytesOut = int64(w.size), int64(size)
	if !w.at.IsZero() && m != nil {
		e.Duration = max(0, c.Now().Sub(w.at))
	}
	if m != nil {
		e.Outcome = haechi.Failure
		if m.rcode == 0 {
			e.Outcome = haechi.Success
			if m.questions == 1 {
				e.Answers = m.addresses(c.Scratch()[:0], at)
			}
		}
	}
	c.Tell()
}

func (d *dnsTalk) Miss(*talk.Conversation, talk.Side) bool { return false }

func (d *dnsTalk) End(c *talk.Conversation) {
	for i := range d.waiting[:d.n] {
		d.tellOne(c, &d.waiting[i], nil, 0, 0)
	}
	if d.n = 0; len(d.idle.all) < mostIdle {
		d.idle.all = append(d.idle.all, d)
	}
}

// netbiosName undoes the first-level encoding of RFC 1001: two letters for each byte of a
// name of 16, of which the last says what kind of name it is.
func netbiosName(b []byte) []byte {
	const letters = 32
	if len(b) < letters {
		return b
	}
	var out [16]byte
	for i := range out {
		hi, lo := b[2*i]-'A', b[2*i+1]-'A'
		if hi > 15 || lo > 15 {
			return b
		}
		out[i] = hi<<4 | lo
	}
	n := 15
	for n > 0 && (out[n-1] == ' ' || out[n-1] == 0) {
		n--
	}
	return dnsLabel(nil, out[:n])
}
