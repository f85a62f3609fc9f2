package demo

import (
	"context"
	"fmt"
	"time"

	"haechi"
)

const (
	forgeTries  = 8
	forgeEvery  = time.Second
	hammerTries = 14
	hammerEvery = 1500 * time.Millisecond
	hopRooms    = 30
	hopEvery    = 300 * time.Millisecond
	spamTries   = 12
	spamEvery   = 400 * time.Millisecond
	// patience is how long an attacking phone waits for any answer.
	patience = 2 * time.Second
)

// phoneAttack is an attack by one phone after another, all from one address.
func phoneAttack(name string, cfg PhoneConfig, act func(ctx context.Context, t *attackTally)) (Attack, error) {
	if _, err := NewPhone(cfg); err != nil {
		return Attack{}, err
	}
	return Attack{Name: name, From: cfg.Source.String(), Run: func(ctx context.Context) string {
		var t attackTally
		act(ctx, &t)
		return t.String()
	}}, nil
}

// attackTally sums up connections; it belongs to one goroutine.
type attackTally struct {
	tried, opened, told int
	last                Refusal
}

func (t *attackTally) add(p *Phone) {
	c := p.Counts()
	t.tried++
	t.opened += int(c.Opened)
	t.told += int(c.Errors)
	if c.Errors > 0 {
		t.last = c.Last
	}
}

// String is one line for a person.
func (t *attackTally) String() string {
	s := fmt.Sprintf("%d tries, %d got through, %d refused with a reason", t.tried, t.opened, t.told)
	if t.last.Ref != "" {
		s += ", the last " + t.last.Ref
	}
	return s
}

// brief connects once, does something and leaves within the attacker's patience.
func (t *attackTally) brief(ctx context.Context, cfg PhoneConfig, do func(*Session)) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	p, err := NewPhone(cfg)
	if err != nil {
		return
	}
	defer t.add(p)
	if s, err := p.Connect(ctx); err == nil {
		defer s.Close()
		do(s)
	}
}

// untilTold shakes hands and waits for an answer of any kind.
func untilTold(s *Session) {
	if s.Handshake() != nil {
		return
	}
	for {
		f, err := s.Next()
		if err != nil || f.Event == "error" || f.Event == "handshakeComplete" {
			return
		}
		if f.Event == "ping" && s.Pong(f) != nil {
			return
		}
	}
}

// Forger names a device it is not, and signs with a guessed key: 8 times in 8
// seconds. cfg.Identity is the victim; its secret is not used.
func Forger(cfg PhoneConfig) (Attack, error) {
	cfg.Secret, cfg.Salt = haechi.Secret("guessed"), haechi.Secret("guessed")
	return phoneAttack("signature forger", cfg, func(ctx context.Context, t *attackTally) {
		paced(ctx, forgeTries, forgeEvery, func(int) { t.brief(ctx, cfg, untilTold) })
	})
}

// Hammer is a proved device that reconnects 14 times in 21 seconds.
func Hammer(cfg PhoneConfig) (Attack, error) {
	return phoneAttack("reconnect hammer", cfg, func(ctx context.Context, t *attackTally) {
		paced(ctx, hammerTries, hammerEvery, func(int) { t.brief(ctx, cfg, untilTold) })
	})
}

// Hopper is a proved device that writes to 30 rooms in nine seconds.
func Hopper(cfg PhoneConfig) (Attack, error) {
	return phoneAttack("room hopper", cfg, func(ctx context.Context, t *attackTally) {
		ctx, stop := context.WithTimeout(ctx, hopRooms*hopEvery+patience)
		defer stop()
		p, err := NewPhone(cfg)
		if err != nil {
			return
		}
		defer t.add(p)
		s, err := p.Connect(ctx)
		if err != nil {
			return
		}
		defer s.Close()
		if s.Open() != nil {
			return
		}
		read := make(chan struct{})
		go func() { defer close(read); defer stop(); _, _ = s.Until("error") }()
		paced(ctx, hopRooms, hopEvery, func(i int) { _ = s.Say(fmt.Sprintf("방 %d", i), "광고입니다") })
		s.Close()
		<-read
	})
}

// Spam registers 12 devices that nobody knows, in five seconds.
func Spam(cfg PhoneConfig) (Attack, error) {
	return phoneAttack("pending-device spam", cfg, func(ctx context.Context, t *attackTally) {
		paced(ctx, spamTries, spamEvery, func(i int) {
			one := cfg
			one.Serial = fmt.Sprintf("%s%04x", cfg.Serial, i)
			t.brief(ctx, one, untilTold)
		})
	})
}
