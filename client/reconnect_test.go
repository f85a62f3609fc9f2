package client_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"haechi/client"
	"haechi/internal/brick/framesign"
)

// A gateway that accepts and closes is not hammered: the count of failures is not
// forgotten when TCP connects.
func TestBackoff(t *testing.T) {
	for name, down := range map[string]bool{"accepts and closes": false, "refuses": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				thisCentury()
				net := newPlug()
				net.down.Store(down)
				_, stop := start(t, net, client.Config{Protocol: sensor()})
				done := make(chan struct{})
				go func() {
					for {
						select {
						case c := <-net.conns:
							c.Close()
						case <-done:
							return
						}
					}
				}()
				time.Sleep(10 * time.Minute)
				stop()
				close(done)
				// 1, 2, 4 … 60 s, each down to its half: between 15 and 31 in ten minutes.
				if n := net.dials.Load(); n < 14 || n > 32 {
					t.Errorf("%d attempts in ten minutes", n)
				}
			})
		})
	}
}

// Only a connection that worked for a while makes the delay short again.
func TestBackoffStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		net.down.Store(true)
		_, stop := start(t, net, client.Config{Protocol: sensor()})
		defer stop()
		time.Sleep(10 * time.Minute)
		net.down.Store(false)
		again := func(live time.Duration) time.Duration {
			p := accept(t, net, framesign.SignedLines())
			p.open()
			time.Sleep(live)
			p.conn.Close()
			from := time.Now()
			p = accept(t, net, framesign.SignedLines())
			wait := time.Since(from)
			p.conn.Close()
			return wait
		}
		if d := again(5 * time.Second); d < 30*time.Second || d > time.Minute {
			t.Errorf("after 5 s of work it waits %v", d)
		}
		if d := again(31 * time.Second); d > time.Second {
			t.Errorf("after 31 s of work it waits %v", d)
		}
	})
}

func TestServersInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		_, stop := start(t, net, client.Config{Protocol: sensor(), Servers: []string{"a:1", "b:1", "c:1"}})
		defer stop()
		for _, want := range []string{"a:1", "b:1", "c:1", "a:1"} {
			p := accept(t, net, framesign.SignedLines())
			if got := net.last.Load(); got != want {
				t.Errorf("dialled %v, want %s", got, want)
			}
			p.conn.Close() // it connects, but lets nobody in
		}
		p := accept(t, net, framesign.SignedLines())
		p.open()
		p.conn.Close()
		accept(t, net, framesign.SignedLines()).conn.Close()
		if got := net.last.Load(); got != "b:1" {
			t.Errorf("after a server that worked it dials %v", got)
		}
	})
}

// A refused device stays, in silence, until the gateway closes.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		c, stop := start(t, net, client.Config{Protocol: sensor()})
		p := accept(t, net, framesign.SignedLines())
		p.frame("hello")
		p.say(`{"v":1,"dir":"down","event":"error","code":"UNAUTHORIZED","message":"This device is not approved.","reference":"7K29Q-XM4TC"}`)
		time.Sleep(100 * time.Second)
		if s := c.Stats(); s.Connects != 1 || s.Refused != 1 || s.Last.Reference != "7K29Q-XM4TC" || s.Last.Code != "UNAUTHORIZED" || s.Ready {
			t.Errorf("%+v", s)
		}
		stop()
	})
}

// A device that is refused in the middle keeps what it has to say for later; one frame
// too many for a limit is no such refusal.
func TestRefusedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		c, stop := start(t, net, client.Config{Protocol: sensor()})
		defer stop()
		p := accept(t, net, framesign.SignedLines())
		p.open()
		p.say(`{"event":"error","code":"RATE_LIMIT"}`)
		c.Send("first", nil)
		p.frame("first")
		p.say(`{"event":"error","code":"DENIED"}`)
		synctest.Wait()
		c.Send("second", nil)
		time.Sleep(time.Minute)
		if s := c.Stats(); s.Ready || s.Sent != 1 || s.Connects != 1 || s.Waiting != 1 || s.Refused != 2 {
			t.Errorf("%+v", s)
		}
		if _, err := p.in.ReadByte(); err == nil { // until it gives up by itself
			t.Error("it speaks")
		}
		p = accept(t, net, framesign.SignedLines())
		p.open()
		p.frame("second")
	})
}

// A peer that asks for nothing is left.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thisCentury()
		net := newPlug()
		_, stop := start(t, net, client.Config{Protocol: sensor()})
		p := accept(t, net, framesign.SignedLines())
		p.frame("hello")
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("it stays")
		}
		stop()
	})
}

func TestOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newPlug()
		net.down.Store(true)
		c, stop := start(t, net, client.Config{Protocol: sensor()})
		synctest.Wait()
		if err := c.Run(t.Context()); !errors.Is(err, client.ErrRunning) {
			t.Errorf("a second Run: %v", err)
		}
		stop()
	})
}
