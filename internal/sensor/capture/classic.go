package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// classic reads a pcap file in place: a frame is a piece of what was read last, so that
// its bytes are copied once, by the kernel, into memory that fits a processor's cache.
type classic struct {
	in   io.Reader
	buf  []byte
	at   int // next byte that was not used
	end  int // of what was read
	big  bool
	unit int64 // of the fraction of a second, in nanoseconds
	link uint32
	err  error // of in, once it has one
}

// The magic numbers of a pcap file (draft-ietf-opsawg-pcap, 4), whose fractions are
// microseconds or nanoseconds, and the lengths of its parts.
const (
	magicMicros = 0xa1b2c3d4
	magicNanos  = 0xa1b23c4d
	fileHead    = 24
	frameHead   = 16
	// linkBits are those of the field that name the link type; above them stands whether
	// frames have a checksum.
	linkBits = 1<<28 - 1
)

func newClassic(in io.Reader) (*classic, error) {
	c := &classic{in: in, buf: make([]byte, 2*mostFrame), unit: int64(time.Microsecond)}
	if err := c.need(fileHead); err != nil {
		return nil, err
	}
	head := c.buf[:fileHead]
	c.at = fileHead
	c.big = head[0] == magicMicros>>24
	switch c.u32(head) {
	case magicMicros:
	case magicNanos:
		c.unit = 1
	default:
		return nil, errors.New("an unknown magic number")
	}
	if major := c.u16(head[4:]); major != 2 {
		return nil, fmt.Errorf("version %d of the form is not known", major)
	}
	c.link = c.u32(head[20:]) & linkBits
	return c, nil
}

// need makes n bytes ready, of which there is room for many.
func (c *classic) need(n int) error {
	if c.end-c.at >= n {
		return nil
	}
	c.end = copy(c.buf, c.buf[c.at:c.end])
	c.at = 0
	for idle := 0; c.end < n && c.err == nil; {
		var got int
		got, c.err = c.in.Read(c.buf[c.end:])
		c.end += got
		if idle++; got > 0 {
			idle = 0
		} else if idle > 100 {
			c.err = io.ErrNoProgress
		}
	}
	if c.end >= n {
		return nil
	}
	if errors.Is(c.err, io.EOF) && c.end > 0 {
		return io.ErrUnexpectedEOF
	}
	return c.err
}

// next reads one frame.
func (c *classic) next(out *Frame) error {
	if err := c.need(frameHead); err != nil {
		return err
	}
	head := c.buf[c.at : c.at+frameHead]
	second, fraction, size, wire := c.u32(head), c.u32(head[4:]), c.u32(head[8:]), c.u32(head[12:])
	if size > mostFrame || size > wire {
		return fmt.Errorf("a frame of %d bytes, of %d that were sent", size, wire)
	}
	if err := c.need(frameHead + int(size)); err != nil {
		return err
	}
	from := c.at + frameHead
	c.at = from + int(size)
	*out = Frame{Time: int64(second)*int64(time.Second) + int64(fraction)*c.unit, Link: c.link, Bytes: c.buf[from:c.at:c.at], Wire: int(wire)}
	return nil
}

func (c *classic) u32(b []byte) uint32 {
	if c.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (c *classic) u16(b []byte) uint16 {
	if c.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}
