package weakness_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/test/weakness"
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

// frame is one received line.
type frame struct {
	Event string `json:"event"`
	Data  struct {
		Approved bool            `json:"approved"`
		Success  bool            `json:"success"`
		Stamp    json.RawMessage `json:"server_timestamp"`
		Code     string          `json:"code"`
		Ref      string          `json:"reference"`
	} `json:"data"`
	Text string `json:"-"`
}

// heard is what came: the event of a frame, or one of the words below.
type heard struct {
	event string
	frame
}

const (
	silence = "silence"
	closed  = "closed"
)

// dial connects from an address of the site.
func (s *site) dial(to string, from byte, me phone) *wire {
	s.t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.addr(from), 0))}
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
	must(w.t, w.c.SetWriteDeadline(time.Now().Add(5*time.Second)))
	_, _ = w.c.Write(line)
}

// greet says who the client is.
func (w *wire) greet() { w.send(encode("handshake", w.hello(), "")) }

func (w *wire) hello() map[string]any {
	return map[string]any{"clientType": "MessengerBotR", "botName": w.me.bot, "version": "3.3.3", "deviceID": w.me.device,
		"deviceIP": "192.168.0.15", "deviceInfo": "test phone", "timestamp": "2026-01-01T00:00:00.000Z", "timezone": "Asia/Seoul",
		"message_positions": []int{0, 0}}
}

// auth is a proof made now.
func (w *wire) auth() map[string]any {
	w.stamp = max(w.stamp+1, time.Now().UnixMilli())
	return w.authAt(w.stamp)
}

func (w *wire) authAt(stamp int64) map[string]any {
	a := map[string]any{"clientType": "MessengerBotR", "botName": w.me.bot, "deviceUUID": w.me.device, "deviceID": w.me.device,
		"macAddress": "02:00:00:00:00:00", "ipAddress": "192.168.0.15", "timestamp": stamp, "version": "3.3.3"}
	k := secrets{"a guess", "another"}
	if w.secrets != nil {
		k = *w.secrets
	}
	a["signature"] = weakness.Sign(k.key, k.salt, "MessengerBotR", w.me.bot, w.me.device, "02:00:00:00:00:00", "192.168.0.15", decimal(stamp))
	return a
}

func decimal(n int64) string {
	b, _ := json.Marshal(n) // a number
	return string(b)
}

// message is a chat message with the given proof, nil for none.
func (w *wire) message(text string, auth map[string]any) []byte {
	raw := base64.StdEncoding.EncodeToString([]byte(text))
	data := map[string]any{"room": "가족방", "channel_id": "1", "message_type": "text", "content_encoding": "base64",
		"message_positions": []int{0, len(raw)}, "sender": "미나", "is_group_chat": true, "log_id": nil, "user_hash": nil,
		"bot_name": w.me.bot, "client_type": "MessengerBotR"}
	if auth != nil {
		data["auth"] = auth
	}
	return encode("message", data, raw)
}

func encode(event string, data map[string]any, raw string) []byte {
	b, _ := json.Marshal(map[string]any{"event": event, "data": data}) // texts and numbers
	return append(append(b, raw...), '\n')
}

// pong answers a ping with the given proof.
func (w *wire) pong(ping frame, auth map[string]any) {
	w.t.Helper()
	w.send(encode("pong", map[string]any{"bot_name": w.me.bot, "server_timestamp": ping.Data.Stamp, "auth": auth}, ""))
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
	var f frame
	d := json.NewDecoder(bytes.NewReader(line))
	must(w.t, d.Decode(&f))
	if text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line[d.InputOffset():]))); err == nil {
		f.Text = string(text)
	}
	return heard{f.Event, f}
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
			w.pong(h.frame, w.auth())
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
const soon, briefly = 8 * time.Second, 400 * time.Millisecond

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
func (w *wire) ask(text string, auth map[string]any) heard {
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
