package bridge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// Identity is what a phone knows of itself, and what it signs with.
type Identity struct{ Bot, Device, Key, Salt string }

// The fields that are the same on every phone.
const (
	clientType = "MessengerBotR"
	version    = "3.3.3"
	mac        = "02:00:00:00:00:00"
	ip         = "192.168.0.15" // the phone's own view, which it signs
)

// Object is a JSON object of a frame, to be changed by tests.
type Object map[string]any

// Handshake is the line that says who the phone is.
func (id Identity) Handshake() []byte {
	return Frame("handshake", Object{"clientType": clientType, "botName": id.Bot, "version": version, "deviceID": id.Device,
		"deviceIP": ip, "deviceInfo": "test phone (Android 13, API 33)", "timestamp": "2026-01-01T00:00:00.000Z",
		"timezone": "Asia/Seoul", "message_positions": []int{0, 0}}, "")
}

// Auth is the proof of a frame that was made at the time, in Unix milliseconds.
func (id Identity) Auth(stamp int64) Object {
	signed := strings.Join([]string{clientType, id.Bot, id.Device, mac, ip, strconv.FormatInt(stamp, 10), id.Salt}, "|")
	h := hmac.New(sha256.New, []byte(id.Key))
	h.Write([]byte(signed))
	return Object{"clientType": clientType, "botName": id.Bot, "deviceUUID": id.Device, "deviceID": id.Device,
		"macAddress": mac, "ipAddress": ip, "timestamp": stamp, "version": version, "signature": hex.EncodeToString(h.Sum(nil))}
}

// Message is a chat message with the given proof, nil for none.
func (id Identity) Message(text string, auth Object) []byte {
	raw := base64.StdEncoding.EncodeToString([]byte(text))
	data := Object{"room": "가족방", "channel_id": "18300000000000000", "message_type": "text", "content_encoding": "base64",
		"message_positions": []int{0, len(raw)}, "timestamp": "2026-01-01T00:00:00.000Z", "timezone": "Asia/Seoul",
		"sender": "미나", "is_group_chat": true, "log_id": nil, "user_hash": nil, "is_mention": false,
		"bot_name": id.Bot, "client_type": clientType}
	if auth != nil {
		data["auth"] = auth
	}
	return Frame("message", data, raw)
}

// Pong answers a ping, whose server_timestamp it returns as it came.
func (id Identity) Pong(stamp json.RawMessage, auth Object) []byte {
	return Frame("pong", Object{"bot_name": id.Bot, "server_timestamp": stamp, "auth": auth,
		"monitoring": Object{"total_memory": 4096, "message_queue_size": 0}}, "")
}

// Frame is a line of the protocol.
func Frame(event string, data Object, raw string) []byte {
	b, err := json.Marshal(Object{"event": event, "data": data})
	if err != nil {
		return nil // texts and numbers are encoded
	}
	return append(append(b, raw...), '\n')
}

// Heard is a received line.
type Heard struct {
	Event string `json:"event"`
	Data  struct {
		Success  bool            `json:"success"`
		Approved bool            `json:"approved"`
		Stamp    json.RawMessage `json:"server_timestamp"`
		Code     string          `json:"code"`
		Ref      string          `json:"reference"`
	} `json:"data"`
	Text string `json:"-"`
}

// Hear reads a line.
func Hear(line []byte) (h Heard, err error) {
	d := json.NewDecoder(strings.NewReader(string(line)))
	if err := d.Decode(&h); err != nil {
		return h, err
	}
	tail := strings.TrimSpace(string(line[d.InputOffset():]))
	if b, err := base64.StdEncoding.DecodeString(tail); err == nil {
		h.Text = string(b)
	}
	return h, nil
}
