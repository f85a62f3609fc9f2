package netnstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// Wire is a namespace of strangers joined to one that an enforcer guards, by the
// interfaces out0 and in0.
type Wire struct {
	Strangers, Guarded *NS
	To4, To6           netip.Addr     // where the packets go to
	in                 net.PacketConn // where they should come to
	seq                uint64
}

// The strangers' own addresses are never denied: what comes from them last shows that
// all that was sent before has come or was dropped.
const wirePort = 9000

// NewWire makes a wire, with somebody who takes the packets in the guarded namespace.
func NewWire(t testing.TB) *Wire {
	t.Helper()
	w := &Wire{Strangers: New(t), Guarded: New(t), To4: netip.MustParseAddr("10.77.0.1"), To6: netip.MustParseAddr("fd77::1")}
	Link(t, End{NS: w.Strangers, Name: "out0", Addrs: []string{"10.77.0.2/24", "fd77::2/64"}},
		End{NS: w.Guarded, Name: "in0", Addrs: []string{"10.77.0.1/24", "fd77::1/64"}})
	w.Serve(t, w.Guarded)
	return w
}

// Serve takes the packets in the namespace.
func (w *Wire) Serve(t testing.TB, in *NS) {
	t.Helper()
	err := in.Do(func() (err error) {
		w.in, err = net.ListenPacket("udp", fmt.Sprintf("[::]:%d", wirePort))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := w.in
	t.Cleanup(func() { _ = s.Close() })
}

// Arrives reports whether a packet from the source gets through.
func (w *Wire) Arrives(t testing.TB, from netip.Addr) bool {
	t.Helper()
	w.seq += 2
	own, to := netip.MustParseAddr("10.77.0.2"), w.To4
	if from.Is6() {
		own, to = netip.MustParseAddr("fd77::2"), w.To6
	}
	err := w.Strangers.Do(func() error {
		back, err := OneProcessor()
		defer back()
		if err != nil {
			return err
		}
		if err := send(from, to, w.seq); err != nil {
			return err
		}
		return send(own, to, w.seq+1)
	})
	if err != nil {
		t.Fatal(err)
	}
	through := false
	for {
		switch w.next(t, time.Minute) {
		case w.seq:
			through = true
		case w.seq + 1:
			return through
		case 0:
			t.Fatal("even what nobody denied does not arrive")
		}
	}
}

// next is the number in the next packet; 0 if none comes.
func (w *Wire) next(t testing.TB, within time.Duration) uint64 {
	t.Helper()
	b := make([]byte, 64)
	if err := w.in.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	n, _, err := w.in.ReadFrom(b)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0
		}
		t.Fatal(err)
	}
	var seq uint64
	if _, err := fmt.Sscan(string(b[:n]), &seq); err != nil {
		t.Fatal(err)
	}
	return seq
}

func send(from, to netip.Addr, seq uint64) error {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: AnySource}
	c, err := d.Dial("udp", netip.AddrPortFrom(to, wirePort).String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprint(c, seq)
	return err
}
