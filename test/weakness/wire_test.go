package weakness_test

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"haechi"
	"haechi/test/bridge"
	"haechi/test/gateway"
)

// phone is what a client knows of itself. Its secrets depend on whom it speaks to.
type phone struct {
	bot, device string
	keys        map[string]secrets // by address
}

type secrets struct{ key, salt string }

// name is the device key of the phone.
func (p phone) name() string { return haechi.DeviceKey(p.bot, p.device) }

// wire is one connection of a client that does what a test tells it.
type wire struct {
	t       *testing.T
	c       net.Conn
	in      *bufio.Reader
	me      phone
	secrets *secrets // nil: it cannot sign
	stamp   int64    // of the last frame: no two share a millisecond
}

// heard is what came: the event of a frame, or one of the words below.
type heard struct {
	event string
	bridge.Heard
}

const (
	silence = "silence"
	closed  = "closed"
)

// dial connects from an address of the site.
func (s *site) dial(to string, from byte, me phone) *wire {
	s.t.Helper()
	d := net.Dialer{Timeout: gateway.Patient(5 * time.Second), LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.addr(from), 0))}
	c, err := d.DialContext(s.t.Context(), "tcp", to)
	must(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	w := &wire{t: s.t, c: c, in: bufio.NewReader(c), me: me}
	if k, ok := me.keys[to]; ok {
		w.secrets = &k
	}
	return w
}

// send writes a line. Being cut in the middle is something to hear, not to fail at.
func (w *wire) send(line []byte) {
	w.t.Helper()
	must(w.t, w.c.SetWriteDeadline(time.Now().Add(gateway.Patient(5*time.Second))))
	_, _ = w.c.Write(line)
}

// identity is the client as it signs: by a guess, if it cannot.
func (w *wire) identity() bridge.Identity {
	k := secrets{"a guess", "another"}
	if w.secrets != nil {
		k = *w.secrets
	}
	return bridge.Identity{Bot: w.me.bot, Device: w.me.device, Key: k.key, Salt: k.salt}
}

// greet says who the client is.
func (w *wire) greet() { w.send(w.identity().Handshake()) }

// auth is a proof made now.
func (w *wire) auth() bridge.Object {
	w.stamp = max(w.stamp+1, time.Now().UnixMilli())
	return w.identity().Auth(w.stamp)
}

// message is a chat message with the given proof, nil for none.
func (w *wire) message(text string, auth bridge.Object) []byte {
	return w.identity().Message(text, auth)
}

// pong answers a ping with the given proof.
func (w *wire) pong(ping heard, auth bridge.Object) {
	w.t.Helper()
	w.send(w.identity().Pong(ping.Data.Stamp, auth))
}

// hear reads one frame.
func (w *wire) hear(within time.Duration) heard {
	w.t.Helper()
	if w.c.SetReadDeadline(time.Now().Add(within)) != nil {
		return heard{event: closed}
	}
	line, err := w.in.ReadBytes('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return heard{event: silence}
	case err != nil:
		return heard{event: closed}
	}
	h, err := bridge.Hear(line)
	must(w.t, err)
	return heard{h.Event, h}
}

// until reads up to one of the events, answering pings if it can sign.
func (w *wire) until(within time.Duration, events ...string) heard {
	w.t.Helper()
	end := time.Now().Add(within)
	for {
		h := w.hear(time.Until(end))
		switch {
		case h.event == silence, h.event == closed:
			return h
		case h.event == "ping" && w.secrets != nil:
			w.pong(h, w.auth())
		}
		for _, e := range events {
			if h.event == e {
				return h
			}
		}
	}
}

// soon is how long anything may take that comes at all; briefly is how long
// nothing has to come to be believed. The gateway waits two seconds for a proof.
const soon, briefly = 80 * time.Second, 400 * time.Millisecond

// open shakes hands and waits for the server's answer or a refusal.
func (w *wire) open() heard {
	w.t.Helper()
	w.greet()
	return w.until(soon, "handshakeComplete", "error")
}

// opened is open that must succeed.
func (w *wire) opened() *wire {
	w.t.Helper()
	if h := w.open(); h.event != "handshakeComplete" || !h.Data.Success {
		w.t.Fatalf("%s got no session: %+v", w.me.name(), h)
	}
	return w
}

// ask sends a message and waits for the answer or a refusal.
func (w *wire) ask(text string, auth bridge.Object) heard {
	w.t.Helper()
	w.send(w.message(text, auth))
	return w.until(soon, "messageResponse", "error")
}

// answered wants a signed message to be answered.
func (w *wire) answered(text string) {
	w.t.Helper()
	if h := w.ask(text, w.auth()); h.event != "messageResponse" {
		w.t.Fatalf("%s says %q and hears %+v", w.me.name(), text, h)
	}
}

// bye ends the connection.
func (w *wire) bye() { _ = w.c.Close() }
