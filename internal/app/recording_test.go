package app_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/brick/framesign"
)

// The keys of the recordings are invented; the first two are the protocol page's.
const (
	recKey   = "example-shared-key-do-not-use"
	recSalt  = "example-salt"
	recPath  = "../../profiles/testdata"
	recMS    = 1753412789123
	vectorIt = "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829"
	vectorKo = "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879"
	vectorHa = "74ea7dc54e21465dcdd752f22dc32362ff80e616216dfba3ad56f4e196b29dbe"
)

// tape makes a recording.
type tape struct {
	conn uint64
	at   time.Time
	out  []app.Record
}

func (r *tape) up(text, want string) {
	r.at = r.at.Add(40 * time.Millisecond)
	r.out = append(r.out, app.Record{Dir: "up", Text: &text, Time: r.at, Connection: r.conn, Want: want})
}

func (r *tape) down(text string) {
	r.at = r.at.Add(40 * time.Millisecond)
	r.out = append(r.out, app.Record{Dir: "down", Text: &text, Time: r.at, Connection: r.conn})
}

func hexMAC(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// authOf is the auth object of the public clients, signed, or with a given signature.
func authOf(bot string, ms int64, signature string) string {
	if signature == "" {
		signature = hexMAC(recKey, fmt.Sprintf("MessengerBotR|%s|0123456789abcdef|02:00:00:00:00:00|192.168.0.15|%d|%s", bot, ms, recSalt))
	}
	return fmt.Sprintf(`{"clientType":"MessengerBotR","botName":%q,"deviceUUID":"0123456789abcdef","deviceID":"0123456789abcdef","macAddress":"02:00:00:00:00:00",`+
		`"ipAddress":"192.168.0.15","timestamp":%d,"version":"3.3.3","signature":%q}`, bot, ms, signature)
}

const identity = `"clientType":"MessengerBotR","botName":%q,"version":"3.3.3","deviceID":"0123456789abcdef","deviceIP":"192.168.0.15","deviceInfo":"phone"`

func recordMessengerbot(r *tape) {
	for i, bot := range []string{"LOA.i", "도매까봇"} {
		r.conn = uint64(i + 1)
		vector := []string{vectorIt, vectorKo}[i]
		r.up(fmt.Sprintf(`{"event":"handshake","data":{`+identity+`}}`, bot), "accepted")
		r.down(`{"event":"handshakeComplete","data":{"success":true,"approved":true}}`)
		message := fmt.Sprintf(`{"event":"message","data":{"room":"테스트방","message_positions":[0,8],"bot_name":%q,"auth":%s}}`, bot, authOf(bot, recMS, vector)) + "7JWI64WV"
		r.up(message, "accepted")
		r.up(message, "duplicate")
		r.down(`{"event":"ping","data":{"bot_name":"LOA.i","server_timestamp":"2025-07-25 12:06:29.200"}}`)
		r.up(fmt.Sprintf(`{"event":"pong","data":{"bot_name":%q,"server_timestamp":"2025-07-25 12:06:29.200","auth":%s}}`, bot, authOf(bot, recMS+300, "")), "accepted")
		r.up(strings.Replace(message, vector, strings.Repeat("0", 64), 1), "hmac_failed")
		r.up(fmt.Sprintf(`{"event":"message","data":{"room":"r","bot_name":"other","auth":%s}}`, authOf(bot, recMS+400, "")), "identity_mismatch")
		r.up(`{"event":"message","data":{"room":"r"}}`, "auth_missing")
		r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","text":"안녕","botName":%q,"auth":%s}}`, bot, authOf(bot, recMS-400_000, "")), "timestamp")
	}
	r.conn = 3
	r.up(fmt.Sprintf(`{`+identity+`}`, "LOA.i"), "accepted") // 3.2: at the top
	r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","text":"안녕","botName":"LOA.i","auth":%s}}`, authOf("LOA.i", recMS+500, "")), "accepted")
	r.up(fmt.Sprintf(`{"event":"message","data":{"room":"r","bot_name":"LOA.i","auth":%s}}`, authOf("LOA.i", recMS, vectorIt)), "replay")
}

func recordKkobot(r *tape) {
	for i, bot := range []string{"LOA.i", "LOA.usual"} {
		r.conn = uint64(i + 1)
		signature := []string{vectorHa, ""}[i]
		r.up(fmt.Sprintf(`{`+identity+`}`, bot), "accepted")
		r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","text":"안녕","botName":%q,"auth":%s}}`, bot, authOf(bot, recMS, signature)), "accepted")
		r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","botName":%q,"auth":%s}}`, bot, strings.Replace(authOf(bot, recMS, signature), "0123456789abcdef", "another", 1)), "hmac_failed")
	}
	r.conn = 3
	r.up(fmt.Sprintf(`{`+identity+`}`, "LOA.listed"), "accepted")
	r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","botName":"LOA.listed","auth":%s}}`, authOf("LOA.listed", recMS, "")), "unauthorized")
	r.conn = 4
	r.up(fmt.Sprintf(`{`+identity+`}`, "stranger"), "accepted")
	r.up(fmt.Sprintf(`{"event":"analyze","data":{"room":"r","botName":"stranger","auth":%s}}`, authOf("stranger", recMS, "")), "no_key")
}

func recordAuthInHandshake(r *tape) {
	hello := fmt.Sprintf(`{"type":"handshake","auth":%s,"info":{`+identity+`}}`, authOf("LOA.i", recMS, vectorIt), "LOA.i")
	r.up(strings.Replace(hello, vectorIt, strings.Repeat("0", 64), 1), "hmac_failed")
	r.up(hello, "accepted")
	r.down(`{"status":"accepted"}`)
	r.up(`{"type":"heartbeat","timestamp":1753412819123}`, "auth_missing")
	r.conn = 1
	r.up(hello, "duplicate")
}

func recordSignedLines(t *testing.T, r *tape) {
	reader, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		t.Fatal(err)
	}
	mac, seq := framesign.NewMAC([]byte(recKey)), uint64(0)
	frame := func(event, body string) string {
		seq++
		l := framesign.Line{KeyID: "k1", Device: "sensor-1", Direction: framesign.Up, Seq: seq, Millis: recMS, Event: event, Body: []byte(body)}
		out := framesign.AppendLine(nil, &l)
		f, fault := reader.Read(out)
		if fault == framesign.OK {
			fault = mac.Sign(&f.Text, out, f.At)
		}
		if fault != framesign.OK {
			t.Fatal(fault)
		}
		return string(out)
	}
	r.up(frame("hello", `{"version":"1.0"}`), "accepted")
	r.down(`{"v":1,"dir":"down","event":"challenge","nonce":"00112233445566778899aabbccddeeff"}`)
	r.up(frame("proof", `{"nonce":"00112233445566778899aabbccddeeff"}`), "accepted")
	one := frame("reading", `{"temperature":21.5}`)
	r.up(one, "accepted")
	r.up(one, "duplicate")
	r.up(strings.Replace(one, "21.5", "99.9", 1), "hmac_failed")
	seq = 1
	r.up(frame("reading", `{"temperature":21.6}`), "replay")
}

