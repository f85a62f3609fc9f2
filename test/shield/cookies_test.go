package shield_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haechi/internal/brick/netnstest"
)

// tap makes an interface whose frames the test moves: unlike a virtual Ethernet, one that
// sends what a program on it answers.
func tap(t *testing.T, ns *netnstest.NS, name, addr string) *os.File {
	t.Helper()
	var f *os.File
	err := ns.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), name)
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	ns.Set(t, "net/ipv4/conf/"+name+"/rp_filter", "0")
	ns.Run(t, "ip", "addr", "add", addr, "dev", name)
	ns.Run(t, "ip", "link", "set", name, "up", "txqueuelen", "10000")
	return f
}

// joined moves the frames of both to the other until the test ends.
func joined(t *testing.T, a, b *os.File) {
	var moving sync.WaitGroup
	for _, way := range [][2]*os.File{{a, b}, {b, a}} {
		fd, err := unix.Dup(int(way[0].Fd()))
		if err != nil {
			t.Fatal(err)
		}
		to, err := unix.Dup(int(way[1].Fd()))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{fd, to} {
			if err := unix.SetNonblock(n, true); err != nil {
				t.Fatal(err)
			}
		}
		moving.Go(func() { move(t, fd, to) })
	}
	t.Cleanup(moving.Wait)
}

// move copies frames; one that the other end has no room for is lost, as on a wire.
func move(t *testing.T, from, to int) {
	defer func() { _, _ = unix.Close(from), unix.Close(to) }()
	buf := make([]byte, 2048)
	for t.Context().Err() == nil {
		n, err := unix.Read(from, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(from), Events: unix.POLLIN}}, 100)
		case err != nil && !errors.Is(err, unix.EINTR):
			return
		case n > 0:
			_, _ = unix.Write(to, buf[:n])
		}
	}
}

// TestHonestClientsOfTheGatewayDuringCookies: while 15 times the openings that the driver lets
// through come from sources at random, each honest connection through the whole gateway is
// answered by the server behind, and nobody is decided about.
func TestHonestClientsOfTheGatewayDuringCookies(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: xdp, interfaces: [tap0], pins: PINS, open_rate: 200/s burst 40 }")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.NewReplacer("10.77.0.1:7000", "10.78.0.1:7000", `upstream: "10.77.0.9:7001"`, `upstream: "10.77.0.1:7001", limits: { connections: 1000 }`).Replace(string(text))
	if err := os.WriteFile(r.config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	in, out := tap(t, r.land.guarded, "tap0", "10.78.0.1/24"), tap(t, r.land.strangers, "tap1", "10.78.0.2/24")
	joined(t, in, out)
	r.land.guarded.Set(t, "net/ipv4/tcp_syncookies", "2")
	echo(t, r.land.guarded, "10.77.0.1:7001")
	r.start()
	s := &siege{r}
	s.eventually("the service is open", 20*time.Second, func() bool { return s.through(time.Second) == nil })
	to := netip.MustParseAddrPort("10.78.0.1:7000")
	stop := s.pour(func(f *netnstest.Forge) {
		from := netip.AddrFrom4([4]byte{20, byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256))})
		_ = f.SYN(netip.AddrPortFrom(from, uint16(1024+rand.N(60000))), to, rand.Uint32())
	})
	defer stop()
	s.eventually("the driver answers", 20*time.Second, func() bool { return s.counter("xdp_answered_packets_opening") > 500 })
	var took []time.Duration
	for i := range 100 {
		began := time.Now()
		if err := s.through(10 * time.Second); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
		took = append(took, time.Since(began))
		<-time.After(20 * time.Millisecond)
	}
	answered := s.counter("xdp_answered_packets_opening")
	slices.Sort(took)
	t.Logf("100 connections through the gateway: median %v, p99 %v; %d SYNs were sent, %d answered by the driver", took[50], took[98], stop(), answered)
	if a := s.haechi("decisions", "--all", "--json"); strings.Contains(a.Out, "haechi.scope") {
		t.Errorf("somebody was decided about: %s", a.Out)
	}
}

// through is an honest connection, from its first packet to the answer of the server behind.
func (s *siege) through(within time.Duration) error {
	return s.land.strangers.Do(func() error {
		c, err := net.DialTimeout("tcp", "10.78.0.1:7000", within)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(within))
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	})
}
