package weakness

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// object is a JSON object read as loosely as the server that this one stands for
// does: exact names, the last of equal ones wins.
type object map[string]any

// text is a member that is a text or a number, as written; else empty.
func (o object) text(names ...string) string {
	for _, name := range names {
		switch v := o[name].(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		}
	}
	return ""
}

func (o object) child(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

var errNoObject = errors.New("no JSON object")

// parse splits a line at its last closing brace.
func parse(line []byte) (o object, raw string, err error) {
	end := bytes.LastIndexByte(line, '}') + 1
	if end == 0 {
		return nil, "", errNoObject
	}
	d := json.NewDecoder(bytes.NewReader(line[:end]))
	d.UseNumber()
	err = d.Decode(&o)
	return o, string(line[end:]), err
}

type handshake struct {
	bot, device, version, addr, client string
	v3                                 bool
}

// parseHandshake takes both shapes; name, version and device are required.
func parseHandshake(line []byte) (h handshake, ok bool) {
	o, _, err := parse(line)
	if err != nil {
		return h, false
	}
	if o.text("event") == "handshake" {
		o, h.v3 = o.child("data"), true
	}
	h.bot, h.device, h.version = o.text("botName"), o.text("deviceID"), o.text("version")
	h.addr, h.client = o.text("deviceIP"), o.text("clientType")
	return h, h.bot != "" && h.device != "" && h.version != ""
}

// chat is the text of a message, wherever its version has it.
func chat(event string, data object, raw string) string {
	if event == "analyze" {
		return data.text("text")
	}
	b, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		return ""
	}
	return string(b)
}

// window is how far a timestamp may be off.
const window = 300_000 // ms

// verify checks a frame's auth. What it found is for the log alone (finding 2).
func (s *Server) verify(auth object) bool {
	for _, name := range []string{"clientType", "botName", "deviceUUID", "timestamp", "signature"} {
		if auth.text(name) == "" {
			return false
		}
	}
	n, _ := auth["timestamp"].(json.Number)
	at, err := n.Int64()
	if off := time.Now().UnixMilli() - at; err != nil || off > window || off < -window {
		return false
	}
	return hmac.Equal([]byte(Sign(s.cfg.Key, s.cfg.Salt, auth.text("clientType"), auth.text("botName"), auth.text("deviceUUID"),
		auth.text("macAddress"), auth.text("ipAddress"), auth.text("timestamp"))), []byte(auth.text("signature")))
}

// Sign is the signature of the fields, which are given in signing order.
func Sign(key, salt string, fields ...string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(strings.Join(append(fields, salt), "|")))
	return hex.EncodeToString(h.Sum(nil))
}
