package httpgate

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"haechi/internal/brick/parking"
)

// lanes are those of a gate that are open.
type lanes struct {
	mu    sync.Mutex
	open  map[*lane]struct{}
	doors []net.Listener
	// ending is set once the gate shuts down.
	ending atomic.Bool
}

// listen notes a listener to be closed at the end; false once that was.
func (s *lanes) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doors = append(s.doors, ln)
	return !s.ending.Load()
}

// stop closes the listeners.
func (s *lanes) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	for _, ln := range s.doors {
		_ = ln.Close() // the one that accepts on it hears of it
	}
	s.doors = nil
}

func (s *lanes) add(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*lane]struct{})
	}
	s.open[l] = struct{}{}
}

func (s *lanes) remove(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, l)
}

// drain closes the idle ones and waits for the others; when ctx ends first, it stops
// them.
func (s *lanes) drain(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for cut := false; ; {
		if s.sweep(cut) == 0 {
			return ctx.Err()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			cut = true
			<-tick.C
		}
	}
}

// sweep closes the idle lanes, or all, and returns how many there are.
func (s *lanes) sweep(all bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	for l := range s.open {
		fresh := l.state.Load() == laneNew && time.Since(l.c.opened) < time.Second
		if all || l.state.Load() != laneBusy && !fresh {
			l.stop()
		}
	}
	return len(s.open)
}

// stop ends what the lane does, from another goroutine.
func (l *lane) stop() {
	l.stopped.Store(true)
	l.shut()
}

// shut ends the connection, from another goroutine. The lane hears of it and closes
// the rest: a close would wait for it.
func (l *lane) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wire != nil {
		l.wire.interrupt()
	}
	if l.lot != nil {
		parking.Shut(l.fd)
		return
	}
	if l.tcp == nil {
		_ = l.c.Conn.Close() // it is not read without waiting yet, or no more
		return
	}
	_ = l.tcp.CloseRead() // errors mean one that is gone
	_ = l.tcp.CloseWrite()
}

// interrupt wakes the lane where it waits for the upstream.
func (l *lane) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wire != nil {
		l.wire.interrupt()
	}
}

// hold notes the connection to the upstream that is used now, nil for none.
func (l *lane) hold(w *wire) {
	l.mu.Lock()
	l.wire = w
	l.mu.Unlock()
}
