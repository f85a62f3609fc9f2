package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"haechi"
)

// Link is a link that leads nowhere. It is used by one goroutine.
type Link struct {
	name   string
	index  int // of the near end
	socket int // on the far end, and what keeps its namespace
}

const (
	far = "far0" // the name of the far end, alone in its namespace
	// mtu is the most that a veth takes: cards with offload hand over as much.
	mtu = 65535
)

// Open makes a link whose near end has a name, in the network namespace of the calling
// thread. Errors are of kind Denied without root, Conflict where an interface of that name
// exists, Invalid for what is no name, and Unavailable.
func Open(name string) (*Link, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ || strings.ContainsAny(name, "/ \t\n%:.") {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make a link", Msg: strconv.Quote(name) + " is no name for an interface"}
	}
	l := &Link{name: name, socket: -1}
	if err := l.open(); err != nil {
		return nil, failed(name, errors.Join(err, l.Close()))
	}
	return l, nil
}

// open makes both ends, and switches on the far one last: the kernel drops what an end
// sends that was up before its peer, until it has taken notice of that by and by.
func (l *Link) open() error {
	runtime.LockOSThread()
	home, err := here()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = home.Close() }()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	away, err := here()
	if err == nil {
		defer func() { _ = away.Close() }()
		err = l.makeEnds(int(home.Fd()))
	}
	if err == nil {
		if err = enter(home); err == nil {
			l.index, err = raise(l.name)
			err = errors.Join(err, enter(away))
		}
	}
	if err == nil {
		err = l.raiseFar()
	}
	if back := enter(home); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// here is the network namespace of the calling thread.
func here() (*os.File, error) { return os.Open("/proc/thread-self/ns/net") }

func enter(ns *os.File) error { return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET) }

// makeEnds makes both ends, the near one in another namespace, and a socket that keeps the
// far one's.
func (l *Link) makeEnds(home int) error {
	if err := makePair(far, l.name, home); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // 0: it receives nothing
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	l.socket = fd
	return nil
}

// raiseFar switches the far end on and opens it.
func (l *Link) raiseFar() error {
	index, err := raise(far)
	if err != nil {
		return err
	}
	return unix.Bind(l.socket, &unix.SockaddrLinklayer{Ifindex: index})
}

// raise switches IPv6 off on an interface, so that the kernel says nothing by itself, and
// then the interface on.
func raise(name string) (index int, err error) {
	err = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
		return 0, err
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return i.Index, setUp(i.Index)
}

func failed(name string, err error) error {
	e := &haechi.Error{Kind: haechi.Unavailable, Op: "make the link " + name, Err: err}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		e.Kind, e.Hint = haechi.Denied, "a network namespace needs root"
	case errors.Is(err, unix.EEXIST):
		e.Kind, e.Hint = haechi.Conflict, "an interface of that name exists: is another simulation running?"
	}
	return e
}

// Send puts one frame on the link, and waits where the kernel has no room.
func (l *Link) Send(frame []byte) error {
	if _, err := unix.Write(l.socket, frame); err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "send on " + l.name, Err: err}
	}
	return nil
}

// Listened reports whether a packet socket is bound to the near end, in the namespace of
// the calling thread (packet(7): /proc/net/packet).
func (l *Link) Listened() (bool, error) {
	b, err := os.ReadFile("/proc/thread-self/net/packet")
	if err != nil {
		return false, &haechi.Error{Kind: haechi.Unavailable, Op: "look who listens on " + l.name, Err: err}
	}
	return bound(string(b), l.index), nil
}

// bound looks for an interface in the table of packet sockets: sk, RefCnt, Type, Proto,
// Iface and more.
func bound(table string, index int) bool {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == strconv.Itoa(index) {
			return true
		}
	}
	return false
}

// Close ends the link: without its socket the namespace is gone, and with it both ends.
func (l *Link) Close() error {
	if l.socket < 0 {
		return nil
	}
	fd := l.socket
	l.socket = -1
	return unix.Close(fd)
}
