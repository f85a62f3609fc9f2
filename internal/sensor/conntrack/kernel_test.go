package conntrack_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/sensor/conntrack"
)

// place is a guarded machine that keeps a connection table, and a stranger beside it.
type place struct {
	t                 *testing.T
	guarded, stranger *netnstest.NS
	table             *os.File
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, guarded: netnstest.New(t), stranger: netnstest.New(t)}
	netnstest.Link(t, netnstest.End{NS: p.guarded, Name: "in0", Addrs: []string{"10.81.0.1/24", "fd81::1/64"}},
		netnstest.End{NS: p.stranger, Name: "out0", Addrs: []string{"10.81.0.2/24", "fd81::2/64"}})
	for _, name := range []string{"acct", "timestamp"} {
		p.guarded.Set(t, "net/netfilter/nf_conntrack_"+name, "1")
	}
	p.guarded.Run(t, "nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in ct state invalid drop")
	if err := p.guarded.Do(func() (err error) {
		p.table, err = conntrack.OpenSocket()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.table.Close() })
	return p
}

// flush makes the kernel forget all connections at once.
func (p *place) flush() {
	p.t.Helper()
	err := p.guarded.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		m := []byte{20, 0, 0, 0, 2, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, unix.AF_UNSPEC, 0, 0, 0} // IPCTNL_MSG_CT_DELETE of no connection: of all
		return unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// told reads until there are as many flows.
func (p *place) told(want int) (out []haechi.Event) {
	p.t.Helper()
	r := conntrack.New(conntrack.Config{}, func(e *haechi.Event) { out = append(out, *e) })
	if err := p.table.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	for len(out) < want {
		n, lost, err := conntrack.Receive(p.table, b)
		if err != nil || lost {
			p.t.Fatalf("after %d flows: %v, lost: %v", len(out), err, lost)
		}
		r.Messages(b[:n], time.Now())
	}
	if s := r.Stats(); s.Broken > 0 || s.Uncounted > 0 || s.Told != uint64(want) {
		p.t.Errorf("the counters: %+v", s)
	}
	return out
}

// try runs f in a namespace.
func (p *place) try(n *netnstest.NS, f func() error) {
	p.t.Helper()
	if err := n.Do(f); err != nil {
		p.t.Fatal(err)
	}
}

// serve echoes what comes at an address of the guarded machine, once.
func (p *place) serve(addr string) {
	var l net.Listener
	p.try(p.guarded, func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	done := make(chan struct{})
	p.t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 5)
		if n, err := c.Read(b); err == nil {
			_, _ = c.Write(b[:n])
		}
		_, _ = c.Read(b) // until the client has ended
		_ = c.Close()
	}()
}

func (p *place) ask(addr string) error {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.Write([]byte("hello")); err == nil {
		_, err = c.Read(make([]byte, 5))
	}
	return err
}

// want is a connection as it should be told.
type want struct {
	from, to  string
	port      uint16
	transport haechi.Transport
	states    []haechi.FlowState
	in, out   uint64 // packets at least; out 0: none
}

// TestTheKernelsOwnTable holds what is told of a conversation, a refused connection, one that
// nobody answered, datagrams without an answer and a ping with one.
func TestTheKernelsOwnTable(t *testing.T) {
	p := newPlace(t)
	p.stranger.Run(t, "nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in tcp dport 81 drop; add rule inet t in udp dport 53 drop")
	began := time.Now()
	var all []want
	for _, at := range []struct{ ours, theirs string }{{"10.81.0.1", "10.81.0.2"}, {"fd81::1", "fd81::2"}} {
		all = append(all, p.conversations(at.ours, at.theirs)...)
	}
	var forge *netnstest.Forge
	p.try(p.stranger, func() (err error) {
		if forge, err = p.stranger.NewForge(); err != nil {
			return err
		}
		return forge.Ping(netip.MustParseAddr("10.81.0.2"), netip.MustParseAddr("10.81.0.1"), 1)
	})
	defer forge.Close()
	all = append(all, want{"10.81.0.2", "10.81.0.1", 0, haechi.ICMP, []haechi.FlowState{haechi.FlowEstablished}, 1, 1})
	p.flush()
	got := p.told(len(all))
	for _, w := range all {
		p.check(got, w, began)
	}
}

