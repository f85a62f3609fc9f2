package client

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
)

// Messengerbot is a device of the profile messengerbot, in the form of its version
// 3.3.
type Messengerbot struct {
	Bot      string // botName, at most 30 characters
	DeviceID string // at most 100 characters, no "/"
	UUID     string // default: DeviceID
	MAC      string // default: 02:00:00:00:00:00, what Android gives
	Version  string // default: 3.3.3
	Info     string // deviceInfo; may be empty
	// Key is the device's key: Secret and Salt as haechi devices key shows them, or a
	// [Code]; ID is needed for Bind.
	Key haechi.Key
	// Bind adds the signature that covers everything: without it the body of a
	// frame is not signed. The gateway must have device.binding on accept or require.
	Bind bool
}

const (
	clientType = "MessengerBotR"
	zone       = "Asia/Seoul"
)

type phone struct {
	id     Messengerbot
	mac    *framesign.MAC
	reader *framesign.Reader
	ip     string
	signed int64 // the last timestamp: frames of one millisecond would sign alike
}

func (m Messengerbot) speaker() (speaker, error) {
	m.UUID, m.MAC, m.Version = text(m.UUID, m.DeviceID), text(m.MAC, "02:00:00:00:00:00"), text(m.Version, "3.3.3")
	wrong := func(msg string, err error) (speaker, error) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make a device", Msg: msg, Err: err}
	}
	switch {
	case m.Bot == "" || m.DeviceID == "":
		return wrong("it has no bot or no device id", nil)
	case len(m.Key.Secret) == 0:
		return wrong("it has no secret", nil)
	case m.Bind && m.Key.ID == "":
		return wrong("binding needs the key's id", nil)
	}
	r, err := framesign.NewReader(framesign.Binding())
	if err != nil {
		return nil, err
	}
	p := &phone{id: m, mac: framesign.NewMAC(m.Key.Secret), reader: r, ip: "unknown"}
	if _, err := p.frame(Message{Event: "pong"}, anyTime); err != nil {
		return wrong("its names cannot be signed", err)
	}
	return p, nil
}

func text(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

type handshake struct {
	ClientType string `json:"clientType"`
	BotName    string `json:"botName"`
	Version    string `json:"version"`
	DeviceID   string `json:"deviceID"`
	DeviceIP   string `json:"deviceIP"`
	DeviceInfo string `json:"deviceInfo"`
	Timestamp  string `json:"timestamp"`
	Timezone   string `json:"timezone"`
	Positions  [2]int `json:"message_positions"`
}

func (p *phone) begin(local string, now time.Time) ([]byte, error) {
	p.ip = local
	return encode(struct {
		Event string    `json:"event"`
		Data  handshake `json:"data"`
	}{"handshake", handshake{clientType, p.id.Bot, p.id.Version, p.id.DeviceID, local, p.id.Info, iso(now), zone, [2]int{}}})
}

func (p *phone) sign(m Message, now time.Time) ([]byte, error) {
	p.signed = max(now.UnixMilli(), p.signed+1)
	return p.frame(m, p.signed)
}

func (p *phone) try(m Message) (int, error) {
	b, err := p.frame(m, anyTime)
	return len(b), err
}

func (p *phone) frame(m Message, ms int64) ([]byte, error) {
	data, err := object(m.Body)
	if err != nil {
		return nil, err
	}
	a := framesign.Auth{ClientType: clientType, Bot: p.id.Bot, DeviceID: p.id.DeviceID, UUID: p.id.UUID, MAC: p.id.MAC, Addr: p.ip,
		Version: p.id.Version, Millis: ms, KeyID: "unbound", Nonce: "unbound-unbound-"}
	older, fault := p.mac.Older(p.id.Key.Salt, &a)
	if fault != framesign.OK {
		return nil, fault
	}
	if p.id.Bind {
		var nonce [16]byte
		_, _ = rand.Read(nonce[:]) // it never fails: crypto/rand ends the program first
		a.KeyID, a.Nonce = p.id.Key.ID, hex.EncodeToString(nonce[:])
	}
	// The strict reader is asked about an unbound frame too, since the gateway is as
	// strict.
	bound, err := seal(p.reader, p.mac, framesign.AppendBot(nil, m.Event, data, &a, older, m.Tail))
	if err != nil || p.id.Bind {
		return bound, err
	}
	a.KeyID = ""
	return append(framesign.AppendBot(nil, m.Event, data, &a, older, m.Tail), '\n'), nil
}

// object is the body without white space, since a line end would end the frame.
func object(body json.RawMessage) ([]byte, error) {
	if body == nil {
		return []byte("{}"), nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		return nil, err
	}
	if b.Bytes()[0] != '{' {
		return nil, errors.New("the body of a messengerbot frame is an object")
	}
	return b.Bytes(), nil
}

func (p *phone) hear(line []byte, now time.Time) heard {
	var f struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if d.Decode(&f) != nil || f.Event == "" {
		return heard{what: unreadable}
	}
	h := heard{message: Message{Event: f.Event, Body: f.Data, Tail: line[d.InputOffset():]}}
	switch f.Event {
	case "ping":
		return p.pinged(f.Data, now)
	case "handshakeComplete":
		var done struct {
			Success bool `json:"success"`
		}
		if json.Unmarshal(f.Data, &done) != nil || !done.Success {
			h.what = rejected
			return h
		}
		h.open = true
	case "error":
		h.refusal = refusalOf(f.Data)
	}
	return h
}

// pinged answers with the server's own timestamp, to the byte.
func (p *phone) pinged(data json.RawMessage, now time.Time) heard {
	var ping struct {
		Stamp json.RawMessage `json:"server_timestamp"`
	}
	if json.Unmarshal(data, &ping) != nil {
		return heard{what: unreadable}
	}
	body, err := json.Marshal(struct {
		Bot       string          `json:"bot_name"`
		Stamp     json.RawMessage `json:"server_timestamp,omitempty"`
		Timestamp string          `json:"timestamp"`
		Timezone  string          `json:"timezone"`
		Positions [2]int          `json:"message_positions"`
	}{p.id.Bot, ping.Stamp, iso(now), zone, [2]int{}})
	if err != nil {
		return heard{what: unreadable}
	}
	return heard{what: asked, answer: Message{Event: "pong", Body: body}}
}

// Chat is a chat message of the messengerbot protocol, version 3.3: the text travels
// behind the frame.
func Chat(room, sender, text string) Message {
	tail := base64.StdEncoding.EncodeToString([]byte(text))
	// A struct of texts and numbers always encodes.
	body, _ := json.Marshal(struct {
		Room      string `json:"room"`
		Sender    string `json:"sender"`
		Type      string `json:"message_type"`
		Encoding  string `json:"content_encoding"`
		Positions [2]int `json:"message_positions"`
		Group     bool   `json:"is_group_chat"`
		Mention   bool   `json:"is_mention"`
	}{room, sender, "text", "base64", [2]int{0, len(tail)}, true, false})
	return Message{Event: "message", Body: body, Tail: []byte(tail)}
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(b, '\n'), err
}
