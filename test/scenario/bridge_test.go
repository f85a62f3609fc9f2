package scenario_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/bridge"
	"haechi/test/gateway"
)

// What follows is Must show 2: phones that behave as the public script does, item
// by item of section 3.9 of the protocol's description.

// script is a phone at the i-th address that runs the script, with an approved
// device and a key.
func (r *rig) script(serial string, i int, more ...func(*bridge.Config)) *bridge.Phone {
	r.t.Helper()
	id := r.enrol("대본봇", serial, demo.V333)
	cfg := bridge.Config{Identity: scripted(id), Servers: []string{r.botsAddr()}, Source: r.addr(i), Scale: 30}
	for _, change := range more {
		change(&cfg)
	}
	p, err := bridge.New(cfg)
	must(r.t, err)
	return p
}

func scripted(id demo.Identity) bridge.Identity {
	return bridge.Identity{Bot: id.Bot, Device: id.Serial, Key: string(id.Secret), Salt: string(id.Salt)}
}

// plays runs the phone until the test ends or stop is called.
func (r *rig) plays(p *bridge.Phone) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	var all sync.WaitGroup
	all.Go(func() { p.Run(ctx) })
	stop = func() { cancel(); all.Wait() }
	r.t.Cleanup(stop)
	return stop
}

// opens waits until the server completed n handshakes of the phone.
func (r *rig) opens(p *bridge.Phone, n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("session %d of the phone", n), 15*time.Second, func() bool { return p.Counts().Opened >= n })
}

// hears waits for answers with the texts, in this order.
func (r *rig) hears(p *bridge.Phone, texts ...string) {
	r.t.Helper()
	late := time.After(gateway.Patient(10 * time.Second))
	for _, text := range texts {
		for found := false; !found; {
			select {
			case h := <-p.Heard():
				found = h.Event == "messageResponse" && h.Text == text
			case <-late:
				r.t.Fatalf("the phone does not hear %q; %+v", text, p.Counts())
			}
		}
	}
}

// blameless wants no decision that refuses anybody.
func (r *rig) blameless() {
	r.t.Helper()
	for _, d := range r.inForce() {
		if d.Action > haechi.Watch && d.Mode == haechi.Enforce {
			r.t.Errorf("somebody is blamed: %+v", d)
		}
	}
}

// TestScriptReconnectsForEver is item 1: the waits grow while connections are
// refused, as they are while the server is down; and a phone that is refused is held,
// because it would be back at once.
func TestScriptReconnectsForEver(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 2s }"})
	p := r.script("1a", 10)
	r.plays(p)
	r.opens(p, 1)
	r.bots.stop()
	want := []time.Duration{4e9, 8e9, 16e9, 32e9, 60e9, 60e9}
	var got []time.Duration
	eventually(t, "the phone to wait as long as it ever does", 20*time.Second, func() bool {
		got = p.Delays()
		return len(got) >= len(want) && got[len(got)-1] == got[len(got)-2]
	})
	r.bots.start()
	r.opens(p, 2)
	if got = got[len(got)-len(want):]; !slices.Equal(got, want) {
		t.Errorf("the phone waits %v, want it to be refused and wait %v", got, want)
	}
	p.Say("!echo 다시")
	r.hears(p, "다시")

	blocked := r.script("1b", 11)
	_, err := r.api.SetDeviceStatus(t.Context(), haechi.DeviceKey("대본봇", "1b"), haechi.Blocked, "test")
	must(t, err)
	began := time.Now()
	r.plays(blocked)
	eventually(t, "the blocked phone to come back twice", 20*time.Second, func() bool { return blocked.Counts().Connects >= 3 })
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("three attempts took %s, want it to be held for 2 s each time", took)
	}
	r.blameless()
}

// TestScriptWalksItsServers is item 2: one attempt may touch several ports.
func TestScriptWalksItsServers(t *testing.T) {
	t.Parallel()
	dead := "127.0.0.1:1" // nobody is there
	r := newRig(t, settings{})
	second := r.at(1, 1492)
	r.configure(settings{services: fmt.Sprintf("  down:\n    kind: device\n    listen: [%q]\n    upstream: %s\n", second, r.at(hostUpstream, 1499))})
	r.proc = program.Start(t, "run", "--config", r.config())
	eventually(t, "the bots' port to open", 20*time.Second, func() bool { return r.dial() == nil })
	p := r.script("2a", 10, func(c *bridge.Config) { c.Servers = []string{dead, second, r.botsAddr()} })
	r.plays(p)
	for n := range 3 {
		r.opens(p, n+1)
		p.Say(fmt.Sprint("!echo ", n))
		r.hears(p, fmt.Sprint(n))
		r.bots.stop()
		eventually(t, "the whole list to be refused", 10*time.Second, func() bool {
			c := p.Counts()
			return c.Dials > 3*c.Connects
		})
		r.bots.start()
	}
	r.opens(p, 4)
	r.blameless()
}

