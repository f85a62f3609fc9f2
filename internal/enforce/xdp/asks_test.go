package xdp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/xdp"
)

// listening is an enforcer that drops what nobody asked for, from the first packet on.
func (p *place) listening(t testing.TB) *xdp.Enforcer {
	t.Helper()
	e := p.open(t, xdp.Config{Grace: time.Nanosecond})
	set(t, e, xdp.Meters{Unasked: xdp.Drop})
	return e
}

// said is UDP with what it says, between two ports.
func said(from, to uint16, what ...byte) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from), to)
	b = append(b, 0, byte(8+len(what)), 0, 0)
	return ip4(17, 0, 8+len(what), append(b, what...)...)
}

func said6(from, to uint16, what ...byte) []byte {
	return ip6(17, 8+len(what), said(from, to, what...)[34:]...)
}

func text(s string) []byte { return []byte(s) }

var dns = []byte{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}

// Answers from the ports are dropped if nobody asked; questions from the same ports, and
// what else comes from them, are not.
func TestWhatNobodyAskedForIsDropped(t *testing.T) {
	p := newPlace(t)
	e := p.listening(t)
	prog := p.program(t)
	if err := e.Guard(t.Context(), prefixes("192.0.2.53/32")); err != nil {
		t.Fatal(err)
	}
	question := slices.Concat([]byte{0x12, 0x34, 1, 0}, dns[4:])
	ten := func(first ...byte) []byte { return append(first, make([]byte, 12)...) }
	cases := map[string]struct {
		packet []byte
		drops  bool
	}{
		"DNS":                  {said(53, 40000, dns...), true},
		"DNS of IPv6":          {said6(53, 40000, dns...), true},
		"DNS behind options":   {ip6(0, 8+8+12, append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, said(53, 9, dns...)[34:]...)...), true},
		"DNS to a service":     {said(53, 443, dns...), true},
		"DNS, first fragment":  {with(said(53, 40000, append(slices.Clone(dns), make([]byte, 12)...)...), func(b []byte) { b[20] = 0x20 }), true},
		"chargen":              {said(19, 40000, text("!\"#$%")...), true},
		"quote of the day":     {said(17, 40000, text("q")...), true},
		"portmapper":           {said(111, 40000, ten(1, 2, 3, 4, 0, 0, 0, 1)...), true},
		"NTP":                  {said(123, 40000, ten(0x24)...), true},
		"NTP monlist":          {said(123, 80, ten(0xd7, 0, 3, 42)...), true},
		"NTP control":          {said(123, 80, ten(0x16, 0x82)...), true},
		"NetBIOS":              {said(137, 137, ten(1, 2, 0x84)...), true},
		"SNMP":                 {said(161, 40000, ten(0x30)...), true},
		"CLDAP":                {said(389, 40000, ten(0x30)...), true},
		"RIP":                  {said(520, 520, ten(2, 1)...), true},
		"SSDP":                 {said(1900, 40000, text("HTTP/1.1 200 OK")...), true},
		"WS-Discovery":         {said(3702, 40000, text("<?xml version='1.0'")...), true},
		"mDNS":                 {said(5353, 40000, ten(0, 0, 0x84)...), true},
		"CoAP":                 {said(5683, 40000, ten(0x60, 0x45)...), true},
		"memcached":            {said(11211, 40000, append([]byte{0, 0, 0, 0, 0, 1, 0, 0}, "VALUE a 0 9"...)...), true},
		"Quake":                {said(27960, 40000, text("\xff\xff\xff\xffstatusResponse")...), true},
		"question from 53":     {said(53, 53, question...), false},
		"NTP client from 123":  {said(123, 123, ten(0x23)...), false},
		"NetBIOS question":     {said(137, 137, ten(1, 2, 1)...), false},
		"SNMP trap":            {said(161, 162, ten(0x30)...), false},
		"RIP question":         {said(520, 520, ten(1, 1)...), false},
		"QUIC from 1900":       {said(1900, 443, ten(0xc0, 0, 0, 0, 1)...), false},
		"QUIC from 11211":      {said(11211, 443, ten(0xc0, 0, 0, 0, 1, 8, 7, 6, 5)...), false},
		"QUIC from 5683":       {said(5683, 443, ten(0xc3, 0, 0, 0, 1)...), false},
		"Quake client":         {said(27960, 27960, text("\xff\xff\xff\xffgetstatus")...), false},
		"NOTIFY":               {said(1900, 1900, text("NOTIFY * HTTP/1.1")...), false},
		"any other port":       {said(40001, 40000, dns...), false},
		"to a group":           {with(said(5353, 5353, ten(0, 0, 0x84)...), func(b []byte) { b[0] = 1 }), false},
		"DNS over TCP":         {ip4(6, 0, 20, 0, 53, 0x9c, 0x40), false},
		"later fragment":       {ip4(17, 3, 24, said(53, 9, dns...)[34:]...), false},
		"DNS of whom we keep":  {with(said(53, 40000, dns...), func(b []byte) { copy(b[26:], []byte{192, 0, 2, 53}) }), false},
		"short, from 53":       {said(53, 40000, 1), false},
		"short, from chargen":  {said(19, 40000), true},
		"cut off in the ports": {ip4(17, 0, 2, 0, 53), false},
	}
	for name, c := range cases {
		if got := drops(t, prog, c.packet); got != c.drops {
			t.Errorf("%s: drops %v", name, got)
		}
	}
	counted := dropped(t, e, "unasked")
	if counted == 0 || len(inForce(t, e)) != 0 {
		t.Errorf("%d counted, decided about: %+v", counted, inForce(t, e))
	}
	set(t, e, xdp.Meters{Unasked: xdp.Watch})
	if drops(t, prog, cases["DNS"].packet) || dropped(t, e, "unasked") != counted || counters(t, e).Watched[1].Packets != 1 {
		t.Error("watched is dropped, or not counted")
	}
	set(t, e, xdp.Meters{})
	if drops(t, prog, cases["DNS"].packet) || counters(t, e).Watched[1].Packets != 1 {
		t.Error("off is not off")
	}
}

