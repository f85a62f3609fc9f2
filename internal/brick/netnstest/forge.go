package netnstest

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Forge sends packets whose source is whatever the test says, out of one namespace.
type Forge struct {
	four, six int // raw sockets that take whole packets
}

// NewForge opens a forge in the namespace. The caller closes it.
func (n *NS) NewForge() (f *Forge, err error) {
	f = &Forge{four: -1, six: -1}
	err = n.Do(func() (err error) {
		if f.four, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return fmt.Errorf("raw socket: %w", err)
		}
		if f.six, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return fmt.Errorf("raw socket: %w", err)
		}
		return unix.SetsockoptInt(f.six, unix.SOL_IPV6, unix.IPV6_HDRINCL, 1)
	})
	if err != nil {
		_ = f.Close()
	}
	return f, err
}

// Close closes the sockets.
func (f *Forge) Close() error {
	for _, fd := range []int{f.four, f.six} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	return nil
}

// SYN sends the first packet of a TCP connection.
func (f *Forge) SYN(from, to netip.AddrPort, seq uint32) error {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], seq)
	b[12], b[13] = 5<<4, 2
	binary.BigEndian.PutUint16(b[14:], 64240)
	return f.send(from.Addr(), to.Addr(), unix.IPPROTO_TCP, 16, b)
}

// UDP sends a datagram.
func (f *Forge) UDP(from, to netip.AddrPort, payload string) error {
	b := append(make([]byte, 8), payload...)
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	return f.send(from.Addr(), to.Addr(), unix.IPPROTO_UDP, 6, b)
}

// Ping sends an echo request.
func (f *Forge) Ping(from, to netip.Addr, seq uint16) error {
	b := make([]byte, 16)
	b[0] = 8
	binary.BigEndian.PutUint16(b[6:], seq)
	if from.Is6() {
		b[0] = 128
		return f.send(from, to, unix.IPPROTO_ICMPV6, 2, b)
	}
	binary.BigEndian.PutUint16(b[2:], fold(add(0, b)))
	return f.send(from, to, unix.IPPROTO_ICMP, -1, b)
}

// Fragment sends the first part of a datagram whose rest never comes.
func (f *Forge) Fragment(from, to netip.Addr, id uint16) error {
	b := make([]byte, 24) // UDP, of 1,000 bytes
	binary.BigEndian.PutUint16(b, 9)
	binary.BigEndian.PutUint16(b[2:], 9)
	binary.BigEndian.PutUint16(b[4:], 1000)
	if from.Is6() {
		head := []byte{unix.IPPROTO_UDP, 0, 0, 1, 0, 0, byte(id >> 8), byte(id)}
		return f.send(from, to, unix.IPPROTO_FRAGMENT, -1, append(head, b...))
	}
	return f.sendCut(from, to, unix.IPPROTO_UDP, id, 0x2000, b)
}

// send puts the IP header before what a transport says, and its checksum at an offset;
// below 0: it has none, or one without the addresses.
func (f *Forge) send(from, to netip.Addr, proto byte, sum int, b []byte) error {
	if sum >= 0 {
		pseudo := append(append(append([]byte{}, from.AsSlice()...), to.AsSlice()...), 0, proto, byte(len(b)>>8), byte(len(b)))
		binary.BigEndian.PutUint16(b[sum:], fold(add(add(0, pseudo), b)))
	}
	if from.Is6() {
		h := make([]byte, 40, 40+len(b))
		h[0], h[6], h[7] = 6<<4, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(b)))
		copy(h[8:], from.AsSlice())
		copy(h[24:], to.AsSlice())
		return unix.Sendto(f.six, append(h, b...), 0, &unix.SockaddrInet6{Addr: to.As16()})
	}
	return f.sendCut(from, to, proto, 0, 0, b)
}

// sendCut sends an IPv4 packet with the field of fragments.
func (f *Forge) sendCut(from, to netip.Addr, proto byte, id, cut uint16, b []byte) error {
	h := make([]byte, 20, 20+len(b))
	h[0], h[8], h[9] = 4<<4|5, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
	binary.BigEndian.PutUint16(h[4:], id)
	binary.BigEndian.PutUint16(h[6:], cut)
	copy(h[12:], from.AsSlice())
	copy(h[16:], to.AsSlice())
	return unix.Sendto(f.four, append(h, b...), 0, &unix.SockaddrInet4{Addr: to.As4()})
}

// add adds words up for the checksum of the Internet (RFC 1071), fold ends it.
func add(sum uint32, b []byte) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
