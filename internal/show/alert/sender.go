package alert

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Refused is a channel's error when the other side answered, and answered no.
type Refused struct {
	Status int           // the HTTP status
	Final  bool          // trying again is useless
	After  time.Duration // when to try again, if the other side said so
}

// Error names the status, and nothing that could be secret.
func (r *Refused) Error() string { return fmt.Sprintf("answered with status %d", r.Status) }

// sender is the queue and the one goroutine of a channel.
type sender struct {
	channel Channel
	cfg     *Config
	queue   chan *Update

	delivered, dropped, failed atomic.Uint64
}

func newSender(c Channel, cfg *Config) *sender {
	return &sender{channel: c, cfg: cfg, queue: make(chan *Update, cfg.Queue)}
}

func (s *sender) put(u *Update) {
	select {
	case s.queue <- u:
	default:
		s.dropped.Add(1)
	}
}

func (s *sender) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			s.dropped.Add(uint64(len(s.queue)))
			return
		case u := <-s.queue:
			s.deliver(ctx, u)
		}
	}
}

// deliver tries until it succeeds, is refused for good, or has tried often enough.
func (s *sender) deliver(ctx context.Context, u *Update) {
	wait := s.cfg.Backoff
	for try := 1; ; try++ {
		err := s.attempt(ctx, u)
		if err == nil {
			s.delivered.Add(1)
			return
		}
		var refused *Refused
		answered := errors.As(err, &refused)
		if try >= s.cfg.Attempts || (answered && refused.Final) || ctx.Err() != nil {
			s.failed.Add(1)
			s.cfg.Log.Error("an alert was not delivered", "channel", s.channel.Name(), "kind", u.Kind, "tries", try, "err", err)
			return
		}
		if answered {
			wait = max(wait, refused.After)
		}
		wait = min(wait, s.cfg.MaxBackoff)
		if !pause(ctx, wait) {
			s.failed.Add(1)
			return
		}
		wait *= 2
	}
}

func (s *sender) attempt(ctx context.Context, u *Update) error {
	ctx, stop := context.WithTimeout(ctx, s.cfg.Timeout)
	defer stop()
	return s.channel.Deliver(ctx, u)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
