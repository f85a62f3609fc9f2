package naming

import (
	"haechi"
	"haechi/internal/brick/ja4"
	"haechi/internal/brick/tlshello"
	"haechi/internal/sensor/talk"
)

// tlsTalk tells of the client hello at the beginning of a TLS stream, whatever its port,
// and hears nothing after it.
type tlsTalk struct{ reader }

// reader reads client hellos, one after the other, of whatever transport.
type reader struct {
	hello   tlshello.Hello // used again
	printer ja4.Printer
}

// matchTLS: a handshake record whose message is a ClientHello.
func matchTLS(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if b[0] != 22 || len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 || len(b) > 5 && b[5] != 1 {
		return talk.No, talk.FromClient
	}
	if len(b) < 6 {
		return talk.Unsure, talk.FromClient
	}
	return talk.Yes, talk.FromClient
}

func (t *tlsTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if from == talk.FromServer {
		return len(b)
	}
	msg, out := tlshello.FromRecords(b, c.Scratch())
	switch out {
	case tlshello.More:
		return 0
	case tlshello.Whole:
		t.tell(c, msg, ja4.TCP)
	}
	c.Finish()
	return len(b)
}

func (*tlsTalk) Miss(_ *talk.Conversation, from talk.Side) bool { return from == talk.FromServer }
func (*tlsTalk) End(*talk.Conversation)                         {}

// tell tells of a ClientHello. It returns false when it is none.
func (r *reader) tell(c *talk.Conversation, msg []byte, transport ja4.Transport) bool {
	h := &r.hello
	if !tlshello.Read(msg, h) {
		return false
	}
	e := c.About(haechi.KindHello)
	e.Name = talk.Text(h.Name)
	e.TLS = true
	e.Fingerprint = r.printer.Of(&ja4.Hello{Transport: transport, Versions: h.Versions, Suites: h.Suites, Extensions: h.Extensions,
		Signatures: h.Signatures, ALPN: string(h.ALPN)})
	c.Tell()
	return true
}