// conversations has the stranger ask us, and us ask the stranger.
func (p *place) conversations(ours, theirs string) []want {
	at := func(host string, port uint16) string {
		return netip.AddrPortFrom(netip.MustParseAddr(host), port).String()
	}
	p.serve(at(ours, 80))
	p.try(p.stranger, func() error { return p.ask(at(ours, 80)) })
	p.try(p.stranger, func() error { return unanswered("tcp", at(ours, 79)) })
	p.try(p.guarded, func() error { return unanswered("tcp", at(theirs, 81)) })
	p.try(p.guarded, func() error { return unanswered("udp", at(theirs, 53)) })
	return []want{
		{theirs, ours, 80, haechi.TCP, []haechi.FlowState{haechi.FlowClosed, haechi.FlowEstablished}, 4, 2}, // the last ACK may be on its way
		{theirs, ours, 79, haechi.TCP, []haechi.FlowState{haechi.FlowRejected}, 1, 1},
		{ours, theirs, 81, haechi.TCP, []haechi.FlowState{haechi.FlowAttempt}, 1, 0},
		{ours, theirs, 53, haechi.UDP, []haechi.FlowState{haechi.FlowAttempt}, 1, 0},
	}
}

// unanswered speaks to where nobody answers.
func unanswered(network, addr string) error {
	c, err := net.DialTimeout(network, addr, 100*time.Millisecond)
	if err != nil {
		return nil
	}
	defer c.Close()
	if network == "tcp" {
		return fmt.Errorf("%s answers", addr)
	}
	_, err = c.Write([]byte("anybody"))
	return err
}

func (p *place) check(got []haechi.Event, w want, began time.Time) {
	p.t.Helper()
	i := slices.IndexFunc(got, func(e haechi.Event) bool {
		return e.Addr == netip.MustParseAddr(w.from) && e.Flow.Target == netip.MustParseAddr(w.to) && e.LocalPort == w.port && e.Flow.Transport == w.transport
	})
	if i < 0 {
		p.t.Errorf("nothing is told of %s port %d (%v): %+v", w.to, w.port, w.transport, got)
		return
	}
	e := &got[i]
	f := &e.Flow
	if !slices.Contains(w.states, f.State) || f.PacketsIn < w.in || f.PacketsOut < w.out || w.out == 0 && f.PacketsOut != 0 || e.BytesIn < 28 {
		p.t.Errorf("%s port %d: %v, %d and %d packets, %d and %d bytes", w.to, w.port, f.State, f.PacketsIn, f.PacketsOut, e.BytesIn, e.BytesOut)
	}
	if e.Kind != haechi.KindFlow || f.Phase != haechi.FlowEnd || f.Sensor != conntrack.Sensor || f.Start.Before(began) || e.Time.Before(f.Start) {
		p.t.Errorf("%s port %d: %v %v of %q, from %v to %v", w.to, w.port, e.Kind, f.Phase, f.Sensor, f.Start, e.Time)
	}
	if !e.Client.Contains(e.Addr) || e.Assurance != 0 {
		p.t.Errorf("%s port %d: client %v, believed %v", w.to, w.port, e.Client, e.Assurance)
	}
}

// TestOnlyTheKernelIsHeard: what another process sends to the socket is not read.
func TestOnlyTheKernelIsHeard(t *testing.T) {
	p := newPlace(t)
	raw, err := p.table.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var own unix.Sockaddr
	if err := raw.Control(func(fd uintptr) { own, err = unix.Getsockname(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	p.try(p.guarded, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, make([]byte, 64), 0, own)
	})
	if err := p.table.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, lost, err := conntrack.Receive(p.table, make([]byte, 4096)); n != 0 || lost || err != nil {
		t.Errorf("%d bytes, lost %v, %v", n, lost, err)
	}
}
