package bridge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The times and bounds of the script.
const (
	firstDelay   = 2 * time.Second
	longestDelay = time.Minute
	dialTimeout  = 5 * time.Second
	keepFor      = 30 * time.Second
	keepAtMost   = 2000
	drainAtMost  = 10
	maxLine      = 32 << 20
)

// Config describes a phone.
type Config struct {
	Identity
	// Servers is the script's SERVER_LIST: host:port on loopback, tried in order.
	Servers []string
	Source  netip.Addr // the address that it dials from
	// Scale divides the phone's delays and the life of what it queued; 0 means 1.
	Scale int
	// Wrap is put around each connection, nil for nothing: tests break it there.
	Wrap func(net.Conn) net.Conn
}

// Phone is one client. It is safe for concurrent use.
type Phone struct {
	cfg Config

	mu     sync.Mutex
	conn   net.Conn // nil: marked as disconnected
	queue  []queued
	failed int // attempts since TCP connected last
	delays []time.Duration
	counts Counts
	heard  chan Heard
}

type queued struct {
	frame []byte
	at    time.Time
}

// Counts is what a phone did and saw.
type Counts struct {
	Dials    int // attempts at one server
	Connects int // TCP connections
	Opened   int // handshakes that the server completed
	Sent     int // frames written, handshakes and answers included
	Queued   int // frames queued
	Resent   int // of these, ones whose write failed
	Expired  int // of these, ones that grew too old
	Pings    int
	Pongs    int
	Replies  int // chat messages received
	Errors   int // error frames received
}

// New returns a phone that does nothing until Run.
func New(cfg Config) (*Phone, error) {
	if cfg.Scale == 0 {
		cfg.Scale = 1
	}
	for _, s := range cfg.Servers {
		if a, err := netip.ParseAddrPort(s); err != nil || !a.Addr().IsLoopback() {
			return nil, fmt.Errorf("server %q: a test phone dials loopback only", s)
		}
	}
	return &Phone{cfg: cfg, heard: make(chan Heard, 4096)}, nil
}

// Identity is who the phone is.
func (p *Phone) Identity() Identity { return p.cfg.Identity }

// Counts is what it did and saw so far.
func (p *Phone) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Delays are the waits between its attempts so far, as the script has them: not
// scaled.
func (p *Phone) Delays() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Duration(nil), p.delays...)
}

// Heard are the frames that it received, pings left out. Frames beyond 4,096 that
// nobody read are not kept.
func (p *Phone) Heard() <-chan Heard { return p.heard }

// Run connects, and reconnects for ever, until ctx ends.
func (p *Phone) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if c := p.connect(ctx); c != nil {
			p.live(ctx, c)
		}
		if !pause(ctx, p.delay()) {
			return
		}
	}
}

// delay counts a failure and says how long to wait now.
func (p *Phone) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed++
	d := min(firstDelay<<min(p.failed, 6), longestDelay)
	p.delays = append(p.delays, d)
	return d / time.Duration(p.cfg.Scale)
}

// connect walks the list once.
func (p *Phone) connect(ctx context.Context) net.Conn {
	d := net.Dialer{Timeout: dialTimeout, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.cfg.Source, 0))}
	for _, server := range p.cfg.Servers {
		p.count(func(c *Counts) { c.Dials++ })
		c, err := d.DialContext(ctx, "tcp", server)
		if err != nil {
			continue
		}
		if p.cfg.Wrap != nil {
			c = p.cfg.Wrap(c)
		}
		return c
	}
	return nil
}

// live does what the script does once TCP connects: it forgets its failures, queues
// the handshake behind what is queued, and sends the first ten.
func (p *Phone) live(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer p.lost(c)
	p.mu.Lock()
	p.failed = 0
	p.counts.Connects++
	p.push(p.cfg.Handshake())
	p.conn = c
	p.drain()
	p.mu.Unlock()
	in := bufio.NewReaderSize(c, 16<<10)
	for {
		line, err := readLine(in)
		if err != nil || !p.take(line) {
			return
		}
	}
}

// lost marks the phone as disconnected.
func (p *Phone) lost(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == c {
		p.conn = nil
	}
}

// push queues a frame; the oldest gives way. The caller holds the lock.
func (p *Phone) push(frame []byte) {
	if len(p.queue) >= keepAtMost {
		p.queue = p.queue[1:]
	}
	p.queue = append(p.queue, queued{frame, time.Now()})
	p.counts.Queued++
}

// drain sends the first ten of the queue. The caller holds the lock.
func (p *Phone) drain() {
	var fresh []queued
	for _, q := range p.queue {
		if time.Since(q.at) > keepFor/time.Duration(p.cfg.Scale) {
			p.counts.Expired++
			continue
		}
		fresh = append(fresh, q)
	}
	p.queue = fresh
	for range min(drainAtMost, len(p.queue)) {
		q := p.queue[0]
		p.queue = p.queue[1:]
		p.write(q.frame)
	}
}

// write writes a frame, or queues it. The caller holds the lock.
func (p *Phone) write(frame []byte) {
	if p.conn == nil {
		p.push(frame)
		return
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)) // a closed connection fails at the write
	if _, err := p.conn.Write(frame); err != nil {
		p.counts.Resent++
		p.push(frame)
		p.conn.Close() // its reader finds out, and reconnects
		p.conn = nil
		return
	}
	p.counts.Sent++
}

// Send sends a frame as it is, or queues it.
func (p *Phone) Send(frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(frame)
}

// Say sends a chat message that is signed now.
func (p *Phone) Say(text string) {
	p.Send(p.cfg.Message(text, p.cfg.Auth(time.Now().UnixMilli())))
}

// take does what the script does with a received line; false ends the connection.
func (p *Phone) take(line []byte) bool {
	h, err := Hear(line)
	if err != nil {
		return true // the script logs it
	}
	switch h.Event {
	case "ping":
		p.count(func(c *Counts) { c.Pings++; c.Pongs++ })
		p.Send(p.cfg.Pong(h.Data.Stamp, p.cfg.Auth(time.Now().UnixMilli())))
		return true
	case "handshakeComplete":
		if !h.Data.Success {
			return false
		}
		p.count(func(c *Counts) { c.Opened++ })
	case "messageResponse", "scheduleMessage":
		p.count(func(c *Counts) { c.Replies++ })
	case "error":
		p.count(func(c *Counts) { c.Errors++ })
	}
	select {
	case p.heard <- h:
	default: // nobody reads
	}
	return true
}

func (p *Phone) count(add func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.counts)
}

var errLineTooLong = errors.New("line too long")

// readLine reads up to a line end, which is not returned.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, errLineTooLong
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

// pause waits, and reports false when the context ended first.
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
