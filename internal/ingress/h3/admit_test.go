package h3_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"haechi"
	"haechi/internal/ingress/h3"
)

func refusedByServer(err error) bool {
	var e *quic.TransportError
	return errors.As(err, &e) && e.Remote && e.ErrorCode == quic.ConnectionRefused
}

func TestAClientIsKnownByItsAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ listen, from string }{{"127.0.0.1:0", "127.0.0.7"}, {"[::1]:0", "::1"}, {"[::]:0", "127.0.0.7"}, {"[::]:0", "::1"}} {
		t.Run(tt.listen+" from "+tt.from, func(t *testing.T) {
			t.Parallel()
			knows(t, tt.listen, tt.from)
		})
	}
}

func knows(t *testing.T, listen, from string) {
	r := start(t, h3.Config{Addr: listen}, hello)
	c := r.connect(from)
	in := wait(t, r.conns)
	if in.Actor.Addr.String() != from || in.Actor.Assurance != haechi.Handshaken || in.Actor.Fingerprint != "a fingerprint" || !in.TLS ||
		int(in.Port) != c.socket.LocalAddr().(*net.UDPAddr).Port || int(in.LocalPort) != r.ln.Addr().(*net.UDPAddr).Port {
		t.Errorf("admitted %+v", in)
	}
	if a := wait(t, r.hellos); a != haechi.Seen {
		t.Errorf("at the hello the client counted as %v", a)
	}
	if status, text := c.get("/"); status != 200 || text != "hello" {
		t.Errorf("%d %q", status, text)
	}
	_ = c.http.CloseWithError(0x100, "")
	wait(t, r.ended)
	if asked, released := r.door.state(); asked != 1 || released != 1 {
		t.Errorf("asked about %d, released %d", asked, released)
	}
}

// TestADeniedClientCostsNoHandshake: it has to answer a Retry, and then is refused.
func TestADeniedClientCostsNoHandshake(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	r.door.set(func() { r.door.doubts, r.door.denies = true, true })
	if _, err := r.dial("127.0.0.7"); !refusedByServer(err) {
		t.Errorf("dial: %v", err)
	}
	asked, released := r.door.state()
	if asked != 1 || released != 0 || len(r.hellos) != 0 || r.counter("quic_retries") == 0 || r.counter("quic_handshakes_now") != 0 {
		t.Errorf("asked %d, released %d, %d hellos, %d retries", asked, released, len(r.hellos), r.counter("quic_retries"))
	}
}

// TestAClientThatIsDeniedMeanwhile completes a handshake and gets nothing.
func TestAClientThatIsDeniedMeanwhile(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	r.door.set(func() { r.door.denies = true })
	c, err := r.dial("127.0.0.7")
	if err == nil { // else it heard of the end before that of the handshake
		err = c.over()
	}
	if !closedBy(err, 0x107) {
		t.Errorf("ended by %v", err)
	}
	if asked, _ := r.door.state(); asked != 1 || len(r.conns) != 0 {
		t.Errorf("asked %d times, %d connections", asked, len(r.conns))
	}
}

func TestARetryProvesAnAddress(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{RetryFrom: -1}, hello)
	c := r.connect("127.0.0.7")
	if a := wait(t, r.hellos); a != haechi.Handshaken {
		t.Errorf("at the hello the client counted as %v", a)
	}
	if status, _ := c.get("/"); status != 200 || r.counter("quic_retries") == 0 {
		t.Errorf("%d, %d retries", status, r.counter("quic_retries"))
	}
}

// deaf is a socket of somebody who does not get the answers, as one with a forged
// address.
type deaf struct {
	net.PacketConn
	sent *atomic.Int64
	done chan struct{}
}

func (d deaf) ReadFrom([]byte) (int, net.Addr, error) {
	<-d.done
	return 0, nil, net.ErrClosed
}

func (d deaf) WriteTo(p []byte, a net.Addr) (int, error) {
	d.sent.Add(1)
	return d.PacketConn.WriteTo(p, a)
}

func (d deaf) SetReadDeadline(time.Time) error { return nil }

// TestForgedAddresses: whoever does not answer is counted by nobody, holds a bounded
// number of handshakes, and keeps nobody else out.
func TestForgedAddresses(t *testing.T) {
	t.Parallel()
	const most = 4
	r := start(t, h3.Config{RetryFrom: most}, hello)
	ctx, cancel := context.WithCancel(context.Background())
	to := r.ln.Addr()
	dials := make(chan error)
	const forged = 20
	var sent atomic.Int64
	var ends []chan struct{}
	var transports []*quic.Transport
	for range forged {
		d := deaf{socket(t, "127.0.0.9"), &sent, make(chan struct{})}
		tr := &quic.Transport{Conn: d}
		ends, transports = append(ends, d.done), append(transports, tr)
		go func() {
			_, err := tr.Dial(ctx, to, clientTLS(), nil)
			dials <- err
		}()
	}
	until(t, func() bool { return sent.Load() >= forged && r.counter("quic_retries") >= forged-most })
	if n := r.counter("quic_handshakes_now"); n > most {
		t.Errorf("%d handshakes are under way", n)
	}
	if status, _ := r.connect("127.0.0.7").get("/"); status != 200 {
		t.Errorf("an honest client got %d", status)
	}
	if asked, _ := r.door.state(); asked != 1 {
		t.Errorf("%d clients were asked about", asked)
	}
	cancel()
	for i := range forged {
		<-dials
		close(ends[i])
	}
	for _, tr := range transports {
		_ = tr.Close()
		_ = tr.Conn.Close()
	}
}

// until waits for what cannot be waited for otherwise.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
		<-tick.C
	}
}

func TestHandshakesAreBounded(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{RetryFrom: -1, MaxHandshakes: 1}, hello)
	// One that proves its address, and then stops.
	held := socket(t, "127.0.0.9")
	silent := &mute{UDPConn: held}
	hush := func() { silent.on.Store(true) }
	r.onHello.Store(&hush)
	tr := &quic.Transport{Conn: silent}
	ctx, cancel := context.WithCancel(context.Background())
	dialled := make(chan error, 1)
	go func() {
		_, err := tr.Dial(ctx, r.ln.Addr(), clientTLS(), nil)
		dialled <- err
	}()
	until(t, func() bool { return r.counter("quic_handshakes_now") == 1 })
	if _, err := r.dial("127.0.0.7"); !refusedByServer(err) || r.counter("quic_refused_busy") != 1 {
		t.Errorf("dial: %v, %d refused", err, r.counter("quic_refused_busy"))
	}
	r.door.set(func() { r.door.allowed = true })
	if status, _ := r.connect("127.0.0.8").get("/"); status != 200 {
		t.Errorf("an allowed client got %d", status)
	}
	cancel()
	<-dialled
	_ = tr.Close()
	_ = held.Close()
}

// mute loses what is sent once it is on.
type mute struct {
	*net.UDPConn
	on atomic.Bool
}

func (m *mute) WriteMsgUDP(p, oob []byte, a *net.UDPAddr) (int, int, error) {
	if m.on.Load() {
		return len(p), len(oob), nil
	}
	return m.UDPConn.WriteMsgUDP(p, oob, a)
}
