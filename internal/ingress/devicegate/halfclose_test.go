package devicegate_test

import (
	"io"
	"net"
	"testing"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

// TestDeviceHalfCloses: the servers behind take a half-closed connection for a closed
// one, and so does the gate: all that was said before reaches the server, then both ends
// are over, and nothing of it is left that could keep the device's next session out or
// end it.
func TestDeviceHalfCloses(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	for range 3 {
		c := r.dial().prove()
		<-r.up.lines // the handshake
		last := c.message("r", "QQ==")
		c.say(last)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if l := <-r.up.lines; l != last {
			t.Errorf("the server heard %q", l)
		}
		if _, err := io.ReadAll(c.r); err != nil {
			t.Logf("it ended with %v", err) // a reset tells the same
		}
	}
	for _, e := range r.w.await(haechi.KindClose, 3) {
		if e.Reason != haechi.ReasonPeerClosed || e.Provoked {
			t.Errorf("closed with %+v", e)
		}
	}
}

// TestLoserHalfCloses: a session that lost its place and then half-closes takes nothing
// of the one that won it (finding 4 of the public server: its clean-up removes the new
// one, which then reads as approved).
func TestLoserHalfCloses(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	old := r.dial().prove()
	fresh := r.dial().prove()
	_ = old.Conn.(*net.TCPConn).CloseWrite() // it may be closed already
	old.closed()
	r.w.await(haechi.KindClose, 1)
	fresh.say(fresh.message("r", "QQ==")).hear("echo")
	r.w.set(device, haechi.Blocked)
	fresh.say(fresh.message("r", "QQ==")).hear(`"error"`)
}

// TestServerHalfCloses: what a server said before it half-closed reaches the device, then
// the session is over, and that the device comes back is not held against it.
func TestServerHalfCloses(t *testing.T) {
	r := newRig(t, devicegate.Config{})
	c := r.dial().prove()
	r.up.mu.Lock()
	up := r.up.live[0].(*net.TCPConn)
	_, _ = io.WriteString(up, "the last line\n")
	err := up.CloseWrite()
	r.up.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	c.hear("the last line")
	c.closed()
	if e := r.w.await(haechi.KindClose, 1)[0]; e.Reason != haechi.ReasonUpstreamClosed || !e.Provoked {
		t.Errorf("closed with %+v", e)
	}
	again := r.dial().prove()
	again.say(again.message("r", "QQ==")).hear("echo")
}
