package demo_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"haechi/internal/operate/demo"
)

// Without a gateway the faults reach the server, which shows two things: that
// they are really sent, and what the gateway is for.
func TestFaultsReachAnUnguardedServer(t *testing.T) {
	for _, shape := range []demo.Shape{demo.V333, demo.V32} {
		for _, f := range demo.Faults() {
			t.Run(f.String(), func(t *testing.T) {
				b, address := botServer(t, demo.BotConfig{Ping: time.Minute})
				p := phone(t, demo.PhoneConfig{Identity: identity(shape), Servers: []string{address}})
				a, err := p.Misbehave(bounded(t), f, 150*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				n := b.Counts()
				switch f {
				case demo.BareHandshake:
					if a.Sent != nil || n.Messages != 0 || n.Handshakes != 1 {
						t.Errorf("%+v %+v", a, n)
					}
				case demo.BigLine:
					if len(a.Sent) < 2<<20 || n.Messages != 0 || !a.Closed {
						t.Errorf("%d bytes, %+v, closed %v", len(a.Sent), n, a.Closed)
					}
				case demo.Replay, demo.Graft:
					if n.Handshakes != 2 || n.Messages != 2 {
						t.Errorf("%+v", n)
					}
				default:
					if !a.Answered || n.Messages != 1 || a.Told {
						t.Errorf("%+v %+v", a, n)
					}
				}
			})
		}
	}
}

// Each fault must be the one it is named after, and nothing else.
func TestFaultsAreWhatTheySay(t *testing.T) {
	_, address := botServer(t, demo.BotConfig{})
	p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{address}})
	s, err := p.Connect(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	count := func(frame []byte, text string) int { return strings.Count(string(frame), text) }
	body := func(frame []byte) (bot, authBot string) {
		var f struct {
			Data struct {
				Bot  string `json:"bot_name"`
				Auth struct {
					Bot string `json:"botName"`
				} `json:"auth"`
			} `json:"data"`
		}
		if err := json.NewDecoder(bytes.NewReader(frame)).Decode(&f); err != nil {
			t.Fatal(err)
		}
		return f.Data.Bot, f.Data.Auth.Bot
	}
	if frame := s.Spoiled(demo.NoAuth, "r", "t"); count(frame, "auth") != 0 {
		t.Errorf("%s", frame)
	}
	if frame := s.Spoiled(demo.UpperKey, "r", "t"); count(frame, `"SIGNATURE"`) != 1 || count(frame, `"signature"`) != 1 {
		t.Errorf("%s", frame)
	}
	if frame := s.Spoiled(demo.DuplicateKey, "r", "t"); count(frame, `"signature"`) != 2 {
		t.Errorf("%s", frame)
	}
	if bot, authBot := body(s.Spoiled(demo.ForeignBot, "r", "t")); bot != "LOA.i-other" || authBot != "LOA.i" {
		t.Errorf("bot %q, auth %q", bot, authBot)
	}
	if bot, authBot := body(s.Message("r", "t")); bot != "LOA.i" || authBot != "LOA.i" {
		t.Errorf("bot %q, auth %q", bot, authBot)
	}
}
