package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// enrolled is one device as the registry gave it out.
type enrolled struct {
	Bot    string `json:"bot"`
	Serial string `json:"serial"`
	Secret string `json:"secret"`
	Salt   string `json:"salt"`
}

const (
	deviceIP  = "127.0.0.1"
	deviceMAC = "02:00:00:00:00:00"
	digits    = 13 // of a timestamp in milliseconds
)

// sign is the signature of the protocol over the timestamp.
func (d *enrolled) sign(ms int64) string {
	h := hmac.New(sha256.New, []byte(d.Secret))
	fmt.Fprintf(h, "MessengerBotR|%s|%s|%s|%s|%d|%s", d.Bot, d.Serial, deviceMAC, deviceIP, ms, d.Salt)
	return hex.EncodeToString(h.Sum(nil))
}

// hello is the handshake; it tells the sink to answer every so many frames.
func (d *enrolled) hello(every int) []byte {
	return fmt.Appendf(nil, `{"event":"handshake","data":{"clientType":"MessengerBotR","botName":"%s","version":"3.3.3",`+
		`"deviceID":"%s","deviceIP":"%s","deviceInfo":"%s%d","message_positions":[0,0]}}`+"\n",
		d.Bot, d.Serial, deviceIP, marker, every)
}

func (d *enrolled) auth(ms int64) string {
	return fmt.Sprintf(`"auth":{"clientType":"MessengerBotR","botName":"%s","deviceUUID":"%s","deviceID":"%s","macAddress":"%s",`+
		`"ipAddress":"%s","timestamp":%d,"version":"3.3.3","signature":"%s"}`,
		d.Bot, d.Serial, d.Serial, deviceMAC, deviceIP, ms, d.sign(ms))
}

// pong answers a ping.
func (d *enrolled) pong(now time.Time) []byte {
	return fmt.Appendf(nil, `{"event":"pong","data":{"bot_name":"%s",%s,"message_positions":[0,0]}}`+"\n",
		d.Bot, d.auth(now.UnixMilli()))
}

// message is a chat frame of a usual size, about 650 bytes.
func (d *enrolled) message(ms int64) []byte {
	return fmt.Appendf(nil, `{"event":"message","data":{"room":"테스트방","channel_id":"18300000000000000","message_type":"text",`+
		`"content_encoding":"base64","message_positions":[0,16],"timestamp":"2025-07-25T03:06:29.123Z","timezone":"Asia/Seoul",`+
		`"sender":"someone","is_group_chat":true,"log_id":"3456789012345678901","user_hash":"a1b2c3d4","is_mention":false,`+
		`"bot_name":"%s","client_type":"MessengerBotR",%s}}aGVsbG8gd29ybGQh`+"\n", d.Bot, d.auth(ms))
}

// mould is a message with the places of what differs from one to the next.
type mould struct {
	text   []byte
	at     int // of the timestamp
	signed int // of the signature
}

// stamp is one pre-signed timestamp.
type stamp struct {
	ms  [digits]byte
	sig [2 * sha256.Size]byte
}

func newMould(d *enrolled, ms int64) mould {
	m := mould{text: d.message(ms)}
	number, sig := strconv.FormatInt(ms, 10), d.sign(ms)
	m.at, m.signed = index(m.text, `"timestamp":`+number)+len(`"timestamp":`), index(m.text, sig)
	return m
}

// stamps signs n timestamps, a millisecond apart.
func (d *enrolled) stamps(n int, from time.Time) []stamp {
	out := make([]stamp, n)
	for i := range out {
		ms := from.UnixMilli() + int64(i)
		copy(out[i].ms[:], strconv.FormatInt(ms, 10))
		copy(out[i].sig[:], d.sign(ms))
	}
	return out
}

// put makes frame the one of the stamp.
func (m *mould) put(frame []byte, s *stamp) {
	copy(frame[m.at:], s.ms[:])
	copy(frame[m.signed:], s.sig[:])
}
