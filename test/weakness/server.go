package weakness

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Config describes a server. The zero value of a time is its default.
type Config struct {
	DB *sql.DB // nil: it found no database when it started
	// Key and Salt are the two secrets of the whole fleet, or of the one bot.
	Key, Salt string
	// Kkobot makes it the other server: one wrong signature blocks the bot's devices.
	Kkobot bool
	// Ping is the time between pings (30 s), Handshake how long a client may take to
	// say who it is (10 s).
	Ping, Handshake time.Duration
	Log             *slog.Logger // nil: silent
}

// maxLine bounds a line from a client, in bytes with its end.
const maxLine = 1 << 20

// Server is the weak bot server. Like the one that it stands for it has one loop:
// connections read beside each other, and everything that is done is done in turn.
type Server struct {
	cfg   Config
	turns chan func()

	// What the loop alone touches.
	clients  map[identity]*client
	approved map[identity]bool // as asked at the handshake; nobody there reads as approved
	done     []Command
	greeted  int
	open     int // connections that shook hands and have not ended
}

// identity is what the server knows a client by.
type identity struct{ bot, device string }

// Command is a chat command that the server obeyed.
type Command struct{ Bot, Device, Text string }

// New returns a server that is not serving yet.
func New(cfg Config) *Server {
	if cfg.Ping == 0 {
		cfg.Ping = 30 * time.Second
	}
	if cfg.Handshake == 0 {
		cfg.Handshake = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, turns: make(chan func()), clients: map[identity]*client{}, approved: map[identity]bool{}}
}

// Serve serves until ctx ends; it closes the listener. An error means that the
// listener is not on loopback or failed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("serve at %s: this server listens on loopback only", l.Addr())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.loop(ctx) })
	for {
		conn, err := l.Accept()
		if err != nil {
			stop()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		wg.Go(func() { s.converse(ctx, conn) })
	}
}

// loop takes the turns.
func (s *Server) loop(ctx context.Context) {
	for {
		select {
		case turn := <-s.turns:
			turn()
		case <-ctx.Done():
			return
		}
	}
}

// turn does something in the loop and waits for it; false means that it is over.
func (s *Server) turn(ctx context.Context, do func()) bool {
	done := make(chan struct{})
	select {
	case s.turns <- func() { defer close(done); do() }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
}

// converse reads one connection until it ends.
func (s *Server) converse(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := &client{conn: conn, v3: true}
	in := bufio.NewReaderSize(conn, 16<<10)
	if conn.SetReadDeadline(time.Now().Add(s.cfg.Handshake)) != nil {
		return
	}
	line, err := readLine(in)
	greeted := false
	if err != nil || !s.turn(ctx, func() { greeted = s.greet(ctx, c, line) }) || !greeted {
		return // without a word
	}
	defer s.turn(ctx, func() { s.leave(c) })
	if conn.SetReadDeadline(time.Time{}) != nil {
		return
	}
	stop := make(chan struct{})
	defer close(stop)
	go c.ping(s.cfg.Ping, stop)
	for {
		line, err := readLine(in)
		if err != nil || !s.turn(ctx, func() { s.handle(ctx, c, line) }) {
			return
		}
	}
}

// readLine reads up to a line end, which is not returned.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, io.ErrShortBuffer
		}
		line = append(line, part...)
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// greet takes the handshake. The client takes the place of whoever was there under
// its name (finding 3).
func (s *Server) greet(ctx context.Context, c *client, line []byte) bool {
	h, ok := parseHandshake(line)
	if !ok {
		return false
	}
	c.id, c.v3 = identity{h.bot, h.device}, h.v3
	approved := s.approve(ctx, h)
	if old := s.clients[c.id]; old != nil {
		old.conn.Close()
	}
	s.clients[c.id], s.approved[c.id] = c, approved
	s.greeted++
	s.open++
	return c.send("handshakeComplete", map[string]any{"success": true, "approved": approved, "message": "welcome",
		"server_version": "1.0.0", "timestamp": iso(time.Now()), "timezone": "Asia/Seoul", "message_positions": []int{0, 0}}, "") == nil
}

// leave cleans up after a connection, by name: whoever took its place is taken out
// with it (finding 4).
func (s *Server) leave(c *client) {
	s.open--
	delete(s.clients, c.id)
	delete(s.approved, c.id)
}
