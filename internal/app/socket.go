package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"haechi"
)

// SocketName is the file name of the local socket in the state folder.
const SocketName = "haechi.sock"

// peerKey is the context key under which a local connection's operator travels.
type peerKey struct{}

// localOperator is the operator behind a request on the local socket.
func localOperator(r *http.Request) (haechi.Operator, bool) {
	op, ok := r.Context().Value(peerKey{}).(haechi.Operator)
	return op, ok && op.Name != ""
}

// listenLocal opens the local socket. A socket file that nobody answers on is a
// leftover of a killed process and is replaced; one that answers is a second
// instance, which is refused.
func listenLocal(ctx context.Context, dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketName)
	var d net.Dialer
	if c, err := d.DialContext(ctx, "unix", path); err == nil {
		_ = c.Close()
		return nil, &haechi.Error{Kind: haechi.Conflict, Op: "open the local socket", Msg: "another haechi runs on this state folder",
			Hint: "stop it, or give this one a state folder of its own"}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old local socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the local socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// localSocket serves the command line. A nil one does nothing.
type localSocket struct {
	server *http.Server
	listen net.Listener
}

// openLocal serves the handler to peers who run as root or as the gateway's own
// user, named in every audit entry.
func openLocal(ctx context.Context, dir string, h http.Handler) (*localSocket, error) {
	l, err := listenLocal(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOperator(c))
		},
	}
	return &localSocket{server: s, listen: l}, nil
}

func (s *localSocket) run(ctx context.Context) error {
	return serveUntil(ctx, func() error { return s.server.Serve(s.listen) }, s.server)
}

func (s *localSocket) close() error {
	if s == nil {
		return nil
	}
	return s.listen.Close()
}

// peerOperator names the process at the other end by its kernel-checked user id;
// a stranger has no name, and the API refuses the nameless.
func peerOperator(c net.Conn) haechi.Operator {
	cred, err := peerCred(c)
	if err != nil {
		return haechi.Operator{}
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Getuid() {
		return haechi.Operator{}
	}
	return haechi.Operator{Name: userName(cred.Uid), Via: "cli"}
}

// peerCred is who the kernel says the process at the other end of a Unix socket is.
func peerCred(c net.Conn) (cred *unix.Ucred, err error) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("%T is no Unix socket", c)
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var asked error
	err = raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(err, asked)
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
