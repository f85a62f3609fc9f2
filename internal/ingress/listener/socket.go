package listener

import (
	"errors"
	"net"
	"sync"
	"time"

	"haechi/internal/ingress"
)

const (
	firstPause = 5 * time.Millisecond
	maxPause   = time.Second
)

// socket is one address with the listeners that hold it. All fields but pending are
// guarded by the pool's mutex.
type socket struct {
	pool    *Pool
	addr    string // as asked for; once bound, as bound
	bound   net.Addr
	open    *openSocket // nil while suspended
	holders ingress.Holders[Listener]

	pendingMu sync.Mutex
	pending   map[net.Conn]struct{} // connections whose header is awaited
}

// openSocket is one life of the operating system's socket, from bind to close.
type openSocket struct {
	net.Listener
	done chan struct{}
}

// settle opens or closes the system's socket as the newest listener wants it.
func (s *socket) settle() error {
	l := s.holders.Newest()
	want := l != nil && !l.suspended
	switch {
	case want && s.open == nil:
		return s.bind()
	case !want && s.open != nil:
		open := s.open
		s.open = nil
		close(open.done)
		return open.Close()
	}
	return nil
}

func (s *socket) bind() error {
	ln, err := s.pool.bind(s.addr)
	if err != nil {
		return err
	}
	s.bound = ln.Addr()
	s.addr = s.bound.String()
	s.open = &openSocket{Listener: ln, done: make(chan struct{})}
	open := s.open
	s.pool.wg.Go(func() { s.accept(open) })
	return nil
}

// accept is the accept loop of one open socket. It ends when that is closed.
func (s *socket) accept(open *openSocket) {
	var pause time.Duration
	for {
		c, err := open.Accept()
		if err == nil {
			pause = 0
			s.take(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		s.pool.acceptErrors.Add(1)
		if pause == 0 {
			s.warn("accepting connections fails; trying again", err)
		}
		pause = min(max(2*pause, firstPause), maxPause)
		select {
		case <-time.After(pause): // nothing to accept with: EMFILE, ENFILE, ENOBUFS
		case <-open.done:
			return
		}
	}
}

func (s *socket) warn(msg string, err error) {
	if l := s.holders.Newest(); l != nil {
		l.cfg.Log.Warn(msg, "address", l.cfg.Addr, "service", l.cfg.Service, "error", err)
	}
}

// hand gives an admitted connection to the listener that admitted it or, if that
// was closed meanwhile, to the one that took over its service.
func (s *socket) hand(l *Listener, c *ingress.Conn) {
	for {
		select {
		case l.conns <- c:
			return
		case <-l.done:
		}
		next := s.holders.Newest()
		if next == nil || next == l || next.cfg.Service != l.cfg.Service {
			c.Close()
			return
		}
		l = next
	}
}

// dropPending closes every connection whose header is still awaited.
func (s *socket) dropPending() {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	for c := range s.pending {
		c.Close()
	}
}
