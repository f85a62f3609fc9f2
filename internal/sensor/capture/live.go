package capture

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"haechi"
)

// Live reads the frames of a socket that [OpenSocket] has opened, wherever that was, out
// of memory that the kernel shares. It is used by one goroutine, but for Stats.
type Live struct {
	file *os.File
	fd   int
	ring []byte
	link uint32

	block  int // the one that is read, or is next
	frames uint32
	at     uint32 // offset of the next frame in it

	received, dropped atomic.Uint64
}

// NewLive reads from the socket, and owns it then.
func NewLive(socket *os.File) (*Live, error) {
	l := &Live{file: socket, fd: int(socket.Fd()), link: LinkRaw}
	failed := func(err error) (*Live, error) {
		return nil, errors.Join(&haechi.Error{Kind: haechi.Unavailable, Op: "read packets", Err: err}, socket.Close())
	}
	on, err := unix.Getsockname(l.fd)
	if err != nil {
		return failed(err)
	}
	if ll, ok := on.(*unix.SockaddrLinklayer); !ok {
		return failed(errors.New("it is no packet socket"))
	} else if ll.Hatype == unix.ARPHRD_ETHER || ll.Hatype == unix.ARPHRD_LOOPBACK {
		l.link = LinkEthernet
	}
	if l.ring, err = unix.Mmap(l.fd, 0, blockSize*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return failed(fmt.Errorf("map the ring: %w", err))
	}
	return l, nil
}

// The link types of live frames.
const (
	LinkEthernet = 1
	LinkRaw      = 101
)

func (l *Live) head() *unix.TpacketHdrV1 {
	block := (*unix.TpacketBlockDesc)(unsafe.Pointer(&l.ring[l.block*blockSize]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&block.Hdr))
}

// Next reads the next frame; ok is false when none is there. The bytes are borrowed until
// the next call.
func (l *Live) Next(out *Frame) (ok bool) {
	for l.frames == 0 {
		if l.at != 0 {
			l.give()
		}
		h := l.head()
		if atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER == 0 {
			return false
		}
		l.frames, l.at = h.Num_pkts, h.Offset_to_first_pkt
	}
	from := l.ring[l.block*blockSize : (l.block+1)*blockSize]
	h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&from[l.at]))
	start := l.at + uint32(h.Mac)
	*out = Frame{Time: int64(h.Sec)*int64(time.Second) + int64(h.Nsec), Link: l.link, Bytes: from[start : start+h.Snaplen], Wire: int(h.Len)}
	l.frames--
	l.at += h.Next_offset
	return true
}

// give hands the block back to the kernel.
func (l *Live) give() {
	atomic.StoreUint32(&l.head().Block_status, 0)
	l.block, l.at = (l.block+1)%blocks, 0
}

// Wait waits until a frame may be there on one of them, for so long at most. With an
// error it says which is of no use any more, as when its interface is gone.
func Wait(most time.Duration, all []*Live) (broken *Live, err error) {
	p := make([]unix.PollFd, len(all))
	for i, l := range all {
		p[i] = unix.PollFd{Fd: int32(l.fd), Events: unix.POLLIN | unix.POLLERR}
	}
	if _, err := unix.Poll(p, int(most/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
		return all[0], fmt.Errorf("wait for packets: %w", err)
	}
	for i, l := range all {
		if p[i].Revents&unix.POLLERR == 0 {
			continue
		}
		code, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			return l, fmt.Errorf("read packets: %w", err)
		}
	}
	return nil, nil
}

// Stats are how many frames came since the beginning, and how many of them the kernel
// had no room for. It may be called at any time, but not after Close.
func (l *Live) Stats() (frames, dropped uint64) {
	if s, err := unix.GetsockoptTpacketStatsV3(l.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil { // reading resets it
		l.received.Add(uint64(s.Packets))
		l.dropped.Add(uint64(s.Drops))
	}
	return l.received.Load(), l.dropped.Load()
}

// Close ends it.
func (l *Live) Close() error { return errors.Join(unix.Munmap(l.ring), l.file.Close()) }
