package shield_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"haechi/internal/brick/netnstest"
)

// land is a namespace of strangers joined to the one that is guarded.
type land struct{ strangers, guarded *netnstest.NS }

func newLand(t testing.TB) *land {
	t.Helper()
	l := &land{netnstest.New(t), netnstest.New(t)}
	netnstest.Link(t, netnstest.End{NS: l.strangers, Name: "out0", Addrs: []string{"10.77.0.2/24", "fd77::2/64"}},
		netnstest.End{NS: l.guarded, Name: "in0", Addrs: []string{"10.77.0.1/24", "fd77::1/64"}})
	l.guarded.Run(t, "ip", "route", "add", "default", "via", "10.77.0.2")
	return l
}

const port = 9000

// listen takes packets in the guarded namespace.
func (l *land) listen(t testing.TB) net.PacketConn {
	t.Helper()
	var in net.PacketConn
	err := l.guarded.Do(func() (err error) {
		in, err = net.ListenPacket("udp", "[::]:9000")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

// stream is a stream of numbered packets from one source, and which of them came.
type stream struct {
	mu   sync.Mutex
	sent []time.Time // by number
	came []bool
	stop chan struct{}
	done chan error
}

// stream sends a packet every pause until it is closed. Only one stream at a time may
// use the socket.
func (l *land) stream(from netip.Addr, in net.PacketConn, pause time.Duration) *stream {
	s := &stream{stop: make(chan struct{}), done: make(chan error, 2)}
	to := netip.MustParseAddr("10.77.0.1")
	if from.Is6() {
		to = netip.MustParseAddr("fd77::1")
	}
	go func() { s.done <- l.strangers.Do(func() error { return s.send(from, to, pause) }) }()
	go func() { s.done <- s.receive(in) }()
	return s
}

func (s *stream) send(from, to netip.Addr, pause time.Duration) error {
	back, err := netnstest.OneProcessor()
	defer back()
	if err != nil {
		return err
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: netnstest.AnySource}
	c, err := d.Dial("udp", netip.AddrPortFrom(to, port).String())
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

func (s *stream) receive(in net.PacketConn) error {
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

// close ends the stream once what was sent has come.
func (s *stream) close(t testing.TB) {
	t.Helper()
	<-time.After(30 * time.Millisecond)
	close(s.stop)
	for range 2 {
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}
}

// count is how many were sent and how many came.
func (s *stream) count() (sent, came int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.came {
		if c {
			came++
		}
	}
	return len(s.sent), came
}

// dropped is when the first packet was sent that did not come, of those sent since; ok
// is false while none was dropped.
func (s *stream) dropped(since time.Time) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sent {
		if s.sent[i].After(since) && !s.came[i] && time.Since(s.sent[i]) > 25*time.Millisecond {
			return s.sent[i], true
		}
	}
	return at, false
}

// arrives reports whether one packet gets through. What cannot be dropped comes within
// the time; what is dropped costs all of it.
func (l *land) arrives(t testing.TB, in net.PacketConn, from netip.Addr) bool {
	t.Helper()
	to := netip.MustParseAddr("10.77.0.1")
	if from.Is6() {
		to = netip.MustParseAddr("fd77::1")
	}
	err := l.strangers.Do(func() error {
		d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: netnstest.AnySource}
		c, err := d.Dial("udp", netip.AddrPortFrom(to, port).String())
		if err != nil {
			return err
		}
		_, err = c.Write([]byte("here"))
		return errors.Join(err, c.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _, err = in.ReadFrom(make([]byte, 8))
	return err == nil
}

func command(name string, args ...string) error { return exec.Command(name, args...).Run() }