func recordLengthPrefixed(r *tape) {
	put := func(object, want string, cut int) {
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(object))), object...)
		for i, part := range [][]byte{b[:cut], b[cut:]} {
			r.at = r.at.Add(10 * time.Millisecond)
			rec := app.Record{Dir: "up", Base64: base64.StdEncoding.EncodeToString(part), Time: r.at}
			if i == 1 {
				rec.Want = want
			}
			r.out = append(r.out, rec)
		}
	}
	frame := func(event, body string, n int) string {
		nonce, sum := fmt.Sprintf("nonce-%016d", n), sha256.Sum256([]byte(body))
		m := hmac.New(sha256.New, []byte(recKey))
		fmt.Fprintf(m, "%s\nseoul\nmeter-7\n1753412789\n%s\n%s", event, nonce, hex.EncodeToString(sum[:]))
		return fmt.Sprintf(`{"event":%q,"site":"seoul","device":"meter-7","time":1753412789,"nonce":%q,"body":%s,"signature":%q}`, event, nonce, body, base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	put(`{"event":"hello","site":"seoul","device":"meter-7","version":"1"}`, "accepted", 3)
	put(frame("reading", `{"kWh":12.5}`, 1), "accepted", 40)
	put(strings.Replace(frame("reading", `{"kWh":12.5}`, 2), "12.5", "99.5", 1), "hmac_failed", 4)
	put(strings.Replace(frame("reading", `{"kWh":12.5}`, 3), "nonce-", "short", 1), "hmac_failed", 4)
	put(`{"event":"hello","site":"seoul","device":"meter-8"}`, "auth_missing", 5)
}

// keyFiles are the keys beside the recordings.
func keyFiles() map[string]string {
	one := fmt.Sprintf(`{"keys": [{"id": "k1", "secret_key": %q, "salt": %q}]}`, recKey, recSalt)
	bots := fmt.Sprintf(`{"auth_enabled": true, "default_policy": "deny", "bots": {
  "LOA.i": {"secret_key": %[1]q, "salt": %[2]q, "custom_auth_logic": "hash", "allowed_devices": [{"uuid": "0123456789abcdef", "status": "approved"}]},
  "LOA.usual": {"secret_key": %[1]q, "salt": %[2]q, "allowed_devices": [
    {"uuid": "0123456789abcdef", "mac_addresses": ["02:00:00:00:00:00"], "ip_addresses": ["192.168.0.0/24"], "status": "approved"}]},
  "LOA.listed": {"secret_key": %[1]q, "salt": %[2]q, "allowed_devices": [{"uuid": "another", "status": "approved"}]}
}}`, recKey, recSalt)
	return map[string]string{"messengerbot": one, "auth-in-handshake": one, "signed-lines": one, "length-prefixed": one, "kkobot": bots}
}

// Each shipped profile has a recording, in which every frame is judged as it says.
func TestShippedRecordings(t *testing.T) {
	for _, name := range app.ProfileNames() {
		r := &tape{at: time.UnixMilli(recMS).UTC()}
		switch name {
		case "messengerbot":
			recordMessengerbot(r)
		case "kkobot":
			recordKkobot(r)
		case "auth-in-handshake":
			recordAuthInHandshake(r)
		case "signed-lines":
			recordSignedLines(t, r)
		case "length-prefixed":
			recordLengthPrefixed(r)
		default:
			t.Fatalf("%s has no recording", name)
		}
		keys, frames := filepath.Join(recPath, name+".keys.json"), filepath.Join(recPath, name+".jsonl")
		golden(t, keys, []byte(keyFiles()[name]+"\n"))
		golden(t, frames, written(t, r.out))
		p, err := app.LoadProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(frames)
		if err != nil {
			t.Fatal(err)
		}
		judged, err := app.JudgeRecording(&p.Profile, f, app.RecordingOptions{Keys: keys})
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		wants := 0
		for _, rec := range r.out {
			if rec.Want != "" {
				wants++
			}
		}
		if len(judged) != wants {
			t.Errorf("%s: %d frames judged, want %d", name, len(judged), wants)
		}
		for _, j := range judged {
			if !j.AsWanted {
				t.Errorf("%s, line %d: %s", name, j.Line, j.Result)
			}
		}
	}
}

func written(t *testing.T, list []app.Record) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, rec := range list {
		if err := enc.Encode(rec); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (run with -update to accept):\n%s", path, d)
	}
}

func TestRecordingsThatAreNone(t *testing.T) {
	p, err := app.LoadProfile("messengerbot")
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(keyFiles()["messengerbot"]), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"no JSON": "line 1",
		"\n{\"dir\":\"up\",\"time\":\"2025-07-25T03:06:29Z\"}":                     "line 2",
		`{"dir":"up","text":"x"}`:                                                  "no time",
		`{"dir":"sideways","text":"x","time":"2025-07-25T03:06:29Z"}`:              "sideways",
		`{"dir":"up","text":"x","hex":"00","time":"2025-07-25T03:06:29Z"}`:         "one of text",
		`{"dir":"up","hex":"0","time":"2025-07-25T03:06:29Z"}`:                     "line 1",
		`{"dir":"up","text":"x","time":"2025-07-25T03:06:29Z","addr":"nowhere"}`:   "nowhere",
		`{"dir":"up","text":"x","time":"2025-07-25T03:06:29Z","wants":"accepted"}`: "wants",
	} {
		_, err := app.JudgeRecording(&p.Profile, strings.NewReader(text), app.RecordingOptions{Keys: keys})
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != haechi.Invalid || e.Hint == "" || !strings.Contains(e.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
