package nft_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
)

// metered is a wire whose guarded end has meters, and a forge at the other.
type metered struct {
	*netnstest.Wire
	*nft.Meters
	forge *netnstest.Forge
	was   map[string]uint64
	asked time.Time // when held was called last
	// due is how many more than at once may have come through between the last two calls
	// of held: one a second, and what is just due at both.
	due uint64
}

func newMetered(t *testing.T, m enforce.Meters) *metered {
	t.Helper()
	w := netnstest.NewWire(t)
	f, err := w.Strangers.NewForge()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	k, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: w.Guarded.FD()})
	if err != nil {
		t.Fatal(err)
	}
	x := &metered{Wire: w, Meters: k, forge: f, was: map[string]uint64{}, asked: time.Now()}
	if err := k.SetMeters(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return x
}

// held is how many were dropped since the last call, by meter.
func (m *metered) held(t *testing.T) map[string]uint64 {
	t.Helper()
	all, err := m.Held(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m.due, m.asked = uint64(time.Since(m.asked).Seconds())+2, time.Now()
	out := map[string]uint64{}
	for _, c := range all {
		out[strings.TrimPrefix(c.Name, "metered_")] = c.Value - m.was[c.Name]
		m.was[c.Name] = c.Value
	}
	return out
}

func (m *metered) to(from string) netip.Addr {
	if netip.MustParseAddr(from).Is6() {
		return m.To6
	}
	return m.To4
}

func (m *metered) syns(t *testing.T, from string, n int) {
	t.Helper()
	for i := range n {
		if err := m.forge.SYN(netip.AddrPortFrom(netip.MustParseAddr(from), uint16(10_000+i)), netip.AddrPortFrom(m.to(from), 443), uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// documents are the numbers of row B51.
func documents() enforce.Meters {
	return enforce.Meters{SYN: enforce.Rate{Events: 1, Per: time.Second, Burst: 3}, New: enforce.Rate{Events: 25, Per: time.Minute, Burst: 100}, Echo: enforce.Rate{Events: 1, Per: time.Second, Burst: 5}}
}

// TestEachSourceIsMeteredForItself: flaws F75 and B51: so much for one source, not for all
// together, and an IPv6 source is its /64.
func TestEachSourceIsMeteredForItself(t *testing.T) {
	m := newMetered(t, documents())
	m.syns(t, "203.0.113.7", 20)
	if n := m.held(t)["syn"]; n+m.due < 17 || n > 17 {
		t.Errorf("of 20 SYNs of one source %d were dropped", n)
	}
	for i := range 200 {
		m.syns(t, fmt.Sprintf("198.51.100.%d", i), 3)
	}
	if n := m.held(t)["syn"]; n != 0 {
		t.Errorf("of 200 sources that send 3 each %d SYNs were dropped", n)
	}
	for i := range 20 {
		m.syns(t, fmt.Sprintf("2001:db8:1:2::%d", i+1), 1)
	}
	if n := m.held(t)["syn"]; n+m.due < 17 || n > 17 {
		t.Errorf("of 20 SYNs of one /64 %d were dropped", n)
	}
}

func TestNewConnectionsAreMeteredBesideSYNs(t *testing.T) {
	m := newMetered(t, enforce.Meters{New: documents().New})
	m.syns(t, "203.0.113.7", 120)
	if n := m.held(t)["new"]; n+m.due < 20 || n > 20 {
		t.Errorf("of 120 connections at once %d were dropped", n)
	}
}

func TestPingsAreMetered(t *testing.T) {
	m := newMetered(t, documents())
	for _, from := range []string{"203.0.113.7", "2001:db8:1:2::7"} {
		for i := range 20 {
			if err := m.forge.Ping(netip.MustParseAddr(from), m.to(from), uint16(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := m.held(t)["echo"]; n+m.due < 15 || n > 15 {
			t.Errorf("of 20 pings of %s %d were dropped", from, n)
		}
	}
}

// TestKnownAndGuardedSourcesAreNotMetered: a flood that names a customer as its source
// does not cut him off.
func TestKnownAndGuardedSourcesAreNotMetered(t *testing.T) {
	m := newMetered(t, documents())
	known := []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("2001:db8:1:2::/64")}
	if err := m.Know(t.Context(), known, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := m.Guard(t.Context(), []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}); err != nil { // which makes the table anew
		t.Fatal(err)
	}
	for _, from := range []string{"203.0.113.7", "2001:db8:1:2::9", "198.51.100.9"} {
		m.syns(t, from, 50)
		if n := m.held(t); n["syn"]+n["new"] != 0 {
			t.Errorf("%s: dropped %v", from, n)
		}
	}
	m.syns(t, "203.0.113.8", 50)
	if n := m.held(t)["syn"]; n+m.due < 47 {
		t.Errorf("a stranger: %d dropped", n)
	}
}

// TestConnectionsThatStandAreNotMetered: and one that is new gets through while its source
// is flooded with, as the first SYN of a second.
func TestConnectionsThatStandAreNotMetered(t *testing.T) {
	m := newMetered(t, enforce.Meters{})
	var l net.Listener
	if err := m.Guarded.Do(func() (err error) { l, err = net.Listen("tcp", m.To4.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { _ = c.Close() }) // its end may be dropped
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	var c net.Conn
	if err := m.Strangers.Do(func() (err error) { c, err = net.DialTimeout("tcp", l.Addr().String(), time.Minute); return err }); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := m.SetMeters(t.Context(), documents()); err != nil {
		t.Fatal(err)
	}
	m.syns(t, "10.77.0.2", 50)
	if n := m.held(t)["syn"]; n+m.due < 47 {
		t.Fatalf("%d dropped", n)
	}
	for range 200 {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnswersThatNobodyAskedForAreDropped: and those that this machine asked for are not.
func TestAnswersThatNobodyAskedForAreDropped(t *testing.T) {
	m := newMetered(t, enforce.Meters{Reflection: true})
	for _, pair := range [][2]string{{"10.77.0.2", "10.77.0.1"}, {"fd77::2", "fd77::1"}} {
		resolver, own := netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1])
		var socket *net.UDPConn
		if err := m.Guarded.Do(func() (err error) {
			socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: own.AsSlice()})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		port := socket.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		answer := func(from netip.Addr, service uint16) bool {
			before := m.was["metered_reflected"]
			if err := m.forge.UDP(netip.AddrPortFrom(from, service), netip.AddrPortFrom(own, port), "answer"); err != nil {
				t.Fatal(err)
			}
			m.held(t)
			return m.was["metered_reflected"] == before
		}
		for _, service := range []uint16{53, 123, 389, 1900, 11211} {
			if answer(resolver, service) {
				t.Errorf("%s: an answer of port %d that nobody asked for gets through", resolver, service)
			}
		}
		if !answer(resolver, 5000) {
			t.Errorf("%s: what is no answer is dropped", resolver)
		}
		if _, err := socket.WriteToUDPAddrPort([]byte("question"), netip.AddrPortFrom(resolver, 53)); err != nil {
			t.Fatal(err)
		}
		if !answer(resolver, 53) {
			t.Errorf("%s: the answer to a question is dropped", resolver)
		}
		stranger := netip.MustParseAddr("203.0.113.9")
		if own.Is6() {
			stranger = netip.MustParseAddr("2001:db8::9")
		}
		if answer(stranger, 53) {
			t.Errorf("%s: an answer of somebody else gets through", resolver)
		}
	}
}

func TestMetersThatSomebodyTookAwayComeBack(t *testing.T) {
	m := newMetered(t, documents())
	if err := m.Know(t.Context(), []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{"nft", "flush", "chain", "inet", "haechi_meters", "metered"}, {"nft", "delete", "table", "inet", "haechi_meters"}, {"nft", "flush", "ruleset"}} {
		m.Guarded.Run(t, how[0], how[1:]...)
		m.was = map[string]uint64{}
		m.held(t) // which looks, and repairs
		m.syns(t, "203.0.113.8", 20)
		m.syns(t, "203.0.113.7", 20)
		if n := m.held(t)["syn"]; n+m.due < 17 || n > 17 {
			t.Errorf("after %v %d were dropped", how, n)
		}
	}
	if n := m.was["meters_rebuilt"]; n != 3 {
		t.Errorf("repaired %d times", n)
	}
}

func TestNoMetersIsNoTable(t *testing.T) {
	m := newMetered(t, documents())
	if err := m.SetMeters(t.Context(), enforce.Meters{}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("left: %s", out)
	}
	if all, err := m.Held(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("held %v, %v", all, err)
	}
	if err := m.SetMeters(t.Context(), documents()); err != nil {
		t.Fatal(err)
	}
	if _, err := nft.OpenMeters(t.Context(), nft.Config{NetNS: m.Guarded.FD()}); err != nil {
		t.Fatal(err)
	}
	if out := m.Guarded.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("what an earlier process left stays: %s", out)
	}
}

func TestARateThatTheKernelHasNotIsRefused(t *testing.T) {
	m := newMetered(t, enforce.Meters{})
	for _, r := range []enforce.Rate{{Events: 1, Per: time.Hour}, {Events: -1, Per: time.Second}, {Events: 1 << 30, Per: time.Second}, {Burst: 4, Per: time.Second}} {
		if err := m.SetMeters(t.Context(), enforce.Meters{Echo: r}); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
