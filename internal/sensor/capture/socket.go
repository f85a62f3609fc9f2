package capture

import (
	"encoding/binary"
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"haechi"
)

// The ring of a socket: 64 blocks of 1 MiB. The kernel hands over a block when it is
// full, or after a tenth of a second.
const (
	blockSize  = 1 << 20
	blocks     = 64
	frameSize  = 2048 // only a unit of account in TPACKET_V3
	retireMsec = 100
)

// OpenSocket opens a packet socket with its ring on a network interface. It needs
// CAP_NET_RAW; reading from it does not, so that it can be handed to a process without
// rights. Errors are of kind Denied without the right, or where this process has given up
// packet sockets, and NotFound without the interface.
func OpenSocket(name string) (*os.File, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "capture on " + name, Err: err, Hint: "ip link lists the interfaces"}
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		kind := haechi.Unavailable
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAFNOSUPPORT) { // the second is the answer of a filter of system calls
			kind = haechi.Denied
		}
		return nil, &haechi.Error{Kind: kind, Op: "capture on " + name, Err: err,
			Hint: "give the gateway CAP_NET_RAW, or let haechi shield open the socket (shield.socket)"}
	}
	if err := arrange(fd, i); err != nil {
		return nil, errors.Join(&haechi.Error{Kind: haechi.Unavailable, Op: "capture on " + name, Err: err}, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "packets of "+name), nil
}

// arrange sets everything before the socket is bound, so that no packet comes unfiltered.
func arrange(fd int, i *net.Interface) error {
	ring := unix.TpacketReq3{Block_size: blockSize, Block_nr: blocks, Frame_size: frameSize, Frame_nr: blockSize / frameSize * blocks,
		Retire_blk_tov: retireMsec}
	program := filter()
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3),
		unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &ring))
	if i.Flags&net.FlagLoopback != 0 { // there, every packet would come twice
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	}
	if err != nil {
		return err
	}
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
}

// filter lets through what can hold IP: the kernel drops the rest before it is copied.
func filter() []unix.SockFilter {
	kinds := []uint32{unix.ETH_P_IP, unix.ETH_P_IPV6, unix.ETH_P_8021Q, unix.ETH_P_8021AD, unix.ETH_P_PPP_SES}
	const protocol = 1<<32 - 0x1000 // SKF_AD_OFF + SKF_AD_PROTOCOL
	out := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: protocol}}
	for n, kind := range kinds {
		out = append(out, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(kinds) - n), K: kind})
	}
	return append(out, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: mostFrame})
}
