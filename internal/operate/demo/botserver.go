package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// BotConfig bounds a bot server. The zero value takes every default.
type BotConfig struct {
	// Ping is how often each client is pinged; 0 means 5 s.
	Ping time.Duration
	// Handshake is how long a client may take to say who it is; 0 means 10 s.
	Handshake time.Duration
	// Line bounds a line from a client in bytes; 0 means 1 MiB.
	Line int
	// MaxConns bounds connections at once; further ones are closed. 0 means 1024.
	MaxConns int
	// OnFrame is told each line as received, the handshake included, without its
	// end. It is called from the connection's goroutine.
	OnFrame func(device string, line []byte)
	Now     func() time.Time // nil means time.Now
	Log     *slog.Logger     // nil: silent
}

// BotCounts is what a bot server received and did since start.
type BotCounts struct {
	Connections uint64 // accepted, also those that said nothing
	Live        uint64 // connected now, after the handshake
	Handshakes  uint64 // completed
	Bytes       uint64 // received
	Frames      uint64 // lines received, handshakes included
	Messages    uint64 // chat messages
	Pongs       uint64 // answers to pings
	Replies     uint64 // messages sent
	Refused     uint64 // connections ended for what they sent
	Overflow    uint64 // connections beyond MaxConns
}

// BotServer is a bot server of the real protocol, and like the real one it
// believes everything it is told: it checks no signature and no approval. It must
// stand behind a gateway, and listens on loopback only.
type BotServer struct {
	cfg    BotConfig
	counts botCounts

	mu   sync.Mutex
	live map[string]*botConn
}

type botCounts struct {
	connections, handshakes, bytes, frames, messages, pongs, replies, refused, overflow atomic.Uint64
}

// NewBotServer returns a bot server that is not serving yet.
func NewBotServer(cfg BotConfig) *BotServer {
	cfg.Ping, cfg.Handshake = orTime(cfg.Ping, 5*time.Second), orTime(cfg.Handshake, 10*time.Second)
	cfg.Line, cfg.MaxConns = orCount(cfg.Line, 1<<20), orCount(cfg.MaxConns, 1024)
	if cfg.OnFrame == nil {
		cfg.OnFrame = func(string, []byte) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &BotServer{cfg: cfg, live: make(map[string]*botConn)}
}

// Counts is what the server received and did so far.
func (b *BotServer) Counts() BotCounts {
	b.mu.Lock()
	live := len(b.live)
	b.mu.Unlock()
	c := &b.counts
	return BotCounts{Connections: c.connections.Load(), Live: uint64(live), Handshakes: c.handshakes.Load(),
		Bytes: c.bytes.Load(), Frames: c.frames.Load(), Messages: c.messages.Load(), Pongs: c.pongs.Load(),
		Replies: c.replies.Load(), Refused: c.refused.Load(), Overflow: c.overflow.Load()}
}

// Serve accepts connections until ctx ends, then closes them all and waits for
// them. It returns nil after ctx, an error if the listener is not on loopback or
// fails. It closes the listener.
func (b *BotServer) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		return &haechi.Error{Kind: haechi.Denied, Op: "serve the demo bot server", Msg: "it listens on loopback only"}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() { defer close(closed); l.Close() })
	defer func() {
		if !unhook() {
			<-closed // Accept is over before the address is free
		}
	}()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, b.cfg.MaxConns)
	for {
		c, err := l.Accept()
		if err != nil {
			stop()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept at the demo bot server: %w", err)
		}
		b.counts.connections.Add(1)
		select {
		case slots <- struct{}{}:
		default:
			b.counts.overflow.Add(1)
			c.Close()
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			b.ServeConn(ctx, c)
		})
	}
}

// take makes a connection the one of its device and ends the one before: the
// rule of the real server.
func (b *BotServer) take(c *botConn) {
	b.mu.Lock()
	old := b.live[c.device]
	b.live[c.device] = c
	b.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

func (b *BotServer) leave(c *botConn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live[c.device] == c {
		delete(b.live, c.device)
	}
}
