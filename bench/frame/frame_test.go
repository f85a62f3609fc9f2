package frame_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/strictjson"
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

// sign signs what a phone at that hardware address and IP address says.
func sign(mac, ip string, ms int64) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "MessengerBotR|%s|%s|%s|%s|%d|%s", bot, serial, mac, ip, ms, salt)
	return hex.EncodeToString(h.Sum(nil))
}

func signed(ms int64) string { return sign("02:00:00:00:00:00", "192.168.0.15", ms) }

// line is one frame; what differs between frames has always the same length.
func line(event, body string, ms int64, raw string) []byte {
	return fmt.Appendf(nil, `{"event":"%s","data":{%s"bot_name":"%s","client_type":"MessengerBotR","auth":{"clientType":"MessengerBotR",`+
		`"botName":"%s","deviceUUID":"%s","deviceID":"%s","macAddress":"02:00:00:00:00:00","ipAddress":"192.168.0.15",`+
		`"timestamp":%d,"version":"3.3.3","signature":"%s"}}}%s`+"\n", event, body, bot, bot, serial, serial, ms, signed(ms), raw)
}

const body = `"room":"테스트방","channel_id":"18300000000000000","message_type":"text","content_encoding":"base64",` +
	`"message_positions":[0,16],"timestamp":"2025-07-25T03:06:29.123Z","timezone":"Asia/Seoul","sender":"someone",` +
	`"is_group_chat":true,"log_id":"3456789012345678901","user_hash":"a1b2c3d4","is_mention":false,`

// A size is a message as one phone or another sends it.
type size struct {
	name string
	line func(ms int64) []byte
	sign func(ms int64) string
}

// sizes are the message of the public client, and one of 254 bytes: a number and what is
// signed, from a phone that tells no address.
func sizes() []size {
	bare := func(ms int64) string { return sign("", "unknown", ms) }
	return []size{
		{"bytes=703", func(ms int64) []byte { return line("message", body, ms, "aGVsbG8gd29ybGQh") }, signed},
		{"bytes=254", func(ms int64) []byte {
			return fmt.Appendf(nil, `{"event":"message","data":{"log":123,"auth":{"clientType":"MessengerBotR","botName":"%s","deviceUUID":"%s",`+
				`"ipAddress":"unknown","timestamp":%d,"signature":"%s"}}}`+"\n", bot, serial, ms, bare(ms))
		}, bare},
	}
}

// frames gives one message after the other, each with a timestamp of its own.
type frames struct {
	text       []byte
	at, signed int
	ms         []string
	sigs       []string
}

func newFrames(b *testing.B, of size, now time.Time) *frames {
	from := now.UnixMilli() - stamps
	f := &frames{text: of.line(from)}
	if name := fmt.Sprintf("bytes=%d", len(f.text)); name != of.name {
		b.Fatalf("a message has %s, wanted %s", name, of.name)
	}
	f.signed = bytes.Index(f.text, []byte(of.sign(from)))
	f.at = bytes.Index(f.text, []byte(strconv.FormatInt(from, 10)))
	for ms := from; len(f.ms) < stamps; ms++ {
		f.ms, f.sigs = append(f.ms, strconv.FormatInt(ms, 10)), append(f.sigs, of.sign(ms))
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
	for _, of := range sizes() {
		b.Run(of.name, func(b *testing.B) { gateFrames(b, of) })
	}
}

func gateFrames(b *testing.B, of size) {
	now := time.Now()
	f := newFrames(b, of, now)
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
	if err != nil || now.Sub(time.UnixMilli(ms)).Abs() > 300*time.Second || f.Data.BotName != "" && f.Data.BotName != bot || a.BotName != bot || a.DeviceUUID != serial {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{a.ClientType, a.BotName, a.DeviceUUID, a.MAC, a.IP, a.Timestamp.String(), salt}, "|")))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(a.Signature))
}

// checker reads a message and checks identity and signature with the house's parts, and
// nothing more: no clock, replay memory, registry, limits or event.
type checker struct {
	scan *strictjson.Scanner
	mac  hash.Hash // marshals the state behind the key, as crypto/hmac does
	text []byte
	sum  [sha256.Size]byte
	hex  [2 * sha256.Size]byte
}

func checked() []string {
	return []string{"event", "data.room", "data.bot_name", "data.auth.clientType", "data.auth.botName", "data.auth.deviceUUID",
		"data.auth.macAddress", "data.auth.ipAddress", "data.auth.timestamp", "data.auth.signature", "data.auth.deviceID", "data.botName", "data.auth"}
}

func (c *checker) check(line []byte) bool {
	if _, f := c.scan.Scan(line); f != strictjson.OK || string(c.scan.Value(4).Raw) != bot || string(c.scan.Value(5).Raw) != serial {
		return false
	}
	c.text = c.text[:0]
	for slot := 3; slot <= 8; slot++ {
		c.text = append(append(c.text, c.scan.Value(slot).Raw...), '|')
	}
	c.text = append(c.text, salt...)
	c.mac.Reset()
	c.mac.Write(c.text)
	hex.Encode(c.hex[:], c.mac.Sum(c.sum[:0]))
	return hmac.Equal(c.hex[:], c.scan.Value(9).Raw)
}

// BenchmarkFrameParseVerify is the strict reader and the signature alone.
func BenchmarkFrameParseVerify(b *testing.B) {
	paths, err := strictjson.Compile(checked()...)
	if err != nil {
		b.Fatal(err)
	}
	for _, of := range sizes() {
		b.Run(of.name, func(b *testing.B) {
			f := newFrames(b, of, time.Now())
			c := &checker{scan: strictjson.New(paths, strictjson.Limits{}), mac: hmac.New(sha256.New, []byte(secret))}
			b.SetBytes(int64(len(f.text)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if !c.check(f.frame(i)) {
					b.Fatal("refused")
				}
				i = (i + 1) % stamps
			}
		})
	}
}

// BenchmarkFrameNaive is the same message through the naive check.
func BenchmarkFrameNaive(b *testing.B) {
	for _, of := range sizes() {
		b.Run(of.name, func(b *testing.B) { naiveFrames(b, of) })
	}
}

func naiveFrames(b *testing.B, of size) {
	now := time.Now()
	f := newFrames(b, of, now)
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
