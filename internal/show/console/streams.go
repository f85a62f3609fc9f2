package console

import (
	"context"
	"sync"

	"haechi"
)

const (
	maxStreams    = 64
	maxOwnStreams = 8 // of one session
)

// streams counts the live streams, bounds them and ends them all.
type streams struct {
	mu     sync.Mutex
	closed bool
	all    map[*member]struct{}
	done   sync.WaitGroup
}

type member struct {
	token  string
	cancel context.CancelFunc
}

func newStreams() *streams { return &streams{all: map[*member]struct{}{}} }

// enter admits a stream. Errors are of kind Exhausted or Unavailable.
func (s *streams) enter(parent context.Context, token string) (ctx context.Context, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, &haechi.Error{Kind: haechi.Unavailable, Op: "open a stream", Msg: "the console is closing"}
	}
	own := 0
	for m := range s.all {
		if m.token == token {
			own++
		}
	}
	if len(s.all) >= maxStreams || own >= maxOwnStreams {
		return nil, nil, &haechi.Error{Kind: haechi.Exhausted, Op: "open a stream", Msg: "too many streams are open",
			Hint: "close another tab that shows the live stream"}
	}
	ctx, cancel := context.WithCancel(parent)
	m := &member{token, cancel}
	s.all[m] = struct{}{}
	s.done.Add(1)
	return ctx, func() {
		cancel()
		s.mu.Lock()
		delete(s.all, m)
		s.mu.Unlock()
		s.done.Done()
	}, nil
}

func (s *streams) close() {
	s.mu.Lock()
	s.closed = true
	for m := range s.all {
		m.cancel()
	}
	s.mu.Unlock()
	s.done.Wait()
}
