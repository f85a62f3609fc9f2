package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

// sysEpollPwait2 is the number of the system call on every architecture of Linux.
const sysEpollPwait2 = 441

// reactor is an epoll loop of one goroutine: load and upstream must cost less than
// what they measure.
type reactor struct {
	epoll  int
	conns  []*conn       // by descriptor
	accept func(c *conn) // sets c.input
	listen int
	buf    []byte
	events []syscall.EpollEvent
}

// conn is one non-blocking connection. input takes what came; a returned error ends
// the connection. ended is told the end, nil for an ordinary one.
type conn struct {
	fd    int
	r     *reactor
	out   []byte
	input func(p []byte) error
	ended func(err error)
}

func newReactor() (*reactor, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll loop: %w", err)
	}
	return &reactor{epoll: fd, listen: -1, buf: make([]byte, 1<<18), events: make([]syscall.EpollEvent, 256)}, nil
}

func sockaddr(address string) (syscall.Sockaddr, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if !a.Addr().IsLoopback() || !a.Addr().Is4() {
		return nil, fmt.Errorf("%s is not on IPv4 loopback", address)
	}
	return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
}

// serve listens; accept is called for each connection.
func (r *reactor) serve(address string, accept func(c *conn)) error {
	sa, err := sockaddr(address)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(fd, sa); err != nil {
		return fmt.Errorf("bind %s: %w", address, err)
	}
	if err := syscall.Listen(fd, 4096); err != nil {
		return err
	}
	r.listen, r.accept = fd, accept
	return r.watch(fd, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN)
}

// dial connects, and waits for it.
func (r *reactor) dial(address string) (*conn, error) {
	sa, err := sockaddr(address)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(fd, sa); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return r.add(fd)
}

func (r *reactor) add(fd int) (*conn, error) {
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return nil, err
	}
	for len(r.conns) <= fd {
		r.conns = append(r.conns, nil)
	}
	c := &conn{fd: fd, r: r}
	r.conns[fd] = c
	return c, r.watch(fd, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN)
}

func (r *reactor) watch(fd, op int, events uint32) error {
	return syscall.EpollCtl(r.epoll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

// poll handles what is ready, waiting for at most the given time.
func (r *reactor) poll(wait time.Duration) error {
	n, err := syscall.EpollWait(r.epoll, r.events, int(wait.Milliseconds()))
	return r.handle(n, err)
}

// pollFor is poll for waits that milliseconds are too coarse for.
func (r *reactor) pollFor(wait time.Duration) error {
	ts := syscall.NsecToTimespec(wait.Nanoseconds())
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(r.epoll), uintptr(unsafe.Pointer(&r.events[0])), uintptr(len(r.events)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno != 0 {
		return r.handle(0, errno)
	}
	return r.handle(int(n), nil)
}

func (r *reactor) handle(n int, err error) error {
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for events: %w", err)
	}
	for _, e := range r.events[:n] {
		if int(e.Fd) == r.listen {
			if err := r.take(); err != nil {
				return err
			}
			continue
		}
		if c := r.conns[e.Fd]; c != nil {
			c.ready(e.Events)
		}
	}
	return nil
}

func (r *reactor) take() error {
	for {
		fd, _, err := syscall.Accept4(r.listen, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		c, err := r.add(fd)
		if err != nil {
			return err
		}
		r.accept(c)
	}
}

func (c *conn) ready(events uint32) {
	if events&syscall.EPOLLOUT != 0 && !c.flush() {
		return
	}
	if events&^syscall.EPOLLOUT == 0 {
		return
	}
	n, err := syscall.Read(c.fd, c.r.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
	case err != nil:
		c.close(err)
	case n == 0:
		c.close(io.EOF)
	default:
		if err := c.input(c.r.buf[:n]); err != nil {
			c.close(err)
		}
	}
}

// write sends p, keeping what the socket does not take now.
func (c *conn) write(p []byte) {
	if len(c.out) == 0 {
		n, err := syscall.Write(c.fd, p)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			n = 0
		case err != nil:
			return // the loop reads the error
		}
		if p = p[n:]; len(p) == 0 {
			return
		}
		if err := c.r.watch(c.fd, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT); err != nil {
			return
		}
	}
	c.out = append(c.out, p...)
}

// flush sends what was kept. False means that the connection is gone.
func (c *conn) flush() bool {
	n, err := syscall.Write(c.fd, c.out)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return true
	case err != nil:
		c.close(err)
		return false
	}
	if c.out = c.out[:copy(c.out, c.out[n:])]; len(c.out) > 0 {
		return true
	}
	return c.r.watch(c.fd, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN) == nil
}

func (c *conn) close(err error) {
	if c.r.conns[c.fd] != c {
		return
	}
	c.r.conns[c.fd] = nil
	syscall.Close(c.fd)
	if c.ended != nil {
		c.ended(err)
	}
}
