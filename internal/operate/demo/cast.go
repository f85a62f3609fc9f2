package demo

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"haechi"
)

// CastConfig says where the play takes place and who is in it.
type CastConfig struct {
	// Bots are the addresses of the guarded bot service, in the order in which
	// phones try them; empty leaves the phones out.
	Bots []string
	// Shop is the address of the guarded web service, empty leaves it out; Host
	// is its name in requests, TLS how to reach it.
	Shop string
	Host string
	TLS  *tls.Config
	// Friends are phones that converse all the time. One whose device is still
	// pending keeps trying, and converses once an operator approves it.
	Friends []Identity
	// Hammer and Hopper are approved devices with a key that misbehave; Victim is
	// whom the forger pretends to be, its secret is not used. A zero identity
	// leaves the act out.
	Hammer, Hopper, Victim Identity
	// Visitors is how many browsers look around; 0 means 4, negative none.
	Visitors int
	// Pause is between two acts of an attacker, 0 means 2 s; Between is between
	// two rounds of them, 0 means 90 s; Rounds bounds them, 0 means 500, negative
	// none.
	Pause, Between time.Duration
	Rounds         int
	// For ends the play; 0 means 24 hours.
	For time.Duration
	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil: silent
}

// Cast is everybody on the stage.
type Cast struct {
	cfg      CastConfig
	phones   []*Phone
	visitors []*Browser
	// acts are the attackers in order, those on phones and those on the web: the
	// two queues run side by side, so that all is seen within a minute.
	acts [2][]Attack
}

// The networks of the players, one for each kind, so that a look at an address
// tells who it is. None is 127.0.0.1.
const (
	netPhones   = 10
	netVisitors = 20
	netBotFoes  = 66
	netWebFoes  = 77
)

func source(network byte, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, network, byte(i / 250), byte(1 + i%250)})
}

// NewCast checks every player; nobody who would leave loopback gets on stage.
func NewCast(cfg CastConfig) (*Cast, error) {
	cfg.Pause, cfg.Between = orTime(cfg.Pause, 2*time.Second), orTime(cfg.Between, 90*time.Second)
	cfg.For = orTime(cfg.For, 24*time.Hour)
	if cfg.Rounds == 0 {
		cfg.Rounds = 500
	}
	if cfg.Visitors == 0 {
		cfg.Visitors = 4
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cast{cfg: cfg}
	for _, cast := range []func() error{c.castPhones, c.castVisitors, c.castBotFoes, c.castWebFoes} {
		if err := cast(); err != nil {
			return nil, fmt.Errorf("cast the demo: %w", err)
		}
	}
	return c, nil
}

func (c *Cast) phone(id Identity, network byte, i int) PhoneConfig {
	return PhoneConfig{Identity: id, Servers: c.cfg.Bots, Source: source(network, i), Now: c.cfg.Now, Log: c.cfg.Log}
}

func (c *Cast) castPhones() error {
	if len(c.cfg.Bots) == 0 {
		return nil
	}
	for i, id := range c.cfg.Friends {
		cfg := c.phone(id, netPhones, i)
		cfg.Rooms = []string{"가족방", "달빛 찻집"}[:1+i%2]
		cfg.Every = time.Duration(2500+500*(i%5)) * time.Millisecond
		cfg.Messages = 50_000
		p, err := NewPhone(cfg)
		if err != nil {
			return err
		}
		c.phones = append(c.phones, p)
	}
	return nil
}

func (c *Cast) web(network byte, i int, agent string) WebConfig {
	return WebConfig{Target: c.cfg.Shop, Host: c.cfg.Host, TLS: c.cfg.TLS, Source: source(network, i), Agent: agent}
}

func (c *Cast) castVisitors() error {
	if c.cfg.Shop == "" {
		return nil
	}
	for i := range c.cfg.Visitors {
		b, err := NewBrowser(c.web(netVisitors, i, ""))
		if err != nil {
			return err
		}
		c.visitors = append(c.visitors, b)
	}
	return nil
}

func (c *Cast) castBotFoes() error {
	if len(c.cfg.Bots) == 0 {
		return nil
	}
	stranger := Identity{Bot: "무료봇", Serial: "5ca1ab1e", Secret: haechi.Secret("none"), Salt: haechi.Secret("none")}
	for i, act := range []struct {
		who  Identity
		make func(PhoneConfig) (Attack, error)
	}{{stranger, Spam}, {c.cfg.Victim, Forger}, {c.cfg.Hopper, Hopper}, {c.cfg.Hammer, Hammer}} {
		if act.who.Bot == "" {
			continue
		}
		a, err := act.make(c.phone(act.who, netBotFoes, i))
		if err != nil {
			return err
		}
		c.acts[0] = append(c.acts[0], a)
	}
	return nil
}

func (c *Cast) castWebFoes() error {
	if c.cfg.Shop == "" {
		return nil
	}
	for i, act := range []struct {
		agent string
		make  func(WebConfig) (Attack, error)
	}{{"python-requests/2.32", Stuffing}, {"demo-scanner/1.0", Scanner}, {"demo-flood/1.0", Flood}} {
		a, err := act.make(c.web(netWebFoes, i, act.agent))
		if err != nil {
			return err
		}
		c.acts[1] = append(c.acts[1], a)
	}
	return nil
}

// Run plays until ctx ends or the play is over, waits for everybody to leave the
// stage, and returns nil.
func (c *Cast) Run(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, c.cfg.For)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, p := range c.phones {
		wg.Go(func() {
			if err := p.Run(ctx); err != nil {
				c.cfg.Log.Warn("a demo phone left", "err", err)
			}
		})
	}
	for _, b := range c.visitors {
		wg.Go(func() { b.Run(ctx, Visit{Pages: 50_000}) })
	}
	for _, acts := range c.acts {
		wg.Go(func() { c.attack(ctx, acts) })
	}
	return nil
}

// attack plays the acts in turns, round after round. Without acts it only waits.
func (c *Cast) attack(ctx context.Context, acts []Attack) {
	for range c.cfg.Rounds {
		for _, a := range acts {
			if !pause(ctx, c.cfg.Pause) {
				return
			}
			c.cfg.Log.Info("attacker begins", "act", a.Name, "from", a.From)
			c.cfg.Log.Info("attacker is done", "act", a.Name, "from", a.From, "result", a.Run(ctx))
		}
		if !pause(ctx, c.cfg.Between) {
			return
		}
	}
}

// Phones is what the friendly phones have seen, in the order of Friends.
func (c *Cast) Phones() []PhoneCounts {
	out := make([]PhoneCounts, len(c.phones))
	for i, p := range c.phones {
		out[i] = p.Counts()
	}
	return out
}
