package shield_test

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
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

// stream sends packets from the source until it is closed.
func (l *land) stream(from netip.Addr, in net.PacketConn, pause time.Duration) *netnstest.Stream {
	to := netip.MustParseAddr("10.77.0.1")
	if from.Is6() {
		to = netip.MustParseAddr("fd77::1")
	}
	return l.strangers.NewStream(from, netip.AddrPortFrom(to, port), in, pause)
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
