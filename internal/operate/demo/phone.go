package demo

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"haechi"
)

var errRefused = errors.New("refused")

// PhoneConfig says who a phone is, where it connects and how much it talks.
type PhoneConfig struct {
	Identity
	// Servers is SERVER_LIST of the client script: host:port, tried in order.
	Servers []string
	// Source is the address it dials from.
	Source netip.Addr
	// Rooms it talks in, by turns; none means it only answers pings. Every is the
	// time between messages, at least 10 ms; 0 means 3 s. Messages bounds how many
	// it sends in all; 0 means 10,000.
	Rooms    []string
	Every    time.Duration
	Messages int
	// Connects bounds how often it connects; 0 means 10,000. Backoff is the first
	// delay between two attempts, doubled up to 32 times that; 0 means 2 s.
	Connects int
	Backoff  time.Duration
	Dial     Dial             // nil: TCP from Source
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil: silent
}

// Phone is one client of the bot server.
type Phone struct {
	cfg    PhoneConfig
	counts phoneCounts
	signed atomic.Int64 // the last timestamp, Unix milliseconds
}

// now is the time to sign with: no two frames of a phone share a millisecond, or
// two connections in quick succession would look like a replay.
func (p *Phone) now() time.Time {
	ms := p.cfg.Now().UnixMilli()
	for {
		last := p.signed.Load()
		next := max(ms, last+1)
		if p.signed.CompareAndSwap(last, next) {
			return time.UnixMilli(next)
		}
	}
}

type phoneCounts struct {
	connects, opened, sent, replies, pings, errors atomic.Uint64
	last                                           atomic.Pointer[Refusal]
}

// Refusal is what an error frame said.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Ref     string `json:"reference"`
}

// PhoneCounts is what a phone has seen so far.
type PhoneCounts struct {
	Connects uint64 // TCP connections made
	Opened   uint64 // handshakes that the server completed
	Sent     uint64 // messages sent
	Replies  uint64 // messages received
	Pings    uint64 // pings received
	Errors   uint64 // error frames received
	Last     Refusal
}

// NewPhone checks that the phone stays on loopback.
func NewPhone(cfg PhoneConfig) (*Phone, error) {
	if len(cfg.Servers) == 0 {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make a phone", Msg: "it has no server to connect to"}
	}
	for _, address := range cfg.Servers {
		if err := CheckTarget(address); err != nil {
			return nil, err
		}
	}
	if err := checkSource(cfg.Source); err != nil {
		return nil, err
	}
	cfg.Every = max(orTime(cfg.Every, 3*time.Second), 10*time.Millisecond)
	cfg.Backoff = orTime(cfg.Backoff, 2*time.Second)
	cfg.Messages, cfg.Connects = orCount(cfg.Messages, 10_000), orCount(cfg.Connects, 10_000)
	if cfg.Dial == nil {
		cfg.Dial = dialFrom(cfg.Source)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Phone{cfg: cfg}, nil
}

func orTime(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

func orCount(n, fallback int) int {
	if n <= 0 {
		return fallback
	}
	return n
}

// Counts is what the phone has seen so far.
func (p *Phone) Counts() PhoneCounts {
	c := &p.counts
	out := PhoneCounts{Connects: c.connects.Load(), Opened: c.opened.Load(), Sent: c.sent.Load(),
		Replies: c.replies.Load(), Pings: c.pings.Load(), Errors: c.errors.Load()}
	if r := c.last.Load(); r != nil {
		out.Last = *r
	}
	return out
}

// note counts a received frame.
func (p *Phone) note(f Frame) {
	switch f.Event {
	case "handshakeComplete":
		p.counts.opened.Add(1)
	case "messageResponse", "scheduleMessage", "broadcastMessage":
		p.counts.replies.Add(1)
	case "ping":
		p.counts.pings.Add(1)
	case "error":
		r := new(Refusal)
		if json.Unmarshal(f.Data, r) == nil {
			p.counts.last.Store(r)
		}
		p.counts.errors.Add(1)
	}
}

// Run connects, talks and reconnects as the client script does, until ctx ends
// or a bound is reached; it returns nil then. Like the script it forgets how
// often it failed as soon as TCP connects.
func (p *Phone) Run(ctx context.Context) error {
	failed := 0
	for range p.cfg.Connects {
		s, err := p.Connect(ctx)
		if err == nil {
			failed = 0
			err = p.live(ctx, s)
			s.Close()
		}
		if ctx.Err() != nil || int(p.counts.sent.Load()) >= p.cfg.Messages {
			return nil
		}
		failed++
		p.cfg.Log.Debug("phone reconnects", "device", p.cfg.Key(), "failed", failed, "err", err)
		if !pause(ctx, backoff(p.cfg.Backoff, failed)) {
			return nil
		}
	}
	return nil
}

// backoff is the delay after n failures in a row: 4, 8, 16, 32, 60, 60 … s for
// a base of 2 s.
func backoff(base time.Duration, n int) time.Duration {
	return min(base<<min(n, 6), 30*base)
}

// live converses on one connection until it ends.
func (p *Phone) live(ctx context.Context, s *Session) error {
	if err := s.Open(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var err error
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer stop()
		_, err = s.Until("") // answers pings; no frame is nameless
	}()
	p.talk(ctx, s)
	s.Close()
	<-read
	return err
}

// talk sends messages until the context ends or there are none left.
func (p *Phone) talk(ctx context.Context, s *Session) {
	for pause(ctx, p.cfg.Every) {
		n := int(p.counts.sent.Load())
		if len(p.cfg.Rooms) == 0 {
			continue
		}
		if n >= p.cfg.Messages {
			return
		}
		if s.Say(p.cfg.Rooms[n%len(p.cfg.Rooms)], smallTalk(n)) != nil {
			return
		}
	}
}

func smallTalk(n int) string {
	lines := []string{"!시간", "안녕하세요!", "!help", "오늘 배송 되나요?", "!echo 해치가 지켜요 {}", "고마워요 🙂", "!image"}
	return lines[n%len(lines)]
}
