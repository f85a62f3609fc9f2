package enforcetest

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
)

// Meters are what a suite of meters is about.
type Meters interface {
	enforce.Meterer
	Guard(ctx context.Context, ps []netip.Prefix) error
}

// RunMeters holds meters of the kernel to one meaning. open makes them for what comes in
// by in0 of the guarded namespace.
func RunMeters(t *testing.T, open func(t *testing.T, w *netnstest.Wire) Meters) {
	for name, f := range map[string]func(*testing.T, *Metered){
		"EachSourceForItself":  eachSource,
		"ConnectionsBesideSYN": connections,
		"Pings":                pings,
		"KnownAndGuarded":      knownAndGuarded,
		"WhatStandsGoesOn":     standing,
		"AnswersNobodyAsked":   answers,
		"WhatIsRoutedIsNot":    routed,
		"NoneIsNone":           none,
		"RatesAreChecked":      checked,
	} {
		t.Run(name, func(t *testing.T) {
			f(t, NewMetered(t, open))
		})
	}
}

// NewMetered makes a wire of its own, and ends it with the test.
func NewMetered(t *testing.T, open func(t *testing.T, w *netnstest.Wire) Meters) *Metered {
	t.Helper()
	w := netnstest.NewWire(t)
	f, err := w.Strangers.NewForge()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &Metered{Wire: w, Meters: open(t, w), forge: f, was: map[string]uint64{}, asked: time.Now()}
}

// Metered is a wire whose guarded end has meters, and a forge at the other.
type Metered struct {
	*netnstest.Wire
	Meters
	forge *netnstest.Forge
	was   map[string]uint64
	asked time.Time // when Dropped was called last
	// Due is how many more than at once may have come through between the last two calls
	// of Dropped: one a second, and what is just due at both.
	Due uint64
}