// Everything passes at first: what was asked before is not known.
func TestAnswersUnderWayPass(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{Grace: time.Hour})
	set(t, e, xdp.Meters{Unasked: xdp.Drop})
	if drops(t, p.program(t), said(53, 40000, dns...)) {
		t.Error("an answer under way is dropped")
	}
	set(t, e, xdp.Meters{Unasked: xdp.Watch})
	set(t, e, xdp.Meters{Unasked: xdp.Drop, Source: xdp.Watch, Limit: xdp.Limit{Packets: 10, Per: time.Second}})
	if drops(t, p.program(t), said(53, 40000, dns...)) {
		t.Error("a change of the meters ends the grace")
	}
}

// talker is a UDP socket in one of the namespaces.
type talker struct {
	net.PacketConn
	t testing.TB
}

func talk(t testing.TB, in *netnstest.NS, at string) *talker {
	t.Helper()
	k := &talker{t: t}
	err := in.Do(func() (err error) {
		k.PacketConn, err = net.ListenPacket("udp", at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func (k *talker) port() int { return k.LocalAddr().(*net.UDPAddr).Port }

func (k *talker) say(what string, to net.Addr) {
	k.t.Helper()
	if _, err := k.WriteTo(text(what), to); err != nil {
		k.t.Fatal(err)
	}
}

// hear is what comes next, and from whom.
func (k *talker) hear() (string, net.Addr) {
	k.t.Helper()
	if err := k.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		k.t.Fatal(err)
	}
	b := make([]byte, 1500)
	n, from, err := k.ReadFrom(b)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(b[:n]), from
}

func udp(host string, port int) *net.UDPAddr { return &net.UDPAddr{IP: net.ParseIP(host), Port: port} }

// asks sends a question from one to a server and returns whether its answer arrives; the
// last word, from a port of no answers, always does.
func answered(t testing.TB, client, server, other *talker, to *net.UDPAddr) bool {
	t.Helper()
	client.say("question.....", to)
	_, from := server.hear()
	return arrives(t, client, server, other, from)
}

func arrives(t testing.TB, client, server, other *talker, to net.Addr) bool {
	t.Helper()
	server.say(string(dns), to)
	other.say("last", to)
	got, _ := client.hear()
	if got != "last" {
		last, _ := client.hear()
		return last == "last"
	}
	return false
}

// On a real wire who asked gets the answer, of IPv4, of IPv6, of whoever answers a group,
// and in a container behind an address that is translated; who did not, does not.
func TestAnswersOnTheWire(t *testing.T) {
	p := newPlace(t)
	e := p.listening(t)
	for _, c := range []struct{ here, there, any string }{{"10.77.0.1", "10.77.0.2", "0.0.0.0:0"}, {"fd77::1", "fd77::2", "[::]:0"}} {
		server, other := talk(t, p.Strangers, net.JoinHostPort(c.there, "53")), talk(t, p.Strangers, net.JoinHostPort(c.there, "9999"))
		client, victim := talk(t, p.Guarded, c.any), talk(t, p.Guarded, c.any)
		if !answered(t, client, server, other, udp(c.there, 53)) {
			t.Errorf("%s asked and gets no answer", c.here)
		}
		before := dropped(t, e, "unasked")
		if arrives(t, victim, server, other, udp(c.here, victim.port())) || dropped(t, e, "unasked") != before+1 {
			t.Errorf("%s did not ask and gets an answer", c.here)
		}
		ntp := talk(t, p.Strangers, net.JoinHostPort(c.there, "123"))
		ntp.say("\x24...............", udp(c.here, client.port())) // who asked one server asked no other
		other.say("last", udp(c.here, client.port()))
		if got, _ := client.hear(); got != "last" {
			t.Errorf("%s asked another server and gets %q", c.here, got)
		}
	}
	seeker := talk(t, p.Guarded, "10.77.0.1:0")
	seeker.say("M-SEARCH * HTTP/1.1", udp("10.77.0.255", 1900))
	talk(t, p.Strangers, "10.77.0.2:1900").say("HTTP/1.1 200 OK", udp("10.77.0.1", seeker.port()))
	if got, _ := seeker.hear(); got != "HTTP/1.1 200 OK" {
		t.Errorf("who asked everybody gets %q", got)
	}
}

func TestAnswersToContainers(t *testing.T) {
	p := newPlace(t)
	inside := netnstest.New(t)
	netnstest.Link(t, netnstest.End{NS: p.Guarded, Name: "box0", Addrs: []string{"10.99.0.1/24"}}, netnstest.End{NS: inside, Name: "eth0", Addrs: []string{"10.99.0.2/24"}})
	inside.Run(t, "ip", "route", "add", "default", "via", "10.99.0.1")
	p.Guarded.Set(t, "net/ipv4/ip_forward", "1")
	p.Guarded.Run(t, "nft", "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post oifname in0 masquerade random")
	e := p.listening(t)
	server := talk(t, p.Strangers, "10.77.0.2:53")
	client := talk(t, inside, "0.0.0.0:0")
	client.say("question.....", udp("10.77.0.2", 53))
	_, from := server.hear()
	if host := from.(*net.UDPAddr).IP.String(); host != "10.77.0.1" {
		t.Fatalf("asked by %s", host)
	}
	server.say(string(dns), from)
	if got, _ := client.hear(); got != string(dns) {
		t.Errorf("a container that asked gets %q", got)
	}
	before := dropped(t, e, "unasked")
	server.say(string(dns), udp("10.77.0.1", from.(*net.UDPAddr).Port^1))
	for range 100 { // until it is counted
		if dropped(t, e, "unasked") > before {
			return
		}
		server.say(string(dns), udp("10.77.0.1", from.(*net.UDPAddr).Port^1))
	}
	t.Error("what no container asked for is not dropped")
}

// The filter goes on without a process and is taken over without a gap; off, nothing of
// it is left.
func TestTheFilterOutlivesTheProcess(t *testing.T) {
	p := newPlace(t)
	first := p.listening(t)
	server, other := talk(t, p.Strangers, "10.77.0.2:53"), talk(t, p.Strangers, "10.77.0.2:9999")
	client, victim := talk(t, p.Guarded, "0.0.0.0:0"), talk(t, p.Guarded, "0.0.0.0:0")
	check := func(when string) {
		t.Helper()
		if !answered(t, client, server, other, udp("10.77.0.2", 53)) {
			t.Errorf("%s: who asked gets no answer", when)
		}
		if arrives(t, victim, server, other, udp("10.77.0.1", victim.port())) {
			t.Errorf("%s: who did not ask gets an answer", when)
		}
	}
	check("first")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	check("without a process")
	second := p.open(t, xdp.Config{Grace: time.Hour})
	check("taken over")
	set(t, second, xdp.Meters{Unasked: xdp.Drop})
	check("set again")
	set(t, second, xdp.Meters{})
	if !arrives(t, victim, server, other, udp("10.77.0.1", victim.port())) {
		t.Error("off is not off")
	}
	if _, err := os.Stat(filepath.Join(p.dir, "asks:in0")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

// Whoever takes the second program off is noticed, and answers pass meanwhile: nobody
// knows what was asked.
func TestDeafnessIsRepairedInTime(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"hold deleted": os.Remove,
		"taken off": func(path string) error {
			l, err := link.LoadPinnedLink(path, nil)
			if err != nil {
				return err
			}
			return errors.Join(l.(interface{ Detach() error }).Detach(), l.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			first := p.listening(t)
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			e := p.open(t, xdp.Config{Grace: time.Hour})
			d := drop(t, "A", "ip:203.0.113.7") // what is in force is compared with
			apply(t, e, d)
			told := make(chan enforce.Drift, 10)
			r := enforce.NewReconciler(enforce.ReconcilerConfig{OnDrift: func(_ string, d enforce.Drift) { told <- d }},
				func(time.Time) []haechi.Decision { return []haechi.Decision{d} }, e)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- r.Run(ctx, time.Minute) }()
			defer func() { stop(); <-done }()
			if err := damage(filepath.Join(p.dir, "asks:in0")); err != nil {
				t.Fatal(err)
			}
			deadline := time.After(time.Minute) // it takes a second, on a machine with nothing else to do
			for repaired := false; !repaired; {
				select {
				case <-told:
				case <-time.After(10 * time.Millisecond):
				case <-deadline:
					t.Fatal("not repaired")
				}
				l, err := link.LoadPinnedLink(filepath.Join(p.dir, "asks:in0"), nil)
				if err != nil {
					continue
				}
				info, err := l.Info()
				repaired = err == nil && info.TCX() != nil && info.TCX().Ifindex != 0
				_ = l.Close()
			}
			if drops(t, p.program(t), said(53, 40000, dns...)) {
				t.Error("answers under way are dropped after the repair")
			}
		})
	}
}
