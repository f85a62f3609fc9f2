package scenario_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// enrol registers a device, gives it a key and approves it.
func (r *rig) enrol(bot, serial string, shape demo.Shape) demo.Identity {
	r.t.Helper()
	id := r.pending(bot, serial, shape)
	_, err := r.api.SetDeviceStatus(r.t.Context(), id.Key(), haechi.Approved, "")
	must(r.t, err)
	return id
}

// pending registers a device with a key and does not approve it.
func (r *rig) pending(bot, serial string, shape demo.Shape) demo.Identity {
	r.t.Helper()
	id := demo.Identity{Bot: bot, Serial: serial, Shape: shape}
	_, err := r.api.AddDevice(r.t.Context(), "bots", id.Key())
	must(r.t, err)
	return r.key(id)
}

// key gives the device a new key.
func (r *rig) key(id demo.Identity) demo.Identity {
	r.t.Helper()
	k, err := r.api.NewDeviceKey(r.t.Context(), id.Key())
	must(r.t, err)
	id.Secret, id.Salt = haechi.Secret(k.Secret), haechi.Secret(k.Salt)
	return id
}

// phone is a phone at the i-th address. What it says and hears is in the taps, one
// a connection.
type phone struct {
	*demo.Phone
	t    *testing.T
	taps chan *recorded
}

func (r *rig) phone(id demo.Identity, i int, more ...func(*demo.PhoneConfig)) *phone {
	r.t.Helper()
	p := &phone{t: r.t, taps: make(chan *recorded, 1000)}
	cfg := demo.PhoneConfig{Identity: id, Servers: []string{r.botsAddr()}, Source: r.addr(i), Backoff: 100 * time.Millisecond}
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		c, err := dialFrom(ctx, r.addr(i), address)
		if err != nil {
			return nil, err
		}
		tap := &recorded{Conn: c}
		select {
		case p.taps <- tap:
		default: // nobody will look at so many
		}
		return tap, nil
	}
	for _, change := range more {
		change(&cfg)
	}
	var err error
	p.Phone, err = demo.NewPhone(cfg)
	must(r.t, err)
	return p
}

func dialFrom(ctx context.Context, from netip.Addr, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: gateway.Patient(5 * time.Second), LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return d.DialContext(ctx, "tcp", address)
}

// connected is a session that the server has welcomed.
func (p *phone) connected() *demo.Session {
	p.t.Helper()
	s, err := p.Connect(p.t.Context())
	must(p.t, err)
	p.t.Cleanup(s.Close)
	if err := s.Open(); err != nil {
		p.t.Fatalf("open a session: %v; %+v", err, p.Counts().Last)
	}
	return s
}

// chats says something and waits for the answer.
func (p *phone) chats(s *demo.Session, text string) {
	p.t.Helper()
	if err := talk(s, text); err != nil {
		p.t.Fatalf("%q is not answered: %v", text, err)
	}
}

func talk(s *demo.Session, text string) error {
	if err := s.Say("가족방", text); err != nil {
		return err
	}
	_, err := s.Until("messageResponse")
	return err
}

// reconnects opens n sessions, one after the other.
func (p *phone) reconnects(n int) {
	p.t.Helper()
	for range n {
		p.connected().Close()
	}
}

// cutSoon opens a session that is cut for being one too many, it may be before it
// is welcomed.
func (p *phone) cutSoon(t *testing.T) {
	t.Helper()
	s, err := p.Connect(t.Context())
	must(t, err)
	defer s.Close()
	began := time.Now()
	if err = s.Open(); err == nil {
		_, err = s.Until("")
	}
	if took := time.Since(began); err == nil || took > gateway.Patient(2*time.Second) {
		t.Errorf("the session was not cut: %v after %s", err, took)
	}
}

// refused connects and wants to be told that it does not get in.
func (p *phone) refused(t *testing.T) demo.Refusal {
	t.Helper()
	s, err := p.Connect(t.Context())
	must(t, err)
	defer s.Close()
	must(t, s.Handshake())
	for {
		switch f, err := s.Next(); {
		case err != nil:
			t.Fatalf("it was closed without a word: %v", err)
		case f.Event == "error":
			return p.Counts().Last
		case f.Event == "ping":
			must(t, s.Pong(f))
		default:
			t.Fatalf("it got in: %s", f.Line)
		}
	}
}

// lives runs the phone in the background until the test ends or stop is called.
func (p *phone) lives() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	end := make(chan struct{}, 1)
	stop = func() {
		cancel()
		select {
		case end <- struct{}{}:
			if err := <-done; err != nil {
				p.t.Error(err)
			}
		default:
		}
	}
	p.t.Cleanup(stop)
	return stop
}
