package demo_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi/internal/operate/demo"
)

// Like the real server: a bad first line, or none in time, ends in silence.
func TestBadHandshakesEndInSilence(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON":            "hello\n",
		"no version":         `{"botName":"a","deviceID":"1"}` + "\n",
		"empty bot":          `{"botName":"","version":"1","deviceID":"1"}` + "\n",
		"a message first":    `{"event":"message","data":{"room":"r"}}aGk=` + "\n",
		"handshake, no data": `{"event":"handshake"}` + "\n",
		"a line too long":    strings.Repeat("x", 2000) + "\n",
		"nothing in time":    "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := demo.NewBotServer(demo.BotConfig{Line: 1000})
				near, far := net.Pipe()
				go b.ServeConn(context.Background(), far)
				go near.Write([]byte(line))
				if said, err := io.ReadAll(near); err != nil || len(said) != 0 {
					t.Errorf("it said %q (%v)", said, err)
				}
				synctest.Wait()
				if n := b.Counts(); n.Refused != 1 || n.Handshakes != 0 || n.Live != 0 || n.Bytes > uint64(len(line)) {
					t.Errorf("%+v", n)
				}
			})
		})
	}
}

// One session a device: the newcomer ends the older one, and the older one's end
// does not take the newcomer off the list.
func TestSecondHandshakeEndsTheFirst(t *testing.T) {
	b, address := botServer(t, demo.BotConfig{})
	p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{address}})
	ctx := bounded(t)
	first, err := p.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := first.Open(); err != nil {
		t.Fatal(err)
	}
	second, err := p.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Open(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Until("ping"); err == nil {
		t.Error("the first session lives on")
	}
	if err := second.Say("r", "!help"); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Until("messageResponse"); err != nil {
		t.Error(err)
	}
	if n := b.Counts(); n.Live != 1 {
		t.Errorf("%d live", n.Live)
	}
}

// The sample server checks nothing: that is why it needs a gateway. A bare
// connect costs it no byte.
func TestWhatTheServerBelieves(t *testing.T) {
	b, address := botServer(t, demo.BotConfig{})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(enough))
	c.Write([]byte(`{"botName":"a","version":"1","deviceID":"1"}` + "\n" + `{"event":"analyze","data":{"room":"r","text":"!echo x"}}` + "\n"))
	r := bufio.NewReader(c)
	for _, want := range []string{"handshakeComplete", `"text":"x"`} {
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, want) {
			t.Errorf("%q %v, want %s", line, err, want)
		}
	}
	c.Close()
	before := b.Counts()
	c, err = net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if after := b.Counts(); after.Bytes != before.Bytes || after.Frames != before.Frames || after.Handshakes != before.Handshakes {
		t.Errorf("a bare connect counts as %+v, before %+v", after, before)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	b, address := botServer(t, demo.BotConfig{MaxConns: 1})
	p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{address}})
	first, err := p.Connect(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := first.Open(); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	second.SetDeadline(time.Now().Add(enough))
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Error("a connection beyond the bound is served")
	}
	if n := b.Counts(); n.Overflow != 1 {
		t.Errorf("%+v", n)
	}
}
