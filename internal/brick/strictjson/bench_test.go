package strictjson_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strings"
	"testing"

	"haechi/internal/brick/strictjson"
)

// The two benchmarks check the same frame: identity, signed string, signature.
const benchFrame = `{"event":"message","data":{"room":"테스트방","channel_id":"18300000000000000","message_type":"text",` +
	`"content_encoding":"base64","message_positions":[0,16],"timestamp":"2025-07-25T03:06:29.123Z","timezone":"Asia/Seoul",` +
	`"sender":"someone","is_group_chat":true,"log_id":"3456789012345678901","user_hash":"a1b2c3d4","is_mention":false,` +
	`"bot_name":"LOA.i","client_type":"MessengerBotR","auth":{"clientType":"MessengerBotR","botName":"LOA.i",` +
	`"deviceUUID":"0123456789abcdef","deviceID":"0123456789abcdef","macAddress":"02:00:00:00:00:00",` +
	`"ipAddress":"192.168.0.15","timestamp":1753412789123,"version":"3.3.3",` +
	`"signature":"c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829"}}}aGVsbG8gd29ybGQh`

const (
	benchKey  = "example-shared-key-do-not-use"
	benchSalt = "example-salt"
)

type naiveFrame struct {
	Event string `json:"event"`
	Data  struct {
		Room    string `json:"room"`
		BotName string `json:"bot_name"`
		Auth    struct {
			ClientType string      `json:"clientType"`
			BotName    string      `json:"botName"`
			DeviceUUID string      `json:"deviceUUID"`
			DeviceID   string      `json:"deviceID"`
			MAC        string      `json:"macAddress"`
			IP         string      `json:"ipAddress"`
			Timestamp  json.Number `json:"timestamp"`
			Signature  string      `json:"signature"`
		} `json:"auth"`
	} `json:"data"`
}

func naive(line []byte) bool {
	var f naiveFrame
	end := bytes.LastIndexByte(line, '}') + 1
	if json.Unmarshal(line[:end], &f) != nil || f.Data.BotName != "LOA.i" || f.Data.Auth.BotName != "LOA.i" {
		return false
	}
	a := &f.Data.Auth
	mac := hmac.New(sha256.New, []byte(benchKey))
	mac.Write([]byte(strings.Join([]string{a.ClientType, a.BotName, a.DeviceUUID, a.MAC, a.IP, a.Timestamp.String(), benchSalt}, "|")))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(a.Signature))
}

type checker struct {
	scan *strictjson.Scanner
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
	hex  [2 * sha256.Size]byte
}

var benchPaths = []string{"event", "data.room", "data.bot_name", "data.auth.clientType", "data.auth.botName",
	"data.auth.deviceUUID", "data.auth.macAddress", "data.auth.ipAddress", "data.auth.timestamp", "data.auth.signature",
	"data.auth.deviceID", "data.botName", "data.channel_id", "data.auth"}

func (c *checker) check(line []byte) bool {
	_, f := c.scan.Scan(line)
	if f != strictjson.OK || string(c.scan.Value(2).Raw) != "LOA.i" || string(c.scan.Value(4).Raw) != "LOA.i" {
		return false
	}
	c.text = c.text[:0]
	for slot := 3; slot <= 8; slot++ {
		c.text = append(append(c.text, c.scan.Value(slot).Raw...), '|')
	}
	c.text = append(c.text, benchSalt...)
	c.mac.Reset()
	c.mac.Write(c.text)
	hex.Encode(c.hex[:], c.mac.Sum(c.sum[:0]))
	return hmac.Equal(c.hex[:], c.scan.Value(9).Raw)
}

func BenchmarkFrameNaive(b *testing.B) {
	line := []byte(benchFrame)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if !naive(line) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	line := []byte(benchFrame)
	c := &checker{scan: compile(b, benchPaths...), mac: hmac.New(sha256.New, []byte(benchKey))}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if !c.check(line) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkScan(b *testing.B) {
	line := []byte(benchFrame)
	s := compile(b, benchPaths...)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, f := s.Scan(line); f != strictjson.OK {
			b.Fatal(f)
		}
	}
}
