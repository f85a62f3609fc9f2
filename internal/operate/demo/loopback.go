package demo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"haechi"
)

// Dial connects to a loopback address. Tests put a pipe in its place; targets
// are checked before it is called.
type Dial func(ctx context.Context, address string) (net.Conn, error)

// CheckTarget refuses every address that is not a literal loopback IP with a
// port. Names are refused as well, since what they mean is decided elsewhere.
func CheckTarget(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Unmap().IsLoopback() || a.Port() == 0 {
		return &haechi.Error{Kind: haechi.Denied, Op: "use " + address, Msg: "the demo talks to loopback only",
			Hint: "write an address such as 127.0.0.1:1491", Err: err}
	}
	return nil
}

// checkSource holds a client to an address of its own.
func checkSource(a netip.Addr) error {
	if !a.Is4() || !a.IsLoopback() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return &haechi.Error{Kind: haechi.Invalid, Op: fmt.Sprintf("dial from %v", a),
			Msg: "a client needs an address of its own in 127.0.0.0/8, and not 127.0.0.1"}
	}
	return nil
}

// Listen opens a listener for a demo server, on loopback only. Port 0 asks the
// system for one.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	a, errAddr := netip.ParseAddr(host)
	if err != nil || errAddr != nil || !a.Unmap().IsLoopback() {
		return nil, &haechi.Error{Kind: haechi.Denied, Op: "listen on " + address, Msg: "the demo listens on loopback only"}
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// dialFrom dials from the given source address.
func dialFrom(source netip.Addr) Dial {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	return func(ctx context.Context, address string) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", address)
	}
}

// pause waits, and reports false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// paced calls do at most n times, every so often, until the context ends. It is
// the only loop by which the demo makes traffic.
func paced(ctx context.Context, n int, every time.Duration, do func(i int)) {
	for i := range n {
		if ctx.Err() != nil {
			return
		}
		do(i)
		if i < n-1 && !pause(ctx, every) {
			return
		}
	}
}
