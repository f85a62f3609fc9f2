package client_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi/client"
	"haechi/internal/brick/framesign"
)

// greet shakes hands as the gateway and the server behind do with messengerbot.
func (p *peer) greet() {
	p.t.Helper()
	if h := p.line(); !strings.HasPrefix(h, `{"event":"handshake","data":{"clientType":"MessengerBotR","botName":"LOA.i","version":"3.3.3","deviceID":"0123456789abcdef",`) {
		p.t.Fatalf("handshake %s", h)
	}
	p.say(`{"event":"ping","data":{"bot_name":"LOA.i","server_timestamp":"2025-07-25 12:06:29.123","text":""}}`)
	if pong := p.line(); !strings.Contains(pong, `"server_timestamp":"2025-07-25 12:06:29.123"`) {
		p.t.Fatalf("pong %s", pong)
	}
	p.say(`{"event":"handshakeComplete","data":{"success":true,"approved":true}}`)
}

type sent struct {
	Event string
	Data  struct {
		Room string
		Auth map[string]any
	}
}

// legacy checks the older signature and returns the timestamp.
func (p *peer) legacy(line string) (s sent, ms string) {
	p.t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	a := s.Data.Auth
	ms = fmt.Sprint(a["timestamp"])
	var fields [][]byte
	for _, name := range []string{"clientType", "botName", "deviceUUID", "macAddress", "ipAddress", "timestamp"} {
		fields = append(fields, fmt.Append(nil, a[name]))
	}
	if want, _ := p.mac.Legacy([]byte(salt), fields...); a["signature"] != want {
		p.t.Errorf("%s: the older signature is not %s", line, want)
	}
	return s, ms
}

func TestMessengerbot(t *testing.T) {
	for _, bind := range []bool{false, true} {
		t.Run(fmt.Sprint(bind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				thisCentury()
				net := newPlug()
				var image client.Message
				c, stop := start(t, net, client.Config{Protocol: phone(bind), Handler: func(m client.Message) {
					if m.Event == "messageResponse" {
						image = m
					}
				}})
				p := accept(t, net, framesign.Binding())
				p.greet()
				nonces, stamps := map[string]bool{}, map[string]bool{}
				for range 3 { // in one millisecond
					if err := c.SendMessage(client.Chat("개발", "미나", "안녕하세요 {}")); err != nil {
						t.Fatal(err)
					}
					line := p.line()
					s, ms := p.legacy(line)
					tail := line[strings.LastIndexByte(line, '}')+1:]
					if text, err := base64.StdEncoding.DecodeString(tail); err != nil || string(text) != "안녕하세요 {}" || s.Data.Room != "개발" {
						t.Errorf("%s: %q %v", line, text, err)
					}
					f, fault := p.read.Read([]byte(line))
					if !bind {
						if fault == framesign.OK || s.Data.Auth["bind"] != nil || s.Data.Auth["keyId"] != nil {
							t.Errorf("bound: %s", line)
						}
					} else if fault != framesign.OK || p.mac.Verify(&f.Text, []byte(line), f.At) != framesign.OK || nonces[string(f.Nonce)] {
						t.Fatalf("%s: %v", line, fault)
					} else {
						nonces[string(f.Nonce)] = true
					}
					if stamps[ms] {
						t.Errorf("two frames of one millisecond: %s", ms)
					}
					stamps[ms] = true
				}
				p.say(`{"event":"messageResponse","data":{"room":"개발","message_positions":[0,8]}}iVBORw0K`)
				synctest.Wait()
				stop()
				if string(image.Tail) != "iVBORw0K" || !strings.Contains(string(image.Body), "개발") {
					t.Errorf("received %+v", image)
				}
				if s := c.Stats(); s.Sent != 3 || s.Answered != 1 || s.Received != 2 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A server that does not take the device is left, and not hammered.
func TestRejectedByTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		c, stop := start(t, net, client.Config{Protocol: phone(true)})
		p := accept(t, net, framesign.Binding())
		p.line()
		p.say(`{"event":"handshakeComplete","data":{"success":false}}`)
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("it stays")
		}
		time.Sleep(100 * time.Millisecond)
		if s := c.Stats(); s.Opened != 0 || s.Ready {
			t.Errorf("%+v", s)
		}
		stop()
	})
}
