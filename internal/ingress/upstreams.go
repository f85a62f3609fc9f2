package ingress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// MaxUpstreams bounds the servers behind one service.
const MaxUpstreams = 64

// Upstreams are the servers behind one service, any of which may take a connection.
// Which ones there are may change at any time; connections to one that is gone go
// on. It is safe for concurrent use.
type Upstreams struct {
	dial func(ctx context.Context, addr string) (net.Conn, error)
	set  sync.Mutex
	list atomic.Pointer[[]*upstream]
	next atomic.Uint64
}

type upstream struct {
	addr string
	down atomic.Bool
}

// NewUpstreams returns servers that are reached with dial.
func NewUpstreams(dial func(ctx context.Context, addr string) (net.Conn, error), addrs ...string) *Upstreams {
	u := &Upstreams{dial: dial}
	u.list.Store(&[]*upstream{})
	u.Set(addrs)
	return u
}

// Set says which servers there are, each host:port. Those that stay keep what is
// known about them. It reports whether anything changed.
func (u *Upstreams) Set(addrs []string) (changed bool) {
	u.set.Lock()
	defer u.set.Unlock()
	known := map[string]*upstream{}
	for _, o := range *u.list.Load() {
		known[o.addr] = o
	}
	next := make([]*upstream, 0, len(addrs))
	for _, a := range addrs[:min(len(addrs), MaxUpstreams)] {
		one, ok := known[a]
		if !ok {
			one, changed = &upstream{addr: a}, true
		}
		if !slices.Contains(next, one) {
			next = append(next, one)
		}
	}
	changed = changed || len(next) != len(known)
	u.list.Store(&next)
	return changed
}

// Addrs are the servers, in the order given.
func (u *Upstreams) Addrs() (out []string) {
	for _, one := range *u.list.Load() {
		out = append(out, one.addr)
	}
	return out
}

// errNone wraps the refusal of a machine that nothing listens on: nobody is there
// for certain.
var errNone = fmt.Errorf("no server is running: %w", syscall.ECONNREFUSED)

// perTry bounds one connect while another server could be tried.
const perTry = 1500 * time.Millisecond

// Dial connects to one of the servers, in turn; to one that did not answer last
// only when no other does.
func (u *Upstreams) Dial(ctx context.Context) (net.Conn, error) {
	var errs []error
	turn := u.turn()
	for i, one := range turn {
		c, err := u.try(ctx, one, i < len(turn)-1)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		return nil, errNone
	}
	return nil, errors.Join(errs...)
}

// turn is the order in which to try.
func (u *Upstreams) turn() []*upstream {
	list := *u.list.Load()
	n := len(list)
	if n < 2 {
		return list
	}
	first := int(u.next.Add(1) % uint64(n))
	up, down := make([]*upstream, 0, n), []*upstream(nil)
	for i := range list {
		if one := list[(first+i)%n]; one.down.Load() {
			down = append(down, one)
		} else {
			up = append(up, one)
		}
	}
	return append(up, down...)
}

func (u *Upstreams) try(ctx context.Context, one *upstream, others bool) (net.Conn, error) {
	if others {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, perTry)
		defer stop()
	}
	c, err := u.dial(ctx, one.addr)
	if err == nil || !errors.Is(err, context.Canceled) {
		one.down.Store(err != nil)
	}
	return c, err
}

// Check connects to every server at the same time and notes which of them answer.
// It returns one connection, or the errors of all. It is what a [Health] dials.
func (u *Upstreams) Check(ctx context.Context) (net.Conn, error) {
	list := *u.list.Load()
	if len(list) == 0 {
		return nil, errNone
	}
	conns, errs := make([]net.Conn, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for i, one := range list {
		all.Go(func() { conns[i], errs[i] = u.try(ctx, one, false) })
	}
	all.Wait()
	var answered net.Conn
	for _, c := range conns {
		switch {
		case c == nil:
		case answered == nil:
			answered = c
		default:
			_ = c.Close() // it has told what it is for
		}
	}
	if answered != nil {
		return answered, nil
	}
	return nil, errors.Join(errs...)
}