func (m *Metered) set(t *testing.T, now enforce.Meters) {
	t.Helper()
	if err := m.SetMeters(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	m.Dropped(t)
}

// Dropped is how many were dropped since the last call, by meter.
func (m *Metered) Dropped(t *testing.T) map[string]uint64 {
	t.Helper()
	counters, err := m.Held(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Due, m.asked = uint64(time.Since(m.asked).Seconds())+2, time.Now()
	out := map[string]uint64{}
	for _, c := range counters {
		if c.Value < m.was[c.Name] { // they began anew
			m.was[c.Name] = 0
		}
		out[strings.TrimPrefix(c.Name, "metered_")] = c.Value - m.was[c.Name]
		m.was[c.Name] = c.Value
	}
	return out
}

// To is the guarded address that a source of its family asks.
func (m *Metered) To(from string) netip.Addr {
	if netip.MustParseAddr(from).Is6() {
		return m.To6
	}
	return m.To4
}

// SYNs sends openings; what was sent has come or was dropped when it returns: a veth hands
// a packet over within the call, or soon after.
func (m *Metered) SYNs(t *testing.T, from string, to netip.Addr, n int) {
	t.Helper()
	for i := range n {
		if err := m.forge.SYN(netip.AddrPortFrom(netip.MustParseAddr(from), uint16(10_000+i)), netip.AddrPortFrom(to, 443), uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
	m.settled(t)
}

// settled waits until what was sent before has come: a packet that nobody meters does.
func (m *Metered) settled(t *testing.T) {
	t.Helper()
	for _, own := range []string{"10.77.0.2", "fd77::2"} {
		if !m.Arrives(t, netip.MustParseAddr(own)) {
			t.Fatal("what nobody meters does not come")
		}
	}
}

// Documents are the numbers of row B51.
func Documents() enforce.Meters {
	return enforce.Meters{SYN: enforce.Rate{Events: 1, Per: time.Second, Burst: 3}, New: enforce.Rate{Events: 25, Per: time.Minute, Burst: 100}, Echo: enforce.Rate{Events: 1, Per: time.Second, Burst: 5}}
}

// drops wants so many dropped since the last call, but for what came to be due meanwhile.
func (m *Metered) drops(t *testing.T, what, meter string, all uint64) {
	t.Helper()
	if n := m.Dropped(t)[meter]; n > all || n+m.Due < all {
		t.Errorf("%s: %d dropped, of %d", what, n, all)
	}
}

// eachSource: flaws F75 and B51: so much for one source, not for all together, and an IPv6
// source is its /64.
func eachSource(t *testing.T, m *Metered) {
	m.set(t, Documents())
	m.SYNs(t, "203.0.113.7", m.To4, 20)
	m.drops(t, "20 SYNs of one source", "syn", 17)
	for i := range 200 {
		m.SYNs(t, fmt.Sprintf("198.51.100.%d", i), m.To4, 3)
	}
	if n := m.Dropped(t)["syn"]; n != 0 {
		t.Errorf("of 200 sources that send 3 each %d SYNs are dropped", n)
	}
	for i := range 20 {
		m.SYNs(t, fmt.Sprintf("2001:db8:1:2::%d", i+1), m.To6, 1)
	}
	m.drops(t, "20 SYNs of one /64", "syn", 17)
}

func connections(t *testing.T, m *Metered) {
	m.set(t, enforce.Meters{New: Documents().New})
	m.SYNs(t, "203.0.113.7", m.To4, 150)
	m.drops(t, "150 connections at once", "new", 50)
}

func pings(t *testing.T, m *Metered) {
	m.set(t, Documents())
	for _, from := range []string{"203.0.113.7", "2001:db8:1:2::7"} {
		for i := range 30 {
			if err := m.forge.Ping(netip.MustParseAddr(from), m.To(from), uint16(i)); err != nil {
				t.Fatal(err)
			}
		}
		m.settled(t)
		m.drops(t, "30 pings of "+from, "echo", 25)
	}
}

// knownAndGuarded: a flood that names a customer as its source does not cut him off.
func knownAndGuarded(t *testing.T, m *Metered) {
	m.set(t, Documents())
	known := []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("2001:db8:1:2::/64")}
	if err := m.Know(t.Context(), known, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := m.Guard(t.Context(), []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}); err != nil { // which may make everything anew
		t.Fatal(err)
	}
	for _, from := range []string{"203.0.113.7", "2001:db8:1:2::9", "198.51.100.9"} {
		m.SYNs(t, from, m.To(from), 50)
		if n := m.Dropped(t); n["syn"]+n["new"] != 0 {
			t.Errorf("%s: dropped %v", from, n)
		}
	}
	m.SYNs(t, "203.0.113.8", m.To4, 50)
	m.drops(t, "a stranger's 50 SYNs", "syn", 47)
}

// standing: a connection that was there before is not metered, nor what is sent in it.
func standing(t *testing.T, m *Metered) {
	c := m.connection(t)
	m.set(t, Documents())
	m.SYNs(t, "10.77.0.2", m.To4, 50)
	m.drops(t, "50 SYNs in its name", "syn", 47)
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

// connection is one to somebody in the guarded namespace who says everything back.
func (m *Metered) connection(t *testing.T) (c net.Conn) {
	t.Helper()
	var l net.Listener
	if err := m.Guarded.Do(func() (err error) { l, err = net.Listen("tcp", m.To4.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
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
	if err := m.Strangers.Do(func() (err error) { c, err = net.DialTimeout("tcp", l.Addr().String(), time.Minute); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// services are ports that answer with more than they are asked, and how an answer begins.
func services() map[uint16]string {
	return map[uint16]string{53: "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00", 123: "\x24\x01\x00\x00\x00\x00\x00\x00\x00\x00", 389: "0\x84 an entry",
		1900: "HTTP/1.1 200 OK", 11211: "\x00\x00\x00\x00\x00\x01\x00\x00VALUE a"}
}

// answers: those that nobody asked for are dropped, and those that this machine asked for
// are not.
func answers(t *testing.T, m *Metered) {
	m.set(t, enforce.Meters{Reflection: true})
	for _, pair := range [][3]string{{"10.77.0.2", "10.77.0.1", "203.0.113.9"}, {"fd77::2", "fd77::1", "2001:db8::9"}} {
		resolver, own, stranger := netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1]), netip.MustParseAddr(pair[2])
		var socket *net.UDPConn
		if err := m.Guarded.Do(func() (err error) {
			socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: own.AsSlice()})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		port := socket.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		through := func(from netip.Addr, service uint16, says string) bool {
			if err := m.forge.UDP(netip.AddrPortFrom(from, service), netip.AddrPortFrom(own, port), says); err != nil {
				t.Fatal(err)
			}
			m.settled(t)
			return m.Dropped(t)["reflected"] == 0
		}
		for service, says := range services() {
			if through(resolver, service, says) {
				t.Errorf("%s: an answer of port %d that nobody asked for gets through", resolver, service)
			}
		}
		if !through(resolver, 5000, "anything") {
			t.Errorf("%s: what is no answer is dropped", resolver)
		}
		if _, err := socket.WriteToUDPAddrPort([]byte("a question"), netip.AddrPortFrom(resolver, 53)); err != nil {
			t.Fatal(err)
		}
		if !through(resolver, 53, services()[53]) {
			t.Errorf("%s: the answer to a question is dropped", resolver)
		}
		if through(stranger, 53, services()[53]) {
			t.Errorf("%s: an answer of somebody else gets through", resolver)
		}
	}
}

// routed: what this machine passes on is not its own.
func routed(t *testing.T, m *Metered) {
	m.Guarded.Set(t, "net/ipv4/ip_forward", "1")
	m.Guarded.Run(t, "ip", "route", "add", "10.99.0.0/16", "via", "10.77.0.2")
	m.Strangers.Run(t, "ip", "route", "add", "10.99.0.0/16", "via", "10.77.0.1")
	m.set(t, Documents())
	m.SYNs(t, "203.0.113.7", netip.MustParseAddr("10.99.0.1"), 50)
	if n := m.Dropped(t); n["syn"]+n["new"] != 0 {
		t.Errorf("of what is routed %v was dropped", n)
	}
	m.SYNs(t, "203.0.113.7", m.To4, 20)
	m.drops(t, "20 SYNs to the machine itself", "syn", 17)
}

// none: nobody is metered any more, who was known is forgotten, and nothing is counted.
func none(t *testing.T, m *Metered) {
	m.set(t, Documents())
	if err := m.Know(t.Context(), []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}, time.Hour); err != nil {
		t.Fatal(err)
	}
	m.set(t, enforce.Meters{})
	c := m.connection(t)
	m.SYNs(t, "203.0.113.8", m.To4, 20)
	if n := m.Dropped(t); len(n) != 0 {
		t.Errorf("without meters it tells of %v", n)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	m.set(t, Documents())
	m.SYNs(t, "203.0.113.7", m.To4, 20)
	m.drops(t, "20 SYNs of somebody who was known before", "syn", 17)
}

func checked(t *testing.T, m *Metered) {
	for _, r := range []enforce.Rate{{Events: 1, Per: time.Hour}, {Events: -1, Per: time.Second}, {Events: 1 << 30, Per: time.Second}, {Burst: 4, Per: time.Second}} {
		if err := m.SetMeters(t.Context(), enforce.Meters{Echo: r}); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range []enforce.Rate{{Events: 1, Per: time.Minute, Burst: 1_000_000}, {Events: 1_000_000, Per: time.Second}, {Events: 1_000_000, Per: time.Minute, Burst: 1}} {
		if err := m.SetMeters(t.Context(), enforce.Meters{SYN: r}); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
