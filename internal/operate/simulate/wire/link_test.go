package wire_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/operate/simulate/wire"
)

// hears is a packet socket on an interface of a namespace.
func hears(t *testing.T, n *netnstest.NS, name string) int {
	t.Helper()
	fd := -1
	err := n.Do(func() error {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
			return err
		}
		const all = 0x0300 // ETH_P_ALL in the order of the network
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func open(t *testing.T, n *netnstest.NS, name string) (l *wire.Link, err error) {
	t.Helper()
	err = n.Do(func() (err error) {
		l, err = wire.Open(name)
		return err
	})
	return l, err
}

// TestFramesArriveAndNothingElse: the near end hears what is sent, in order and whole, up
// to the largest frame, and no word of the kernel's own; it has no address.
func TestFramesArriveAndNothingElse(t *testing.T) {
	n := netnstest.New(t)
	l, err := open(t, n, "sim0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	fd := hears(t, n, "sim0")
	var sent [][]byte
	for i, size := range []int{60, 1514, 43_854, 65_549} {
		f := bytes.Repeat([]byte{byte(i + 1)}, size)
		copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0})
		sent = append(sent, f)
		if err := l.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 70_000)
	for i, want := range sent {
		got, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || !bytes.Equal(buf[:got], want) {
			t.Fatalf("frame %d: %d bytes, %v", i, got, err)
		}
	}
	if out := n.Run(t, "ip", "-o", "addr", "show", "dev", "sim0"); strings.Contains(out, "inet") {
		t.Errorf("it has an address: %s", out)
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if got, _, err := unix.Recvfrom(fd, buf, 0); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("%x, %v", buf[:max(got, 0)], err)
	}
}

// TestNothingStays: with the link both ends are gone, and whether somebody listens is seen.
func TestNothingStays(t *testing.T) {
	n := netnstest.New(t)
	l, err := open(t, n, "sim0")
	if err != nil {
		t.Fatal(err)
	}
	listened := func() (yes bool) {
		if err := n.Do(func() (err error) { yes, err = l.Listened(); return err }); err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if listened() {
		t.Error("nobody listens yet")
	}
	hears(t, n, "sim0")
	if !listened() {
		t.Error("somebody listens")
	}
	if _, err := open(t, n, "sim0"); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("a second one of the name: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	gone := func() bool { return !strings.Contains(n.Run(t, "ip", "-o", "link"), "sim0") }
	for range 100 { // the kernel takes namespaces down by and by
		if gone() {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if !gone() {
		t.Error("the near end is still there")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestTheThreadComesBack: whoever opens a link is where he was, also when it fails.
func TestTheThreadComesBack(t *testing.T) {
	n := netnstest.New(t)
	for _, name := range []string{"sim0", "lo"} {
		err := n.Do(func() error {
			before, err := os.Readlink("/proc/thread-self/ns/net")
			if err != nil {
				return err
			}
			if l, err := wire.Open(name); err == nil {
				defer func() { _ = l.Close() }()
			} else if name == "sim0" {
				return err
			}
			if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != before {
				t.Errorf("%s: %s and not %s, %v", name, after, before, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoName(t *testing.T) {
	for _, name := range []string{"", "../x", "a b", "sixteen-letters-", "x.y", "a:b", "%d"} {
		if _, err := wire.Open(name); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
