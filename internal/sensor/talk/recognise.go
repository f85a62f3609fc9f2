package talk

import "haechi"

// sniffMost is how many bytes of one side are looked at before nobody understands them.
const sniffMost = 1 << 10

// verdict is what a recogniser thinks of the first bytes that a side said.
type verdict uint8

const (
	no verdict = iota
	unsure
	yes
)

// accent recognises one protocol.
type accent struct {
	name string
	// match looks at what a side of the flow said so far. speaks is the side of the
	// protocol that says such things.
	match func(c *conversation, b []byte) (v verdict, speaks side)
	make  func(c *conversation) speaker
}

// overTCP are the protocols that are understood on TCP, the surest first.
func overTCP() [11]accent {
	return [...]accent{
		{"tls", matchTLS, makeTLS},
		{"http", matchHTTP, makeHTTP},
		{"smb", matchSMB, makeSMB},
		{"dcerpc", matchRPC, makeRPC},
		{"ssh", matchSSH, makeSSH},
		{"", match220, makeGreet},
		{"pop3", matchPOP, makePOP},
		{"imap", matchIMAP, makeIMAP},
		{"telnet", matchTelnet, makeTelnet},
		{"socks", matchSOCKS, makeSOCKS},
		{"dns", matchDNSStream, makeDNS},
	}
}

// overUDP are those on UDP.
func overUDP() [2]accent {
	return [...]accent{
		{"quic", matchQUIC, makeQUIC},
		{"dns", matchDNS, makeDNS},
	}
}

// recognise finds who understands what a side of the flow says.
func (c *conversation) recognise(from side, b []byte) {
	open := false
	for _, a := range overTCP() {
		v, speaks := a.match(c, b)
		if v == yes {
			c.begin(a, from, speaks)
			return
		}
		open = open || v == unsure
	}
	if !open || len(b) > sniffMost {
		c.done = true
	}
}

func (c *conversation) begin(a accent, from, speaks side) {
	c.turned = from != speaks
	c.protocol = a.name
	c.speaker = a.make(c)
}

// datagram takes one datagram.
func (c *conversation) datagram(from side, b []byte) {
	if len(b) == 0 {
		return
	}
	if c.speaker == nil {
		for _, a := range overUDP() {
			if v, speaks := a.match(c, b); v == yes {
				c.begin(a, from, speaks)
				break
			}
		}
		if c.speaker == nil {
			c.done = true
			return
		}
	}
	c.speaker.hear(c, c.flip(from), b)
}

// port reports whether one of the two ends uses the port.
func (c *conversation) port(p uint16) bool {
	return c.ends.Server.Port() == p || c.ends.Client.Port() == p
}

// stream reports whether the conversation is over TCP.
func (c *conversation) stream() bool { return c.ends.Transport == haechi.TCP }
