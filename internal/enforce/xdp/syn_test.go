package xdp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"haechi"
	"haechi/internal/enforce/xdp"
)

// few is a limit that the first connection uses up.
func few() xdp.Limit { return xdp.Limit{Packets: 1, Per: time.Minute} }

// door answers whoever connects with what he says, on a port of the guarded namespace.
func (p *place) door(t testing.TB, at string) int {
	t.Helper()
	var l net.Listener
	err := p.Guarded.Do(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			over := context.AfterFunc(t.Context(), func() { _ = c.Close() }) // its end may be dropped
			_, _ = io.Copy(c, c)
			over()
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).Port
}

// connects opens a connection from a stranger, and sends through it and back.
func (p *place) connects(t testing.TB, to *net.TCPAddr) error {
	t.Helper()
	var c net.Conn
	err := p.Strangers.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", to.String(), 30*time.Second)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	sent := bytes.Repeat([]byte("0123456789"), 2000) // more than a segment
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	go func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err == nil && !bytes.Equal(got, sent) {
		return errors.New("other bytes come back")
	}
	return err
}

func (p *place) answering(t testing.TB) *xdp.Enforcer {
	t.Helper()
	e := p.open(t, xdp.Config{Peered: true})
	p.peer(t)
	p.Guarded.Set(t, "net/ipv4/tcp_syncookies", "2")
	set(t, e, xdp.Meters{Opening: few()})
	return e
}

// peer puts a program that lets everything pass on the strangers' interface.
func (p *place) peer(t testing.TB) {
	t.Helper()
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		t.Fatal(err)
	}
	var l link.Link
	err = p.Strangers.Do(func() error {
		i, err := net.InterfaceByName("out0")
		if err == nil {
			l, err = link.AttachXDP(link.XDPOptions{Program: pass, Interface: i.Index, Flags: link.XDPDriverMode})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = l.Close(), pass.Close() })
}

// Connections beyond the limit are answered by cookies, and go on with the kernel as others
// do; where nobody listens the kernel says so itself.
func TestConnectionsGoOnAfterACookie(t *testing.T) {
	p := newPlace(t)
	e := p.answering(t)
	port := p.door(t, "[::]:0")
	for _, host := range []string{"10.77.0.1", "fd77::1"} {
		before := counters(t, e).Answered.Packets
		for i := range 20 {
			if err := p.connects(t, &net.TCPAddr{IP: net.ParseIP(host), Port: port}); err != nil {
				t.Fatalf("connection %d to %s: %v", i, host, err)
			}
		}
		if got := counters(t, e).Answered.Packets - before; got < 18 || got > 20 {
			t.Errorf("%s: %d answered", host, got)
		}
		before = counters(t, e).Answered.Packets
		for range 3 {
			if err := p.connects(t, &net.TCPAddr{IP: net.ParseIP(host), Port: 1}); err == nil {
				t.Error("a connection to nobody")
			}
		}
		if got := counters(t, e).Answered.Packets - before; got != 0 {
			t.Errorf("%s: %d answered for nobody", host, got)
		}
	}
	if got := inForce(t, e); len(got) != 0 {
		t.Errorf("somebody was decided about: %+v", got)
	}
	if err := e.Guard(t.Context(), prefixes("10.77.0.2/32")); err != nil {
		t.Fatal(err)
	}
	before := counters(t, e).Answered.Packets
	if err := p.connects(t, &net.TCPAddr{IP: net.ParseIP("10.77.0.1"), Port: port}); err != nil || counters(t, e).Answered.Packets != before {
		t.Errorf("whom we protect is answered by a cookie: %v", err)
	}
}

