package demo

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// Shape is which generation of the client script a phone runs.
type Shape uint8

// The shapes. V333 frames carry the text as base64 behind the JSON and answer a
// ping with a pong; V32 frames are pure JSON and answer with a ping.
const (
	V333 Shape = iota
	V32
)

// Version is what the client says of itself.
func (s Shape) Version() string {
	if s == V32 {
		return "3.2.1"
	}
	return "3.3.3"
}

// Identity is one phone: what it says of itself and what it signs with.
type Identity struct {
	Bot    string // the bot's name
	Serial string // the Android id: deviceID and deviceUUID
	UUID   string // deviceUUID, where it is not the same
	Shape  Shape
	// Secret and Salt are the two strings of the client script; without a secret
	// the phone signs with an empty key.
	Secret, Salt haechi.Secret
}

// Key is the device key of the identity.
func (id Identity) Key() string { return haechi.DeviceKey(id.Bot, id.Serial) }

const (
	clientType = "MessengerBotR"
	mac        = "02:00:00:00:00:00" // what every Android since 6 answers
)

// auth is data.auth of every signed frame, in the order of the client script.
type auth struct {
	ClientType string `json:"clientType"`
	BotName    string `json:"botName"`
	DeviceUUID string `json:"deviceUUID"`
	DeviceID   string `json:"deviceID"`
	MAC        string `json:"macAddress"`
	IP         string `json:"ipAddress"`
	Timestamp  int64  `json:"timestamp"`
	Version    string `json:"version"`
	Signature  string `json:"signature"`
}

func (id Identity) auth(ip string, now time.Time) *auth {
	a := &auth{ClientType: clientType, BotName: id.Bot, DeviceUUID: cmp.Or(id.UUID, id.Serial), DeviceID: id.Serial,
		MAC: mac, IP: ip, Timestamp: now.UnixMilli(), Version: id.Shape.Version()}
	a.Signature = id.sign(a)
	return a
}

func (id Identity) sign(a *auth) string {
	text := strings.Join([]string{a.ClientType, a.BotName, a.DeviceUUID, a.MAC, a.IP,
		strconv.FormatInt(a.Timestamp, 10), string(id.Salt)}, "|")
	h := hmac.New(sha256.New, id.Secret)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}
