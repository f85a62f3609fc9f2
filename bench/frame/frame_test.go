package frame_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/identity/signature"
	"haechi/internal/ingress/devicegate"
	"haechi/profiles"
)

const (
	bot, serial  = "LOA.i", "0123456789abcdef"
	secret, salt = "example-shared-key-do-not-use", "example-salt"
	stamps       = 15_000 // less than a device's share of the replay memory
)

// house is a registry and a key ring with one device.
type house struct{ keys []haechi.Key }

func (house) Lookup(key string) (haechi.Device, bool) {
	return haechi.Device{Key: key, Status: haechi.Approved}, true
}
func (house) Register(d haechi.Device, _ time.Time) (haechi.Device, error) { return d, nil }
func (house) Seen(string, netip.Addr, string, time.Time, bool)             {}
func (house) Pin(string, string, time.Time) bool                           { return true }
func (house) Emit(*haechi.Event)                                           {}
func (house) Inspect(*haechi.Request, time.Time) haechi.Verdict            { return haechi.Verdict{} }
func (h house) Keys(string, time.Time) []haechi.Key                        { return h.keys }

func sign(ms int64) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "MessengerBotR|%s|%s|02:00:00:00:00:00|192.168.0.15|%d|%s", bot, serial, ms, salt)
	return hex.EncodeToString(h.Sum(nil))
}

// line is one frame; what differs between frames has always the same length.
func line(event, body string, ms int64, raw string) []byte {
	return fmt.Appendf(nil, `{"event":"%s","data":{%s"bot_name":"%s","client_type":"MessengerBotR","auth":{"clientType":"MessengerBotR",`+
		`"botName":"%s","deviceUUID":"%s","deviceID":"%s","macAddress":"02:00:00:00:00:00","ipAddress":"192.168.0.15",`+
		`"timestamp":%d,"version":"3.3.3","signature":"%s"}}}%s`+"\n", event, body, bot, bot, serial, serial, ms, sign(ms), raw)
}

const body = `"room":"테스트방","channel_id":"18300000000000000","message_type":"text","content_encoding":"base64",` +
	`"message_positions":[0,16],"timestamp":"2025-07-25T03:06:29.123Z","timezone":"Asia/Seoul","sender":"someone",` +
	`"is_group_chat":true,"log_id":"3456789012345678901","user_hash":"a1b2c3d4","is_mention":false,`

// frames gives one message after the other, each with a timestamp of its own.
type frames struct {
	text       []byte
	at, signed int
	ms         []string
	sigs       []string
}

func newFrames(now time.Time) *frames {
	from := now.UnixMilli() - stamps
	f := &frames{text: line("message", body, from, "aGVsbG8gd29ybGQh")}
	f.signed = bytes.Index(f.text, []byte(sign(from)))
	f.at = bytes.Index(f.text, []byte(strconv.FormatInt(from, 10)))
	for ms := from; len(f.ms) < stamps; ms++ {
		f.ms, f.sigs = append(f.ms, strconv.FormatInt(ms, 10)), append(f.sigs, sign(ms))
	}
	return f
}

func (f *frames) frame(i int) []byte {
	copy(f.text[f.at:], f.ms[i])
	copy(f.text[f.signed:], f.sigs[i])
	return f.text
}

func shippedProfile(b *testing.B) []byte {
	text, err := profiles.FS.ReadFile("messengerbot.yaml")
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// proved is a fresh gate with an empty replay memory, and a device that has proved
// itself.
func proved(b *testing.B, now time.Time) (*devicegate.Machine, *devicegate.Work) {
	h := house{[]haechi.Key{{ID: "k1", Secret: haechi.Secret(secret), Salt: haechi.Secret(salt), Created: now}}}
	p, wrong := config.LoadProfile("messengerbot", shippedProfile(b))
	if wrong != nil {
		b.Fatal(wrong)
	}
	g, err := devicegate.New(devicegate.Config{Service: "bots", Profile: &p.Profile}, devicegate.Deps{Registry: h, Inspector: h, Sink: h,
		Prover: signature.New(signature.Config{}, h)})
	if err != nil {
		b.Fatal(err)
	}
	a := netip.MustParseAddr("192.0.2.7")
	m, w := g.Machine(haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}, 1, now), g.NewWork()
	in := []byte(`{"event":"handshake","data":{"clientType":"MessengerBotR","botName":"` + bot + `","version":"3.3.3","deviceID":"` +
		serial + `","deviceIP":"192.168.0.15","deviceInfo":"phone"}}` + "\n")
	in = append(in, line("pong", "", now.UnixMilli(), "")...)
	for {
		n, a := m.Step(w, in, now)
		in = in[n:]
		switch a.Op {
		case devicegate.OpDial:
			m.Dialed(nil, now)
		case devicegate.OpNone:
			if !m.Proved() {
				b.Fatal("the device is not proved")
			}
			return m, w
		case devicegate.OpClose, devicegate.OpHold:
			b.Fatalf("refused: %+v", m.Ending())
		}
	}
}

// BenchmarkFrameGate is one message through the gate's machine.
func BenchmarkFrameGate(b *testing.B) {
	now := time.Now()
	f := newFrames(now)
	m, w := proved(b, now)
	b.SetBytes(int64(len(f.text)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i == stamps {
			b.StopTimer()
			m, w = proved(b, now)
			i = 0
			b.StartTimer()
		}
		in := f.frame(i)
		if n, a := m.Step(w, in, now); n != len(in) || a.Op != devicegate.OpForward || a.Event == nil {
			b.Fatalf("refused: %v %+v", a.Op, m.Ending())
		}
		i++
	}
}

type naiveFrame struct {
	Event string `json:"event"`
	Data  struct {
		Room    string `json:"room"`
		BotName string `json:"bot_name"`
		Auth    struct {
			ClientType string      `json:"clientType"`
			BotName    string      `json:"botName"`
			DeviceUUID string      `json:"deviceUUID"`
			MAC        string      `json:"macAddress"`
			IP         string      `json:"ipAddress"`
			Timestamp  json.Number `json:"timestamp"`
			Signature  string      `json:"signature"`
		} `json:"auth"`
	} `json:"data"`
}

// naive is the check as one writes it first.
func naive(line []byte, now time.Time) bool {
	var f naiveFrame
	end := bytes.LastIndexByte(line, '}') + 1
	if json.Unmarshal(line[:end], &f) != nil {
		return false
	}
	a := &f.Data.Auth
	ms, err := a.Timestamp.Int64()
	if err != nil || now.Sub(time.UnixMilli(ms)).Abs() > 300*time.Second || f.Data.BotName != bot || a.BotName != bot || a.DeviceUUID != serial {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{a.ClientType, a.BotName, a.DeviceUUID, a.MAC, a.IP, a.Timestamp.String(), salt}, "|")))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(a.Signature))
}

// BenchmarkFrameNaive is the same message through the naive check.
func BenchmarkFrameNaive(b *testing.B) {
	now := time.Now()
	f := newFrames(now)
	b.SetBytes(int64(len(f.text)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if !naive(f.frame(i), now) {
			b.Fatal("refused")
		}
		i = (i + 1) % stamps
	}
}
