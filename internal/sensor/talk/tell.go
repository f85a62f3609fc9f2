package talk

import (
	"encoding/binary"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// MaxText bounds a text that a peer chose, in bytes.
const MaxText = 255

// About begins an event of this conversation.
func (c *Conversation) About(kind haechi.Kind) *haechi.Event {
	e := &c.l.event
	*e = haechi.Event{Time: c.l.now, Kind: kind}
	client, server := c.ends.Client, c.ends.Server
	if c.turned {
		client, server = server, client
	}
	e.Addr = clientkey.Addr(client.Addr())
	e.Client = clientkey.Of(e.Addr, c.l.cfg.V6Bits)
	e.Port, e.LocalPort = client.Port(), server.Port()
	e.Target = clientkey.Addr(server.Addr())
	// A datagram that was answered proves nothing: anybody can ask in somebody else's name.
	if c.ends.Transport == haechi.TCP && c.heard[FromClient] && c.heard[FromServer] {
		e.Assurance = haechi.Handshaken
	}
	e.Sensor, e.Transport, e.Protocol, e.Start = "capture", c.ends.Transport, c.protocol, c.start
	return e
}

// Tell tells of the event that was begun last.
func (c *Conversation) Tell() { c.l.tell(&c.l.event) }

// Text returns what a peer chose as text: valid, printable and bounded.
func Text(b []byte) string { return textOf(b, MaxText) }

func textOf(b []byte, most int) string {
	if Plain(b) {
		return string(b[:min(len(b), most)])
	}
	out := make([]byte, 0, min(len(b), most))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			r = '?'
		}
		if len(out)+utf8.RuneLen(r) > most {
			break
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return string(out)
}

// Plain reports whether the bytes are printable ASCII.
func Plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Wide returns text of little-endian UTF-16, as Text does.
func Wide(b []byte) string {
	out := make([]byte, 0, min(len(b)/2, MaxText))
	for len(b) >= 2 && len(out) < MaxText {
		r := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) && len(b) >= 2 {
			r = utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(b)))
			b = b[2:]
		}
		out = append(out, string(r)...)
	}
	return Text(out)
}

// TellLogin tells of one attempt to log in; kind is its Type.
func (c *Conversation) TellLogin(user string, outcome haechi.Outcome, kind string) {
	e := c.About(haechi.KindAuth)
	e.User, e.Outcome, e.Type = user, outcome, kind
	c.Tell()
}

// TellCall tells of one call of a remote service.
func (c *Conversation) TellCall(protocol, operation, name, user string, outcome haechi.Outcome) {
	e := c.About(haechi.KindCall)
	e.Protocol, e.Type, e.Name, e.User, e.Outcome = protocol, operation, name, user, outcome
	c.Tell()
}
