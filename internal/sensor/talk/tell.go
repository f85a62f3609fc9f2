package talk

import (
	"unicode"
	"unicode/utf8"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// MaxText bounds a text that a peer chose, in bytes.
const MaxText = 255

// about begins an event of this conversation.
func (c *conversation) about(kind haechi.Kind) *haechi.Event {
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
	if c.heard[fromClient] && c.heard[fromServer] {
		e.Assurance = haechi.Handshaken
	}
	e.Sensor, e.Transport, e.Protocol, e.Start = "capture", c.ends.Transport, c.protocol, c.start
	return e
}

// tell tells of the event that was begun last.
func (c *conversation) tell() { c.l.tell(&c.l.event) }

// text returns what a peer chose as text: valid, printable and bounded.
func text(b []byte) string { return textOf(b, MaxText) }

func textOf(b []byte, most int) string {
	if plain(b) {
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

// plain reports whether the bytes are printable ASCII.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
