package shield_test

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haechi/internal/brick/netnstest"
	"haechi/test/gateway"
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
	if err := roomy(in.(*net.UDPConn)); err != nil {
		t.Fatal(err)
	}
	return in
}

// roomy has the socket keep what comes while nobody has the time to read it: else it were
// taken for dropped.
func roomy(in *net.UDPConn) error {
	raw, err := in.SyscallConn()
	if err != nil {
		return err
	}
	outer := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
	return errors.Join(outer, err)
}

// stream sends packets from the source until it is closed.
func (l *land) stream(from netip.Addr, in net.PacketConn, pause time.Duration) *netnstest.Stream {
	to := netip.MustParseAddr("10.77.0.1")
	if from.Is6() {
		to = netip.MustParseAddr("fd77::1")
	}
	return l.strangers.NewStream(from, netip.AddrPortFrom(to, port), in, pause)
}

// arrives reports whether one packet gets through. What comes last is from the default
// gateway, which nobody may deny: with it, all that was sent before has come or was dropped.
func (l *land) arrives(t testing.TB, in net.PacketConn, from netip.Addr) (through bool) {
	t.Helper()
	own, to := netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.1")
	if from.Is6() {
		own, to = netip.MustParseAddr("fd77::2"), netip.MustParseAddr("fd77::1")
	}
	err := l.strangers.Do(func() error {
		back, err := netnstest.OneProcessor()
		defer back()
		return errors.Join(err, send(from, to, "here"), send(own, to, "last"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.SetReadDeadline(time.Now().Add(gateway.Patient(2 * time.Second))); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 8); ; {
		n, _, err := in.ReadFrom(b)
		if err != nil {
			t.Fatalf("nothing comes from the default gateway: %v", err)
		}
		switch string(b[:n]) {
		case "here":
			through = true
		case "last":
			return through
		}
	}
}

func send(from, to netip.Addr, text string) error {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: netnstest.AnySource}
	c, err := d.Dial("udp", netip.AddrPortFrom(to, port).String())
	if err != nil {
		return err
	}
	_, err = c.Write([]byte(text))
	return errors.Join(err, c.Close())
}

func command(name string, args ...string) error { return exec.Command(name, args...).Run() }
