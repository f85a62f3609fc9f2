package shield

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Kernel is what is served.
type Kernel interface {
	enforce.Enforcer
	enforce.Watchful
	// Guard replaces whom the kernel accepts before any drop.
	Guard(ctx context.Context, ps []netip.Prefix) error
	Stats() []haechi.Counter
}

// Meters are what a stage does in the kernel.
type Meters interface {
	enforce.Meterer
	// Guard replaces whom they never drop.
	Guard(ctx context.Context, ps []netip.Prefix) error
}

// ServerConfig is what a Server is told. All but Missing, Capture, Connections, Meters, Unconfined and Log must be set.
type ServerConfig struct {
	// Kernels are the enforcers, each asked by its name; the first by none.
	Kernels []Kernel
	// Missing says of others why they are not served; nil: there are none.
	Missing map[string]error
	// Admit says why a peer may not ask anything, if so.
	Admit func(net.Conn) error
	// Protected is told whom the gateway protects, and answers with whom the kernel has to
	// accept: those, and whoever the shield protects by itself.
	Protected func(asked []netip.Prefix) []netip.Prefix
	// Capture opens a socket for the packets of a network interface, or says why the
	// gateway does not get one. Nil: it gets none.
	Capture func(name string) (*os.File, error)
	// Connections opens a socket on which the kernel tells of the connections that it
	// forgets, or says why the gateway does not get one. Nil: it gets none.
	Connections func() (*os.File, error)
	// Meters are put into force while an attack goes on; they are guarded with the kernels.
	// Nil: none are.
	Meters Meters
	// Unconfined says what this process should have given up and has not; each answer tells
	// it to the gateway. Empty: nothing.
	Unconfined string
	Log        *slog.Logger // nil discards
}

// Server serves an enforcer to the gateway.
type Server struct {
	cfg   ServerConfig
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// The bounds of serving.
const (
	maxPeers    = 8
	readTimeout = 10 * time.Second // for the rest of a request whose first byte has come
)

// NewServer makes a server.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, conns: make(map[net.Conn]bool)}
}

// Serve answers until ctx ends, closes the listener, and returns nil then.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.Close()
		}
	})
	defer stop()
	var peers sync.WaitGroup
	defer peers.Wait()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept the gateway: %w", err)
		}
		if err := s.cfg.Admit(c); err != nil || !s.enter(c) {
			s.cfg.Log.Warn("a peer of the shield was refused", "err", errors.Join(err))
			_ = c.Close()
			continue
		}
		peers.Go(func() { s.peer(ctx, c) })
	}
}

func (s *Server) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxPeers {
		return false
	}
	s.conns[c] = true
	return true
}

// peer answers one connection's requests, one after the other.
func (s *Server) peer(ctx context.Context, c net.Conn) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}()
	for {
		var q request
		if err := read(&patient{Conn: c}, &q); err != nil {
			return
		}
		if err := c.SetWriteDeadline(time.Now().Add(readTimeout)); err != nil {
			return
		}
		if err := send(c, s.answer(ctx, &q)); err != nil {
			return
		}
	}
}

// patient waits without end for the first byte, and not for the others.
type patient struct {
	net.Conn
	begun bool
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	var until time.Time
	if p.begun {
		until = time.Now().Add(readTimeout)
	}
	if err := p.SetReadDeadline(until); err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(b)
	p.begun = p.begun || n > 0
	return n, err
}

// kernel is the enforcer of that name.
func (s *Server) kernel(name string) (Kernel, error) {
	for _, k := range s.cfg.Kernels {
		if name == "" || k.Name() == name {
			return k, nil
		}
	}
	if err := s.cfg.Missing[name]; err != nil {
		return nil, err
	}
	return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "ask the shield", Msg: fmt.Sprintf("it does not enforce by %q", name),
		Hint: "start gateway and shield with the same file"}
}

func (s *Server) answer(ctx context.Context, q *request) (r *response) {
	r = &response{Unconfined: s.cfg.Unconfined}
	if q.Op == opMeters || q.Op == opKnow || q.Op == opHeld {
		r.Failure = failureOf(s.meter(ctx, q, r))
		return r
	}
	k, err := s.kernel(q.On)
	if err != nil {
		r.Failure = failureOf(err)
		return r
	}
	switch q.Op {
	case opApply:
		err = k.Apply(ctx, q.Decisions)
	case opLift:
		err = k.Lift(ctx, q.IDs)
	case opInForce:
		r.Decisions, err = k.InForce(ctx)
	case opChanged:
		r.Changed, err = k.Changed(ctx)
	case opGuard:
		all := s.cfg.Protected(q.Prefixes)
		if err = k.Guard(ctx, all); err == nil && s.cfg.Meters != nil {
			err = s.cfg.Meters.Guard(ctx, all)
		}
	case opStats:
		r.Counters = k.Stats()
	case opCapture:
		r.socket, err = s.capture(q.Interface)
	case opTable:
		r.socket, err = s.connections()
	default:
		err = &haechi.Error{Kind: haechi.Invalid, Op: "ask the shield", Msg: fmt.Sprintf("there is no request %q", q.Op),
			Hint: "start gateway and shield from the same version"}
	}
	r.Failure = failureOf(err)
	return r
}

// meter does what is asked of the meters.
func (s *Server) meter(ctx context.Context, q *request, r *response) (err error) {
	switch {
	case s.cfg.Meters == nil:
		return &haechi.Error{Kind: haechi.Unavailable, Op: "meter sources", Msg: "this shield has no meters", Hint: "it needs nftables; haechi status says why it is not used"}
	case q.Op == opKnow:
		return s.cfg.Meters.Know(ctx, q.Prefixes, q.For)
	case q.Op == opHeld:
		r.Counters, err = s.cfg.Meters.Held(ctx)
		return err
	case q.Meters == nil:
		return s.cfg.Meters.SetMeters(ctx, enforce.Meters{})
	}
	return s.cfg.Meters.SetMeters(ctx, *q.Meters)
}

func (s *Server) capture(name string) (*os.File, error) {
	if s.cfg.Capture == nil {
		return nil, &haechi.Error{Kind: haechi.Denied, Op: "capture on " + name, Msg: "this shield opens no packet sockets"}
	}
	return s.cfg.Capture(name)
}

func (s *Server) connections() (*os.File, error) {
	if s.cfg.Connections == nil {
		return nil, &haechi.Error{Kind: haechi.Denied, Op: "read the connection table", Msg: "this shield opens no socket for it"}
	}
	return s.cfg.Connections()
}
