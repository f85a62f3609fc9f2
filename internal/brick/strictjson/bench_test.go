package strictjson_test

import (
	"testing"

	"haechi/internal/brick/strictjson"
)

// What else a frame costs is measured in bench/frame.
const benchFrame = `{"event":"message","data":{"room":"테스트방","channel_id":"18300000000000000","message_type":"text",` +
	`"content_encoding":"base64","message_positions":[0,16],"timestamp":"2025-07-25T03:06:29.123Z","timezone":"Asia/Seoul",` +
	`"sender":"someone","is_group_chat":true,"log_id":"3456789012345678901","user_hash":"a1b2c3d4","is_mention":false,` +
	`"bot_name":"LOA.i","client_type":"MessengerBotR","auth":{"clientType":"MessengerBotR","botName":"LOA.i",` +
	`"deviceUUID":"0123456789abcdef","deviceID":"0123456789abcdef","macAddress":"02:00:00:00:00:00",` +
	`"ipAddress":"192.168.0.15","timestamp":1753412789123,"version":"3.3.3",` +
	`"signature":"c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829"}}}aGVsbG8gd29ybGQh`

var benchPaths = []string{"event", "data.room", "data.bot_name", "data.auth.clientType", "data.auth.botName",
	"data.auth.deviceUUID", "data.auth.macAddress", "data.auth.ipAddress", "data.auth.timestamp", "data.auth.signature",
	"data.auth.deviceID", "data.botName", "data.channel_id", "data.auth"}

func BenchmarkScan(b *testing.B) {
	line := []byte(benchFrame)
	s := compile(b, benchPaths...)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, f := s.Scan(line); f != strictjson.OK {
			b.Fatal(f)
		}
	}
}
