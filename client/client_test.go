package client_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haechi/client"
	"haechi/internal/brick/framesign"
)

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		var mu sync.Mutex
		var got []client.Message
		c, stop := start(t, net, client.Config{Protocol: sensor(), Handler: func(m client.Message) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, m)
		}})
		if err := c.Send("reading", map[string]float64{"temperature": 21.5}); err != nil {
			t.Fatal(err)
		}
		p := accept(t, net, framesign.SignedLines())
		if f := p.frame("hello"); string(f.Body) != `{"version":"1.0"}` || f.Seq != 1 || string(f.Device) != "sensor-1" {
			t.Errorf("hello %+v", f)
		}
		synctest.Wait()
		if s := c.Stats(); s.Sent != 0 || s.Ready || s.Waiting != 1 {
			t.Errorf("before the proof: %+v", s)
		}
		p.challenge()
		f := *p.frame("reading")
		if string(f.Body) != `{"temperature":21.5}` || f.Seq <= 2 {
			t.Errorf("reading %+v", f)
		}
		p.say(`{"event":"ping","body":{"n":1}}`)
		if pong := p.frame("pong"); string(pong.Body) != `{"n":1}` || pong.Seq <= f.Seq {
			t.Errorf("pong %+v", pong)
		}
		p.challenge() // may come at any time
		p.say(`{"event":"command","body":{"led":"on"}}`)
		p.say("no frame at all")
		synctest.Wait()
		if err := c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		if len(got) != 1 || got[0].Event != "command" || string(got[0].Body) != `{"led":"on"}` || got[0].Verified {
			t.Errorf("handled %+v", got)
		}
		mu.Unlock()
		want := client.Stats{Ready: true, Connects: 1, Opened: 1, Sent: 1, Answered: 3, Received: 1, Unreadable: 1}
		if s := c.Stats(); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
		stop()
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("the connection stays open")
		}
	})
}

// A frame whose writing failed comes first on the next connection, byte for byte; and
// the sequence of that connection grows.
func TestHonestResend(t *testing.T) {
	for name, protocol := range map[string]client.Protocol{"signed-lines": sensor(), "messengerbot": phone(true)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				thisCentury()
				net := newPlug()
				c, stop := start(t, net, client.Config{Protocol: protocol})
				defer stop()
				open := func() *peer {
					if name == "signed-lines" {
						p := accept(t, net, framesign.SignedLines())
						p.open()
						return p
					}
					p := accept(t, net, framesign.Binding())
					p.greet()
					return p
				}
				p := open()
				c.Send("message", map[string]int{"n": 1})
				first := p.line()
				c.Send("message", map[string]int{"n": 2})
				c.Send("message", map[string]int{"n": 3})
				half := make([]byte, 40) // the pipe gives no more: the writing fails half-way
				if _, err := p.conn.Read(half); err != nil {
					t.Fatal(err)
				}
				p.conn.Close()
				p = open()
				second, third := p.line(), p.line()
				if !strings.HasPrefix(second, string(half)) || !strings.Contains(second, `"n":2`) || !strings.Contains(third, `"n":3`) {
					t.Errorf("after %s\ncame %s\nand %s; it began with %s", first, second, third, half)
				}
				synctest.Wait()
				if s := c.Stats(); s.Sent != 3 || s.Resent != 1 || s.Opened != 2 {
					t.Errorf("%+v", s)
				}
				if name == "signed-lines" {
					a, b := seqOf(t, second), seqOf(t, third)
					if p.seq <= 1 || a <= p.seq || b <= a {
						t.Errorf("sequence 1, %d, %d, %d", p.seq, a, b)
					}
				}
			})
		})
	}
}

func seqOf(t *testing.T, line string) (n uint64) {
	t.Helper()
	var f struct{ Seq uint64 }
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		t.Fatal(err)
	}
	return f.Seq
}

