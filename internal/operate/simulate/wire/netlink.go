package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// vethPeer is the attribute that holds the other end of a pair (linux/veth.h).
const vethPeer = 1

// makePair makes a pair of interfaces: one in the namespace of the calling thread, the
// other one in that of a descriptor (rtnetlink(7)).
func makePair(here, there string, namespace int) error {
	peer := make([]byte, unix.SizeofIfInfomsg)
	peer = attribute(peer, unix.IFLA_IFNAME, append([]byte(there), 0))
	peer = attribute(peer, unix.IFLA_MTU, word(mtu))
	peer = attribute(peer, unix.IFLA_NET_NS_FD, word(uint32(namespace)))
	info := attribute(nil, unix.IFLA_INFO_KIND, []byte("veth"))
	info = attribute(info, unix.IFLA_INFO_DATA, attribute(nil, vethPeer, peer))
	body := make([]byte, unix.SizeofIfInfomsg)
	body = attribute(body, unix.IFLA_IFNAME, append([]byte(here), 0))
	body = attribute(body, unix.IFLA_MTU, word(mtu))
	body = attribute(body, unix.IFLA_LINKINFO, info)
	return ask(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

// setUp switches an interface on.
func setUp(index int) error {
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(index))
	binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)
	binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP) // of the flags, this one is changed
	return ask(unix.RTM_NEWLINK, 0, body)
}

func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// attribute adds one, padded to four bytes (netlink(7)).
func attribute(b []byte, kind uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// ask sends one request to the kernel and waits for what it answers.
func ask(kind, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	b = binary.NativeEndian.AppendUint64(b, 1) // number and sender
	if err := unix.Sendto(fd, append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	answer := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	return verdict(answer[:n])
}

// verdict reads an answer: an error, of which zero is an acknowledgement.
func verdict(b []byte) error {
	if len(b) < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return errors.New("netlink: the kernel's answer is none")
	}
	if code := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); code != 0 {
		return fmt.Errorf("netlink: %w", unix.Errno(-code))
	}
	return nil
}
