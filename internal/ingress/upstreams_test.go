package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"haechi/internal/ingress"
)

// servers answer, refuse or hang by their address.
type servers struct {
	mu     sync.Mutex
	state  map[string]error
	dialed []string
	opened int
	closed int
}

var errHangs = errors.New("it hangs")

func (s *servers) dial(ctx context.Context, addr string) (net.Conn, error) {
	s.mu.Lock()
	s.dialed = append(s.dialed, addr)
	err := s.state[addr]
	s.mu.Unlock()
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &link{s: s, addr: addr}, nil
}

func (s *servers) set(addr string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[addr] = err
}

// link is a connection that only knows where it leads.
type link struct {
	net.Conn
	s    *servers
	addr string
}

// Close implements net.Conn.
func (l *link) Close() error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.closed++
	return nil
}

func reached(t *testing.T, u *ingress.Upstreams) string {
	t.Helper()
	c, err := u.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.(*link).addr
}

// Connections go to each in turn, and past those that do not answer.
func TestUpstreamsTakeTurns(t *testing.T) {
	s := &servers{state: map[string]error{}}
	u := ingress.NewUpstreams(s.dial, "a", "b", "c")
	got := map[string]int{}
	for range 30 {
		got[reached(t, u)]++
	}
	if fmt.Sprint(got) != "map[a:10 b:10 c:10]" {
		t.Errorf("they took %v", got)
	}
	s.set("b", syscall.ECONNREFUSED)
	for range 20 {
		if reached(t, u) == "b" {
			t.Error("a dead server took one")
		}
	}
	s.dialed = nil
	for range 20 {
		reached(t, u)
	}
	if slices.Contains(s.dialed, "b") {
		t.Error("a server known to be dead is tried though others live")
	}
	s.set("b", nil)
	c, err := u.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if s.dialed = nil; !slices.ContainsFunc([]int{1, 2, 3}, func(int) bool { return reached(t, u) == "b" }) {
		t.Error("a server that is back takes none")
	}
}

// A server that hangs costs a connection little while another could take it.
func TestUpstreamsDoNotWaitForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{state: map[string]error{"a": errHangs, "b": errHangs}}
		u := ingress.NewUpstreams(s.dial, "a", "b", "c")
		for range 3 {
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			began := time.Now()
			if c, err := u.Dial(ctx); err != nil || c.(*link).addr != "c" {
				t.Errorf("reached %v: %v", c, err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			stop()
		}
	})
}

// Nobody there is a refusal, which counts at once for a health check.
func TestNoUpstreams(t *testing.T) {
	s := &servers{state: map[string]error{"a": syscall.ECONNREFUSED, "b": syscall.ECONNREFUSED}}
	u := ingress.NewUpstreams(s.dial)
	for _, addrs := range [][]string{nil, {"a"}, {"a", "b"}} {
		u.Set(addrs)
		for _, connect := range []func(context.Context) (net.Conn, error){u.Dial, u.Check} {
			if c, err := connect(t.Context()); c != nil || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v: %v, %v", addrs, c, err)
			}
		}
	}
}

// A check leaves one connection open, which its caller closes.
func TestCheckClosesWhatItOpened(t *testing.T) {
	s := &servers{state: map[string]error{"b": syscall.ECONNREFUSED}}
	u := ingress.NewUpstreams(s.dial, "a", "b", "c", "d")
	c, err := u.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.opened != 3 || s.closed != 2 {
		t.Errorf("%d opened, %d closed", s.opened, s.closed)
	}
	_ = c.Close()
}

func TestSetUpstreams(t *testing.T) {
	s := &servers{state: map[string]error{"a": syscall.ECONNREFUSED}}
	u := ingress.NewUpstreams(s.dial, "a", "b")
	for range 2 {
		reached(t, u)
	}
	for _, step := range []struct {
		addrs   []string
		want    string
		changed bool
	}{
		{[]string{"a", "b"}, "[a b]", false}, {[]string{"b", "a", "b"}, "[b a]", false}, {[]string{"b", "c"}, "[b c]", true},
		{[]string{"c"}, "[c]", true}, {nil, "[]", true}, {nil, "[]", false},
	} {
		if changed := u.Set(step.addrs); changed != step.changed || fmt.Sprint(u.Addrs()) != step.want {
			t.Errorf("%v: %v, changed %v", step.addrs, u.Addrs(), changed)
		}
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	if u.Set(many); len(u.Addrs()) != ingress.MaxUpstreams {
		t.Errorf("%d servers", len(u.Addrs()))
	}
}
