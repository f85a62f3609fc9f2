package netnstest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// Stream is a stream of numbered packets from one source, and which of them came.
type Stream struct {
	mu   sync.Mutex
	sent []time.Time // by number
	came []bool
	stop chan struct{}
	done chan error
}

// NewStream sends a packet every pause, as from the source, to the address at which the
// socket takes packets, until it is closed. Only one stream at a time may use the socket.
func (n *NS) NewStream(from netip.Addr, to netip.AddrPort, in net.PacketConn, pause time.Duration) *Stream {
	s := &Stream{stop: make(chan struct{}), done: make(chan error, 2)}
	go func() { s.done <- n.Do(func() error { return s.send(from, to, pause) }) }()
	go func() { s.done <- s.receive(in) }()
	return s
}

func (s *Stream) send(from netip.Addr, to netip.AddrPort, pause time.Duration) error {
	back, err := OneProcessor()
	defer back()
	if err != nil {
		return err
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: AnySource}
	c, err := d.Dial("udp", to.String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for {
		select {
		case <-s.stop:
			return nil
		case <-time.After(pause):
		}
		s.mu.Lock()
		n := len(s.sent)
		s.sent, s.came = append(s.sent, time.Now()), append(s.came, false)
		s.mu.Unlock()
		if _, err := c.Write(binary.BigEndian.AppendUint64(nil, uint64(n))); err != nil {
			return err
		}
	}
}

func (s *Stream) receive(in net.PacketConn) error {
	b := make([]byte, 64)
	for {
		select {
		case <-s.stop:
			return nil
		default:
		}
		if err := in.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			return err
		}
		n, _, err := in.ReadFrom(b)
		if err != nil || n != 8 {
			continue // nothing came for a while
		}
		i := binary.BigEndian.Uint64(b)
		s.mu.Lock()
		if i < uint64(len(s.came)) {
			s.came[i] = true
		}
		s.mu.Unlock()
	}
}

// Close ends the stream once what was sent has come.
func (s *Stream) Close(t testing.TB) {
	t.Helper()
	<-time.After(30 * time.Millisecond)
	close(s.stop)
	for range 2 {
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}
}

// Count is how many were sent and how many came.
func (s *Stream) Count() (sent, came int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.came {
		if c {
			came++
		}
	}
	return len(s.sent), came
}

// Whole reports whether so many were sent and all of them have come.
func (s *Stream) Whole(first int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came) >= first && !slices.Contains(s.came[:first], false)
}

// Dropped is when the first packet was sent that did not come, of those sent since; ok
// is false while none was dropped.
func (s *Stream) Dropped(since time.Time) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sent {
		if s.sent[i].After(since) && !s.came[i] && time.Since(s.sent[i]) > 25*time.Millisecond {
			return s.sent[i], true
		}
	}
	return at, false
}

// Came is how many of the packets from the given number on came.
func (s *Stream) Came(from int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.came[from:] {
		if c {
			n++
		}
	}
	return n
}
