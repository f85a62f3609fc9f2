package talk

import (
	"haechi"
	"haechi/internal/brick/ja4"
	"haechi/internal/brick/tlshello"
)

// tlsTalk tells of the client hello at the beginning of a TLS stream, whatever its port,
// and hears nothing after it.
type tlsTalk struct{}

// matchTLS: a handshake record whose message is a ClientHello.
func matchTLS(_ *conversation, b []byte) (verdict, side) {
	if b[0] != 22 || len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 || len(b) > 5 && b[5] != 1 {
		return no, fromClient
	}
	if len(b) < 6 {
		return unsure, fromClient
	}
	return yes, fromClient
}

func makeTLS(*conversation) speaker { return tlsTalk{} }

func (tlsTalk) hear(c *conversation, from side, b []byte) int {
	if from == fromServer {
		return len(b)
	}
	msg, out := tlshello.FromRecords(b, c.l.scratch)
	switch out {
	case tlshello.More:
		return 0
	case tlshello.Whole:
		c.tellHello(msg, ja4.TCP)
	}
	c.finish()
	return len(b)
}

func (tlsTalk) miss(_ *conversation, from side) bool { return from == fromServer }
func (tlsTalk) end(*conversation)                    {}

// tellHello tells of a ClientHello. It returns false when it is none.
func (c *conversation) tellHello(msg []byte, transport ja4.Transport) bool {
	h := &c.l.hello
	if !tlshello.Read(msg, h) {
		return false
	}
	e := c.about(haechi.KindHello)
	e.Name = text(h.Name)
	e.TLS = true
	e.Fingerprint = ja4.Of(&ja4.Hello{Transport: transport, Versions: h.Versions, Suites: h.Suites, Extensions: h.Extensions,
		Signatures: h.Signatures, ALPN: string(h.ALPN)})
	c.tell()
	return true
}