// An answer has right sums, the cookie's number and nothing of the opening but its own.
func TestAnswerToAnOpening(t *testing.T) {
	p := newPlace(t)
	p.answering(t)
	prog := p.program(t)
	port := p.door(t, "[::]:0")
	head := func(options int) []byte {
		b := append([]byte{0x9c, 0x40, byte(port >> 8), byte(port), 1, 2, 3, 4, 0, 0, 0, 0, byte((20 + options) / 4 << 4), 2, 1, 1, 0, 0, 0, 0}, make([]byte, options)...)
		if options >= 4 {
			copy(b[20:], []byte{2, 4, 5, 0xb4})
		}
		return b
	}
	for name, packet := range map[string][]byte{
		"IPv4": ip4(6, 0, 20, head(0)...), "IPv4 with options": ip4(6, 0, 40, head(20)...), "IPv4 with all options": ip4(6, 0, 60, head(40)...),
		"IPv6": ip6(6, 20, head(0)...), "IPv6 with options": ip6(6, 40, head(20)...),
	} {
		var verdict uint32
		var out []byte
		for range 3 { // the first may be the kernel's
			verdict, out = p.within(t, prog, packet)
		}
		if verdict != 3 {
			t.Errorf("%s: verdict %d", name, verdict)
			continue
		}
		ip, tcp := out[14:34], out[34:]
		if packet[12] == 0x86 {
			ip, tcp = out[14:54], out[54:]
		}
		if len(tcp) != 24 || tcp[13] != 0x12 || binary.BigEndian.Uint32(tcp[8:]) != 0x01020305 || binary.BigEndian.Uint16(tcp) != uint16(port) || tcp[2] != 0x9c {
			t.Errorf("%s: % x", name, tcp)
		}
		pseudo := ip[len(ip)-8:]
		if len(ip) == 40 {
			pseudo = ip[8:]
		} else if checksum(ip) != 0xffff {
			t.Errorf("%s: header sum %x", name, checksum(ip))
		}
		if got := checksum(append(append([]byte{0, 6, 0, 24}, pseudo...), tcp...)); got != 0xffff {
			t.Errorf("%s: sum %x", name, got)
		}
	}
	for name, packet := range map[string][]byte{
		"answer":     ip4(6, 0, 20, with(head(0), func(b []byte) { b[13] = 0x12 })...),
		"fragment":   ip4(6, 0x2000, 24, head(4)...),
		"cut off":    ip4(6, 0, 20, head(0)...)[:50],
		"no header":  ip4(6, 0, 20, with(head(0), func(b []byte) { b[12] = 0x40 })...),
		"beyond it":  ip4(6, 0, 20, with(head(0), func(b []byte) { b[12] = 0xf0 })...),
		"to a group": with(ip4(6, 0, 20, head(0)...), func(b []byte) { b[0] = 1 }),
	} {
		for range 3 {
			if verdict, _ := p.within(t, prog, packet); verdict == 3 {
				t.Errorf("%s is answered", name)
			}
		}
	}
}

// within runs the program where somebody listens.
func (p *place) within(t testing.TB, prog *ebpf.Program, packet []byte) (verdict uint32, out []byte) {
	t.Helper()
	err := p.Guarded.Do(func() (err error) {
		verdict, out, err = prog.Test(packet)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdict, out
}

// checksum is the Internet's, with the sum in it 0xffff.
func checksum(b []byte) uint32 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return (sum&0xffff+sum>>16)&0xffff + (sum&0xffff+sum>>16)>>16
}

// Whoever takes the kernel's side of it away is noticed: nobody is answered any more, and
// connections open as without the shield.
func TestAnswersEndWithTheKernel(t *testing.T) {
	p := newPlace(t)
	e := p.answering(t)
	port := p.door(t, "[::]:0")
	to := &net.TCPAddr{IP: net.ParseIP("10.77.0.1"), Port: port}
	p.Guarded.Set(t, "net/ipv4/tcp_syncookies", "1")
	if changed, err := e.Changed(t.Context()); err != nil || !changed {
		t.Errorf("%v, %v", changed, err)
	}
	if got := inForce(t, e); len(got) != 0 {
		t.Errorf("in force: %+v", got)
	}
	if err := e.Guard(t.Context(), nil); err != nil { // as the gateway does every second
		t.Fatal(err)
	}
	for range 3 {
		if err := p.connects(t, to); err != nil {
			t.Fatal(err)
		}
	}
	if got := counters(t, e).Answered.Packets; got != 0 {
		t.Errorf("%d answered", got)
	}
}

// Without the kernel's side of it nobody is answered: connections would break.
func TestNoAnswerWithoutTheKernel(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	for _, c := range []struct{ setting, says string }{{"1", "virtual"}, {"2", "virtual"}, {"1", "tcp_syncookies is 1"}} {
		if c.says != "virtual" { // on whose other end is a program
			e = p.open(t, xdp.Config{Peered: true})
		}
		p.Guarded.Set(t, "net/ipv4/tcp_syncookies", c.setting)
		err := e.SetMeters(t.Context(), xdp.Meters{Opening: few()})
		var known *haechi.Error
		if haechi.KindOf(err) != haechi.Unavailable || !errors.As(err, &known) || known.Hint == "" || !strings.Contains(known.Msg, c.says) {
			t.Errorf("got %v", err)
		}
	}
	if err := e.SetMeters(t.Context(), xdp.Meters{Opening: xdp.Limit{Packets: 5, Per: time.Hour}}); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
}
