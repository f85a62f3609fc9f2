package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Client is one device. Send may be called from any goroutine, before Run too.
type Client struct {
	cfg     Config
	queue   chan Message
	counts  counts
	running atomic.Bool
	ready   atomic.Bool

	mu    sync.Mutex // guards voice: it signs one frame at a time
	voice speaker

	// Only Run's goroutine uses these.
	resend  *written
	current int // the server that is tried next
}

// written is a frame that may not have arrived.
type written struct {
	frame []byte
	at    time.Time // when it was signed
}

// New checks the configuration and returns a client that is not connected yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	voice, err := cfg.Protocol.speaker()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, queue: make(chan Message, cfg.Queue), voice: voice}, nil
}

// Send queues one frame; body is encoded as JSON (a json.RawMessage goes as it is).
// It never waits: it returns [ErrQueueFull], or what is wrong with the frame.
func (c *Client) Send(event string, body any) error {
	if body == nil {
		return c.SendMessage(Message{Event: event})
	}
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %q: %w", event, err)
	}
	return c.SendMessage(Message{Event: event, Body: b})
}

// SendMessage is [Client.Send] for a frame with a text behind it.
func (c *Client) SendMessage(m Message) error {
	size, err := c.try(m)
	if err == nil && size > c.cfg.MaxFrame {
		err = fmt.Errorf("%d bytes, at most %d", size, c.cfg.MaxFrame)
	}
	if err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "send a frame", Err: err}
	}
	select {
	case c.queue <- m:
		c.counts.queued.Add(1)
		return nil
	default:
		c.counts.dropped.Add(1)
		return ErrQueueFull
	}
}

// try signs the frame to nobody, so that a wrong one is the caller's error and not
// the end of a connection.
func (c *Client) try(m Message) (size int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.voice.try(m)
}

// Run connects, converses and reconnects until ctx ends; then it returns nil. What
// is still queued waits for the next Run.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer c.running.Store(false)
	for failed := 0; ctx.Err() == nil; {
		worked, err := c.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		if worked >= settled {
			failed = 0
		}
		d := delay(c.cfg.Backoff, c.cfg.MaxBackoff, failed)
		failed++
		c.cfg.Log.Info("device reconnects", "after", d, "failed", failed, "err", err)
		pause(ctx, d)
	}
	return nil
}

// attempt walks the servers until one connects, and converses there. worked is how
// long the device was let in.
func (c *Client) attempt(ctx context.Context) (worked time.Duration, err error) {
	for range c.cfg.Servers {
		server := c.cfg.Servers[c.current%len(c.cfg.Servers)]
		conn, dialErr := c.dial(ctx, server)
		if dialErr != nil {
			c.current, err = c.current+1, dialErr
			c.counts.failed.Add(1)
			continue
		}
		c.counts.connects.Add(1)
		worked, err = c.converse(ctx, conn)
		if worked == 0 {
			c.current++ // it answered, but did not let us in: ask another first
		}
		return worked, err
	}
	return 0, err
}

// delay is the wait after n failures in a row: it doubles up to most, and a half of
// it is chance, so that a fleet does not come back at once.
func delay(first, most time.Duration, n int) time.Duration {
	d := most
	if n < 32 && first<<n > 0 && first<<n < most {
		d = first << n
	}
	return d/2 + rand.N(d/2+1)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
