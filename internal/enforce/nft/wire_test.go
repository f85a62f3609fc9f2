package nft_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"haechi/internal/brick/netnstest"
)

// wire is a namespace of strangers joined to one that the enforcer guards.
type wire struct {
	strangers, guarded *netnstest.NS
	in                 net.PacketConn // where the packets should come to
	to4, to6           netip.Addr
	seq                uint64
}

// The strangers' own addresses are never denied: what comes from them last shows that
// all that was sent before has come or was dropped.
const port = 9000

func newWire(t testing.TB) *wire {
	t.Helper()
	w := &wire{strangers: netnstest.New(t), guarded: netnstest.New(t), to4: netip.MustParseAddr("10.77.0.1"), to6: netip.MustParseAddr("fd77::1")}
	netnstest.Link(t, netnstest.End{NS: w.strangers, Name: "out0", Addrs: []string{"10.77.0.2/24", "fd77::2/64"}},
		netnstest.End{NS: w.guarded, Name: "in0", Addrs: []string{"10.77.0.1/24", "fd77::1/64"}})
	w.serve(t, w.guarded)
	return w
}

// serve takes the packets in the namespace.
func (w *wire) serve(t testing.TB, in *netnstest.NS) {
	t.Helper()
	err := in.Do(func() (err error) {
		w.in, err = net.ListenPacket("udp", fmt.Sprintf("[::]:%d", port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := w.in
	t.Cleanup(func() { _ = s.Close() })
}

// arrives reports whether a packet from the source gets through.
func (w *wire) arrives(t testing.TB, from netip.Addr) bool {
	t.Helper()
	w.seq += 2
	own, to := netip.MustParseAddr("10.77.0.2"), w.to4
	if from.Is6() {
		own, to = netip.MustParseAddr("fd77::2"), w.to6
	}
	err := w.strangers.Do(func() error {
		back, err := netnstest.OneProcessor()
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
		switch w.next(t, 5*time.Second) {
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
func (w *wire) next(t testing.TB, within time.Duration) uint64 {
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
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: netnstest.AnySource}
	c, err := d.Dial("udp", netip.AddrPortFrom(to, port).String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprint(c, seq)
	return err
}
