package shield

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"haechi"
)

// send writes an answer, and with it the socket that it is about, which belongs to the
// gateway then.
func send(c net.Conn, r *response) error {
	if r.socket == nil {
		return write(c, r)
	}
	defer func() { _ = r.socket.Close() }()
	u, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("a socket can be handed over through a local socket only")
	}
	b, err := message(r)
	if err != nil {
		return err
	}
	n, _, err := u.WriteMsgUnix(b, syscall.UnixRights(int(r.socket.Fd())), nil)
	if err == nil && n < len(b) {
		_, err = u.Write(b[n:])
	}
	return err
}

// Capture is a socket for the packets of a network interface, opened by the shield. It
// uses a connection of its own. The caller closes it.
func (c *Client) Capture(ctx context.Context, name string) (*os.File, error) {
	return c.socket(ctx, "capture on "+name, &request{Op: opCapture, Interface: name})
}

// Connections is a socket on which the kernel tells of the connections that it forgets,
// opened by the shield over a connection of its own. The caller closes it.
func (c *Client) Connections(ctx context.Context) (*os.File, error) {
	return c.socket(ctx, "read the connection table", &request{Op: opTable})
}

func (c *Client) socket(ctx context.Context, op string, q *request) (*os.File, error) {
	ctx, stop := context.WithTimeout(ctx, c.cfg.Timeout)
	defer stop()
	conn, err := c.cfg.Dial(ctx)
	if err != nil {
		return nil, silent(err)
	}
	defer func() { _ = conn.Close() }()
	until, _ := ctx.Deadline()
	f, r, err := receive(conn, until, q)
	switch {
	case err != nil:
		return nil, silent(err)
	case r.Failure != nil:
		return nil, errors.Join(r.Failure.err(), closeFile(f))
	case f == nil:
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: op, Msg: "the shield sent no socket",
			Hint: "start gateway and shield from the same version"}
	}
	return f, nil
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// receive asks, and takes the answer with the socket that may come with its first bytes.
func receive(conn net.Conn, until time.Time, q *request) (f *os.File, r response, err error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, r, errors.New("the shield hands over sockets through a local socket only")
	}
	if err := u.SetDeadline(until); err != nil {
		return nil, r, err
	}
	if err := write(u, q); err != nil {
		return nil, r, err
	}
	var head [4]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	n, on, _, _, err := u.ReadMsgUnix(head[:], oob)
	if err != nil {
		return nil, r, err
	}
	if f, err = socketOf(oob[:on]); err != nil {
		return nil, r, err
	}
	if n != len(head) {
		return nil, r, errors.Join(fmt.Errorf("an answer of %d bytes", n), closeFile(f))
	}
	if err := readBody(u, head, &r); err != nil {
		return nil, r, errors.Join(err, closeFile(f))
	}
	return f, r, nil
}

// socketOf is the one descriptor in a control message, nil if there is none.
func socketOf(oob []byte) (*os.File, error) {
	all, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	fds, err := syscall.ParseUnixRights(&all[0])
	if err != nil || len(fds) == 0 {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "packets"), nil
}
