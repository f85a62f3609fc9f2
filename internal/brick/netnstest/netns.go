package netnstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// NS is one network namespace, with its loopback interface up.
type NS struct {
	file *os.File // keeps the namespace while no process is in it
}

// New makes an empty namespace, which ends with the test.
func New(t testing.TB) *NS {
	t.Helper()
	for _, bin := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(bin); err != nil {
			missing(t, err)
		}
	}
	if os.Geteuid() != 0 {
		missing(t, fmt.Errorf("a network namespace needs root"))
	}
	n := &NS{}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(func() { _ = n.file.Close() })
	n.Run(t, "ip", "link", "set", "lo", "up")
	return n
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%v: CI runs as root and installs iproute2 and nftables with test/install.sh", err)
	}
	t.Skipf("%v: run as root, with the packages that test/install.sh installs", err)
}

// onThread runs f on a thread that f alone uses meanwhile, and brings the thread back
// to its namespace. It is not ended: a process that it started to end with it may go on.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = home.Close() }()
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			done <- errors.Join(err, fmt.Errorf("leave the namespace: %w", back)) // still locked, the thread ends here
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

// OneProcessor keeps the thread of a [NS.Do] on the first processor until back is
// called, so that no packet that it sends overtakes another.
func OneProcessor() (back func(), err error) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return func() {}, err
	}
	for i := range 1024 {
		if all.IsSet(i) {
			one.Set(i)
			break
		}
	}
	return func() { _ = unix.SchedSetaffinity(0, &all) }, unix.SchedSetaffinity(0, &one)
}

// FD is the namespace as a descriptor, open until the test ends.
func (n *NS) FD() int { return int(n.file.Fd()) }

// Do runs f in the namespace. Sockets and processes that f makes stay in it. f must
// not start goroutines that count on the namespace.
func (n *NS) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the namespace: %w", err)
		}
		return f()
	})
}

// Enter is the start of a command line that runs a program in the namespace.
func (n *NS) Enter() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), n.FD())}
}

// Run runs a program in the namespace and returns what it printed.
func (n *NS) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out []byte
	err := n.Do(func() (err error) {
		out, err = exec.Command(name, args...).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Set writes a kernel setting of the namespace, for example "net/ipv4/ip_forward".
func (n *NS) Set(t testing.TB, name, value string) {
	t.Helper()
	if err := n.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) }); err != nil {
		t.Fatal(err)
	}
}

// End is one end of a link: its interface's name and addresses with prefix lengths.
type End struct {
	NS    *NS
	Name  string
	Addrs []string
}

// Link joins two namespaces by a pair of virtual Ethernet interfaces. The ends know
// each other's hardware addresses and take packets from any source.
func Link(t testing.TB, a, b End) {
	t.Helper()
	a.NS.Run(t, "ip", "link", "add", a.Name, "type", "veth", "peer", "name", b.Name, "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.NS.FD()))
	for _, e := range []End{a, b} {
		for _, f := range []string{"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/" + e.Name + "/rp_filter"} {
			e.NS.Set(t, f, "0")
		}
		for _, addr := range e.Addrs {
			args := []string{"addr", "add", addr, "dev", e.Name}
			if strings.Contains(addr, ":") {
				args = append(args, "nodad")
			}
			e.NS.Run(t, "ip", args...)
		}
		e.NS.Run(t, "ip", "link", "set", e.Name, "up")
	}
	know(t, a, b)
	know(t, b, a)
	carries(t, a, b)
	carries(t, b, a)
}

// carries waits until packets get from one end to the other: the kernel brings a link up
// behind the back of who asked for it, and drops what is sent before. Whether it runs is
// not asked: that the kernel says once a second only.
func carries(t testing.TB, from, to End) {
	t.Helper()
	if len(to.Addrs) == 0 || len(from.Addrs) == 0 {
		return
	}
	plain, _, _ := strings.Cut(to.Addrs[0], "/")
	var in net.PacketConn
	var out net.Conn
	err := to.NS.Do(func() (err error) {
		in, err = net.ListenPacket("udp", net.JoinHostPort(plain, "0"))
		return err
	})
	if err == nil {
		defer func() { _ = in.Close() }()
		err = from.NS.Do(func() (err error) {
			out, err = net.Dial("udp", in.LocalAddr().String())
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	for range 500 {
		_, _ = out.Write([]byte("here")) // one that is lost is what is waited for
		_ = in.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, _, err := in.ReadFrom(make([]byte, 8)); err == nil {
			return
		}
	}
	t.Fatalf("nothing gets from %s to %s", from.Name, to.Name)
}

// know tells one end the hardware address of the other.
func know(t testing.TB, a, b End) {
	t.Helper()
	var mac string
	err := b.NS.Do(func() error {
		i, err := net.InterfaceByName(b.Name)
		if err == nil {
			mac = i.HardwareAddr.String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range b.Addrs {
		plain, _, _ := strings.Cut(addr, "/")
		a.NS.Run(t, "ip", "neigh", "replace", plain, "lladdr", mac, "dev", a.Name)
	}
}

// AnySource lets a socket be bound to an address that the machine does not have: for
// the Control of a net.Dialer or net.ListenConfig.
func AnySource(_, _ string, c syscall.RawConn) error {
	var err error
	return errors.Join(c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		if v6 := unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1); v6 == nil {
			err = nil // an IPv6 socket
		}
	}), err)
}
