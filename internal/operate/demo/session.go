package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxReply bounds a line from the server: images are sent as base64.
	maxReply  = 32 << 20
	writeTime = 10 * time.Second
)

// Session is one connection of a phone, to be scripted step by step. Reads
// belong to one goroutine; Send may be called from any.
type Session struct {
	phone  *Phone
	conn   net.Conn
	in     *bufio.Reader
	ip     string
	unhook func() bool
	write  sync.Mutex
}

// Connect dials the servers of the phone's list in order and returns the first
// connection. It closes when ctx ends.
func (p *Phone) Connect(ctx context.Context) (*Session, error) {
	var last error
	for _, address := range p.cfg.Servers {
		c, err := p.cfg.Dial(ctx, address)
		if err != nil {
			last = err
			continue
		}
		p.counts.connects.Add(1)
		s := &Session{phone: p, conn: c, in: bufio.NewReaderSize(c, 16<<10), ip: localIP(c)}
		s.unhook = context.AfterFunc(ctx, func() { c.Close() })
		return s, nil
	}
	return nil, fmt.Errorf("connect as %s: %w", p.cfg.Key(), last)
}

// localIP is the phone's own view of its address, which it signs.
func localIP(c net.Conn) string {
	if a, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil {
		return a.Addr().String()
	}
	return "unknown"
}

// Close closes the connection. It may be called more than once.
func (s *Session) Close() {
	s.unhook()
	s.conn.Close()
}

// Handshake says who the phone is. It is not signed in this protocol.
func (s *Session) Handshake() error {
	return s.Send(s.phone.cfg.handshake(s.ip, s.phone.cfg.Now()))
}

// Message is a signed chat message, to be sent with Send.
func (s *Session) Message(room, text string) []byte { return s.Spoiled(NoFault, room, text) }

// Spoiled is a chat message with a fault in it.
func (s *Session) Spoiled(f Fault, room, text string) []byte {
	return s.phone.cfg.spoiled(f, s.ip, room, text, s.phone.now())
}

// Say sends a signed chat message.
func (s *Session) Say(room, text string) error {
	err := s.Send(s.Message(room, text))
	if err == nil {
		s.phone.counts.sent.Add(1)
	}
	return err
}

// Send writes bytes as they are.
func (s *Session) Send(frame []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(frame)
	return err
}

// Pong answers a ping with a signed frame.
func (s *Session) Pong(ping Frame) error {
	now := s.phone.now()
	return s.Send(s.answer(ping, s.phone.cfg.auth(s.ip, now), now))
}

// answer is the answer to a ping with a given auth.
func (s *Session) answer(ping Frame, a *auth, now time.Time) []byte {
	var data struct {
		Stamp json.RawMessage `json:"server_timestamp"`
	}
	if json.Unmarshal(ping.Data, &data) != nil {
		data.Stamp = nil
	}
	return s.phone.cfg.pong(a, data.Stamp, now)
}

// Next reads one frame and counts it.
func (s *Session) Next() (Frame, error) {
	line, err := readLine(s.in, maxReply)
	if err != nil {
		return Frame{}, err
	}
	f, err := parseFrame(line)
	if err == nil {
		s.phone.note(f)
	}
	return f, err
}

// Until reads until the event comes, answering pings on the way.
func (s *Session) Until(event string) (Frame, error) {
	for {
		f, err := s.Next()
		if err != nil || f.Event == event {
			return f, err
		}
		if f.Event == "ping" {
			if err := s.Pong(f); err != nil {
				return f, err
			}
		}
	}
}

// Open shakes hands and answers pings until the server has completed the
// handshake.
func (s *Session) Open() error {
	if err := s.Handshake(); err != nil {
		return err
	}
	f, err := s.Until("handshakeComplete")
	if err != nil {
		return err
	}
	var data struct {
		Success bool `json:"success"`
	}
	if err := json.Unmarshal(f.Data, &data); err != nil || !data.Success {
		return fmt.Errorf("the server refuses %s: %w", s.phone.cfg.Key(), errRefused)
	}
	return nil
}
