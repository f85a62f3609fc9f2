package demo

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Frame is one received line: a JSON object and what follows it on the line.
type Frame struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Raw   []byte          `json:"-"`
	Line  []byte          `json:"-"` // the whole line without its end
}

var errLineTooLong = errors.New("line too long")

// readLine reads up to a line end, which is not returned.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errLineTooLong
		}
		line = append(line, part...)
		if err == nil {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// parseFrame takes the first JSON value of the line; the rest is the raw tail.
func parseFrame(line []byte) (Frame, error) {
	f := Frame{Line: line}
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("parse frame: %w", err)
	}
	f.Raw = line[d.InputOffset():]
	return f, nil
}

// encode writes one frame with its line end. HTML escaping is off, as in the
// client's JSON.
func encode(v any, raw string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil // only strings and numbers are encoded
	}
	b.Truncate(b.Len() - 1)
	b.WriteString(raw)
	b.WriteByte('\n')
	return b.Bytes()
}

type envelope struct {
	Event string `json:"event"`
	Data  any    `json:"data"`
}

type hello struct {
	ClientType string `json:"clientType"`
	BotName    string `json:"botName"`
	Version    string `json:"version"`
	DeviceID   string `json:"deviceID"`
	DeviceIP   string `json:"deviceIP"`
	DeviceInfo string `json:"deviceInfo"`
}

// handshake is the first line of a connection; V32 has its fields at the top.
func (id Identity) handshake(ip string, now time.Time) []byte {
	h := hello{clientType, id.Bot, id.Shape.Version(), id.Serial, ip, "demo phone (Android 13, API 33)"}
	if id.Shape == V32 {
		return encode(h, "")
	}
	return encode(envelope{"handshake", struct {
		hello
		Timestamp string `json:"timestamp"`
		Timezone  string `json:"timezone"`
		Positions [2]int `json:"message_positions"`
	}{h, iso(now), "Asia/Seoul", [2]int{}}}, "")
}

type chat333 struct {
	Room      string  `json:"room"`
	Channel   string  `json:"channel_id"`
	Type      string  `json:"message_type"`
	Encoding  string  `json:"content_encoding"`
	Positions [2]int  `json:"message_positions"`
	Timestamp string  `json:"timestamp"`
	Timezone  string  `json:"timezone"`
	Sender    string  `json:"sender"`
	Group     bool    `json:"is_group_chat"`
	LogID     *string `json:"log_id"`
	UserHash  *string `json:"user_hash"`
	Mention   bool    `json:"is_mention"`
	Bot       string  `json:"bot_name"`
	Client    string  `json:"client_type"`
	Auth      *auth   `json:"auth,omitempty"`
}

type chat32 struct {
	Room      string  `json:"room"`
	Text      string  `json:"text"`
	Sender    string  `json:"sender"`
	Group     bool    `json:"isGroupChat"`
	Channel   string  `json:"channelId"`
	LogID     *string `json:"logId"`
	UserHash  *string `json:"userHash"`
	Mention   bool    `json:"isMention"`
	Timestamp string  `json:"timestamp"`
	Bot       string  `json:"botName"`
	Client    string  `json:"clientType"`
	Auth      *auth   `json:"auth,omitempty"`
}

// chat is one chat message; a nil auth leaves it unsigned, and another bot may be
// named in the body.
func (id Identity) chat(a *auth, bot, room, text string, now time.Time) []byte {
	log := strconv.FormatInt(now.UnixNano(), 10)
	if id.Shape == V32 {
		return encode(envelope{"analyze", chat32{Room: room, Text: text, Sender: "미나", Group: true, Channel: channel(room),
			LogID: &log, Timestamp: now.Format(time.DateTime), Bot: bot, Client: clientType, Auth: a}}, "")
	}
	raw := base64.StdEncoding.EncodeToString([]byte(text))
	return encode(envelope{"message", chat333{Room: room, Channel: channel(room), Type: "text", Encoding: "base64",
		Positions: [2]int{0, len(raw)}, Timestamp: iso(now), Timezone: "Asia/Seoul", Sender: "미나", Group: true,
		LogID: &log, Bot: bot, Client: clientType, Auth: a}}, raw)
}

// pong answers a ping, echoing its server_timestamp to the byte.
func (id Identity) pong(a *auth, stamp json.RawMessage, now time.Time) []byte {
	event := "pong"
	if id.Shape == V32 {
		event = "ping"
	}
	return encode(envelope{event, struct {
		Bot        string          `json:"bot_name"`
		Stamp      json.RawMessage `json:"server_timestamp,omitempty"`
		Monitoring map[string]int  `json:"monitoring"`
		Auth       *auth           `json:"auth,omitempty"`
		Timestamp  string          `json:"timestamp"`
		Timezone   string          `json:"timezone"`
		Positions  [2]int          `json:"message_positions"`
	}{id.Bot, stamp, map[string]int{"total_memory": 4096, "memory_usage": 1024, "memory_percent": 25, "message_queue_size": 0, "active_rooms": 2},
		a, iso(now), "Asia/Seoul", [2]int{}}}, "")
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// channel makes a stable 18-digit id of a room's name.
func channel(room string) string {
	h := uint64(14695981039346656037)
	for i := range len(room) {
		h = (h ^ uint64(room[i])) * 1099511628211
	}
	return strconv.FormatUint(100_000_000_000_000_000+h%800_000_000_000_000_000, 10)
}