// TestScriptQueuesBeforeTheHandshake is item 3: what was said meanwhile comes before
// the handshake, and with ten frames queued there is no handshake at all.
func TestScriptQueuesBeforeTheHandshake(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	p := r.script("3a", 10, func(c *bridge.Config) { c.Scale = 10 }) // what it queues lives for 3 s
	for _, text := range []string{"하나", "둘", "셋"} {
		p.Say("!echo " + text)
	}
	r.plays(p)
	r.hears(p, "하나", "둘", "셋")
	if got := r.bots.talks(); len(got) != 1 || !strings.Contains(strings.Split(got[0].read(), "\n")[0], `"handshake"`) {
		t.Errorf("the server does not get the handshake first")
	}

	// What is left of such a queue holds the handshake of that connection, so that the
	// next one has two. The gateway gives up on the first after 5 s.
	crowd := r.script("3b", 11, func(c *bridge.Config) { c.Scale = 4 })
	for i := range 12 {
		crowd.Say(fmt.Sprint("!echo ", i))
	}
	r.plays(crowd)
	r.opens(crowd, 1)
	if c := crowd.Counts(); c.Connects != 2 || c.Expired != 0 {
		t.Errorf("it did not get in with its second connection: %+v", c)
	}
	crowd.Say("!echo 끝")
	r.hears(crowd, "끝")
	r.blameless()
}

// broken fails the write of the frame with the text, once, after a part of it went
// out.
type broken struct {
	net.Conn
	text string
	part func(n int) int
	once *sync.Once
}

// Write implements net.Conn.
func (b *broken) Write(p []byte) (n int, err error) {
	if !strings.Contains(string(p), b.text) {
		return b.Conn.Write(p)
	}
	fails := false
	b.once.Do(func() { fails = true })
	if !fails {
		return b.Conn.Write(p)
	}
	if n, err = b.Conn.Write(p[:b.part(len(p))]); err == nil {
		err = net.ErrClosed
	}
	return n, err
}

// again is the text below in base64, as it travels.
const again = "IWVjaG8g64uk7Iuc"

// TestScriptSendsAgain is item 4: a frame whose write failed comes again as it was,
// whether the gateway got it the first time, a half of it, or nothing.
func TestScriptSendsAgain(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	for i, part := range []func(int) int{func(n int) int { return n }, func(n int) int { return n / 2 }, func(int) int { return 0 }} {
		p := r.script(fmt.Sprint("4", i), 10+i, func(c *bridge.Config) {
			once := new(sync.Once)
			c.Wrap = func(conn net.Conn) net.Conn { return &broken{conn, again, part, once} }
		})
		r.plays(p)
		r.opens(p, 1)
		p.Say("!echo 다시")
		r.opens(p, 2)
		p.Say("!echo 끝")
		r.hears(p, "끝")
		if c := p.Counts(); c.Resent == 0 {
			t.Fatalf("the phone did not send it again: %+v", c)
		}
		n := 0
		for _, c := range r.bots.of(demo.Identity{Serial: fmt.Sprint("4", i)}) {
			n += strings.Count(c.read(), again)
		}
		if n != 1 {
			t.Errorf("the server got it %d times, want once", n)
		}
	}
	r.blameless()
}

// TestScriptSignsEarly is items 5 and 6: a frame was signed when it was queued, and
// frames of one millisecond have one signature.
func TestScriptSignsEarly(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	p := r.script("5a", 10)
	id := p.Identity()
	r.plays(p)
	r.opens(p, 1)
	now := time.Now().UnixMilli()
	p.Send(id.Message("!echo 늦게", id.Auth(now-45_000)))
	r.hears(p, "늦게")
	auth := id.Auth(now - 1)
	for _, text := range []string{"하나", "둘", "셋"} {
		p.Send(id.Message("!echo "+text, auth))
	}
	p.Send(id.Pong([]byte(`"2026-01-01 00:00:00.000"`), auth))
	p.Say("!echo 끝")
	r.hears(p, "하나", "둘", "셋", "끝")
	if c := p.Counts(); c.Connects != 1 || c.Errors != 0 {
		t.Errorf("the phone was disturbed: %+v", c)
	}
	r.blameless()
}

// TestScriptsShareAnAddress is items 7 and 8: many phones behind one address, one of
// which moves to another; none of them ever pings, each answers, also before its
// handshake is complete.
func TestScriptsShareAnAddress(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	var all []*bridge.Phone
	for i := range 14 { // more than the connections that one client may have
		p := r.script(fmt.Sprintf("7%02d", i), 10)
		r.plays(p)
		all = append(all, p)
	}
	moving := r.script("799", 10)
	stop := r.plays(moving)
	r.opens(moving, 1)
	stop()
	elsewhere, err := bridge.New(bridge.Config{Identity: moving.Identity(), Servers: []string{r.botsAddr()}, Source: r.addr(77), Scale: 30})
	must(t, err)
	r.plays(elsewhere)
	for _, p := range append(all, elsewhere) {
		r.opens(p, 1)
		p.Say("!echo 여기")
		r.hears(p, "여기")
	}
	for _, p := range append(all, elsewhere) {
		eventually(t, "the server's ping", 5*time.Second, func() bool { return p.Counts().Pings >= 2 })
		if c := p.Counts(); c.Pings < 2 || c.Errors != 0 || c.Connects > 2 {
			t.Errorf("%+v", c)
		}
	}
	r.blameless()
}
