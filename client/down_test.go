package client_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haechi/client"
	"haechi/internal/brick/framesign"
)

// A device that insists on signatures hears nothing else, and nothing twice.
func TestVerifiedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		var mu sync.Mutex
		var got []string
		id := sensor()
		id.Verify = true
		c, stop := start(t, net, client.Config{Protocol: id, Handler: func(m client.Message) {
			mu.Lock()
			defer mu.Unlock()
			if !m.Verified && m.Event != "error" {
				t.Errorf("unverified: %+v", m)
			}
			got = append(got, m.Event+string(m.Body))
		}})
		defer stop()
		p := accept(t, net, framesign.SignedLines())
		p.open()
		line := func(seq uint64, event string, late time.Duration) framesign.Line {
			return framesign.Line{KeyID: "k1", Device: "sensor-1", Direction: framesign.Down, Seq: seq, Millis: time.Now().Add(late).UnixMilli(), Event: event, Body: []byte(`1`)}
		}
		first := p.signed(line(5, "a", 0), secret)
		p.say(first)
		p.say(p.signed(line(9, "b", 300*time.Second), secret))
		other := line(10, "x", 0)
		other.Device = "sensor-2"
		up := line(10, "x", 0)
		up.Direction = framesign.Up
		bad := []string{
			first, // again
			p.signed(line(7, "x", 0), secret), p.signed(line(10, "x", 301*time.Second), secret), p.signed(line(10, "x", -301*time.Second), secret),
			p.signed(line(10, "x", 0), "another secret"), p.signed(other, secret), p.signed(up, secret),
			strings.Replace(p.signed(line(10, "x", 0), secret), `"body":1`, `"body":2`, 1),
			`{"event":"x","body":1}`, `{"event":"ping"}`,
		}
		for _, b := range bad {
			p.say(b)
		}
		p.say(p.signed(line(10, "c", 0), secret))
		synctest.Wait()
		p.conn.Close()
		p = accept(t, net, framesign.SignedLines())
		p.open()
		p.say(first) // captured on the connection before
		p.say(p.signed(line(1, "ping", 0), secret))
		p.frame("pong")
		p.say(`{"event":"error","code":"DENIED"}`)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if s := strings.Join(got, " "); s != `a1 b1 c1 error{"event":"error","code":"DENIED"}` {
			t.Errorf("heard %s", s)
		}
		// A frame that claims to go up is no frame of a server's at all.
		if s := c.Stats(); s.Unverified != uint64(len(bad)) || s.Unreadable != 1 {
			t.Errorf("%+v, want %d unverified", s, len(bad))
		}
	})
}

// A device that does not insist refuses a wrong signature all the same.
func TestWrongSignatureIsWorseThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		c, stop := start(t, net, client.Config{Protocol: sensor()})
		defer stop()
		p := accept(t, net, framesign.SignedLines())
		p.open()
		p.say(`{"event":"plain"}`)
		l := framesign.Line{KeyID: "k1", Device: "sensor-1", Direction: framesign.Down, Seq: 1, Millis: time.Now().UnixMilli(), Event: "signed"}
		p.say(p.signed(l, secret))
		l.Seq = 2
		p.say(p.signed(l, "another secret"))
		synctest.Wait()
		if s := c.Stats(); s.Received != 2 || s.Unverified != 1 {
			t.Errorf("%+v", s)
		}
	})
}