// What is too old to be honest is not sent again.
func TestOldFramesAreNotResent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		c, stop := start(t, net, client.Config{Protocol: sensor(), ResendFor: 10 * time.Second, Backoff: 40 * time.Second})
		defer stop()
		p := accept(t, net, framesign.SignedLines())
		p.open()
		c.Send("old", nil)
		synctest.Wait()
		p.conn.Close()
		p = accept(t, net, framesign.SignedLines())
		p.open()
		c.Send("new", nil)
		p.frame("new")
		if err := c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Expired != 1 || s.Sent != 1 || s.Resent != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	c, err := client.New(client.Config{Servers: []string{"gate:1"}, Protocol: sensor(), Queue: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := c.Send("e", i); (i >= 2) != errors.Is(err, client.ErrQueueFull) {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	if s := c.Stats(); s.Waiting != 2 || s.Dropped != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWrongFramesAreTheCallersError(t *testing.T) {
	lines, _ := client.New(client.Config{Servers: []string{"gate:1"}, Protocol: sensor(), MaxFrame: 2000})
	bot, _ := client.New(client.Config{Servers: []string{"gate:1"}, Protocol: phone(true)})
	for name, err := range map[string]error{
		"empty event":        lines.Send("", nil),
		"a line end":         lines.Send("a\nb", nil),
		"no JSON":            lines.SendMessage(client.Message{Event: "e", Body: []byte(`{"a":`)}),
		"a name twice":       lines.SendMessage(client.Message{Event: "e", Body: []byte(`{"a":1,"a":2}`)}),
		"out of the body":    lines.SendMessage(client.Message{Event: "e", Body: []byte(`1,"admin":true`)}),
		"too long":           lines.Send("e", strings.Repeat("x", 2000)),
		"no such value":      lines.Send("e", make(chan int)),
		"a tail":             lines.SendMessage(client.Message{Event: "e", Tail: []byte("AAAA")}),
		"bot: no object":     bot.Send("message", 1),
		"bot: auth twice":    bot.SendMessage(client.Message{Event: "message", Body: []byte(`{"auth":{}}`)}),
		"bot: tail of pong":  bot.SendMessage(client.Message{Event: "pong", Tail: []byte("AAAA")}),
		"bot: no base64":     bot.SendMessage(client.Message{Event: "message", Tail: []byte("}{")}),
		"bot: control event": bot.Send("a\x7fb", nil),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := lines.SendMessage(client.Message{Event: "e", Body: []byte("{\n \"a\": 1\n}")}); err != nil {
		t.Errorf("a body over several lines: %v", err)
	}
}

func TestCode(t *testing.T) {
	const code = "HC1-9N3AH-GBC4-E3NE-SHFT-7WQ3-MPE1-8106-1YN9-8NXH-40XX-KCM3-PH1H-S8Z3-ENDA"
	k, err := client.Code(code)
	if err != nil || k.ID != "9N3AH" || string(k.Secret) != code || len(k.Salt) != 0 {
		t.Errorf("%+v %v", k, err)
	}
	id := phone(true)
	id.Key = k
	if _, err := client.New(client.Config{Servers: []string{"gate:1"}, Protocol: id}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "HC1-", code[:60], strings.ToLower(code), code + "\n", "HC2" + code[3:], strings.Replace(code, "9N3AH-", "9N3A-H", 1)} {
		if _, err := client.Code(bad); err == nil || len(bad) > 10 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNew(t *testing.T) {
	one := []string{"gate:1"}
	noKey, slash, bare := sensor(), sensor(), phone(true)
	noKey.Key.Secret, slash.Device, bare.Key.ID = nil, "a/b", ""
	bar := phone(false)
	bar.Bot = "a|b"
	for name, cfg := range map[string]client.Config{
		"no servers": {Protocol: sensor()}, "no protocol": {Servers: one}, "no port": {Servers: []string{"gate"}, Protocol: sensor()},
		"no secret": {Servers: one, Protocol: noKey}, "a slash in the name": {Servers: one, Protocol: slash},
		"binding without a key id": {Servers: one, Protocol: bare}, "a delimiter in the name": {Servers: one, Protocol: bar},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

// thisCentury moves the clock of a bubble, which begins in 2000, to where a
// timestamp has thirteen digits.
func thisCentury() { time.Sleep(25 * 365 * 24 * time.Hour) }
