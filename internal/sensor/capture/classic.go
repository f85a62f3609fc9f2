package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// classic reads a pcap file in place: a frame is a piece of the file's pages, or of what
// was read last, so that its bytes are copied once, by the kernel, into memory that fits a
// processor's cache.
type classic struct {
	in   io.Reader // or
	file *pages

	buf  []byte
	at   int // next byte that was not used
	end  int // of what was read
	big  bool
	unit int64 // of the fraction of a second, in nanoseconds
	link uint32
	err  error // of in, once it has one

	fetched int // up to where the heads of frames are in the cache
	touched byte
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

// readClassic reads a file as a stream, which is in the cache then.
func readClassic(in io.Reader) (*classic, error) {
	c := &classic{in: in, buf: make([]byte, 2*mostFrame), fetched: math.MaxInt}
	return c, c.head()
}

// mapClassic borrows a file's pages, the first window of which is there.
func mapClassic(file *pages) (*classic, error) {
	c := &classic{file: file, buf: file.window, end: len(file.window)}
	return c, c.head()
}

// head reads the file's head.
func (c *classic) head() error {
	if err := c.need(fileHead); err != nil {
		return err
	}
	head := c.buf[c.at : c.at+fileHead]
	c.at += fileHead
	c.unit = int64(time.Microsecond)
	c.big = head[0] == magicMicros>>24
	switch c.u32(head) {
	case magicMicros:
	case magicNanos:
		c.unit = 1
	default:
		return errors.New("an unknown magic number")
	}
	if major := c.u16(head[4:]); major != 2 {
		return fmt.Errorf("version %d of the form is not known", major)
	}
	c.link = c.u32(head[20:]) & linkBits
	return nil
}

// need makes n bytes ready, of which there is room for many.
func (c *classic) need(n int) error {
	if c.end-c.at >= n {
		return nil
	}
	if c.file != nil {
		return c.turn(n)
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

// turn borrows the pages that begin with the next byte, n of which are needed.
func (c *classic) turn(n int) error {
	b, at, err := c.file.from(c.file.at + int64(c.at))
	if err != nil {
		c.at, c.end = 0, 0
		return err
	}
	c.buf, c.at, c.end, c.fetched = b, at, len(b), at
	if c.end-c.at < n {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// ready takes the next frame if all of it is there and nothing is wrong with it.
func (c *classic) ready(out *Frame) bool {
	if c.end-c.at < frameHead {
		return false
	}
	if c.at >= c.fetched {
		c.fetch()
	}
	head := c.buf[c.at : c.at+frameHead]
	size, wire := c.u32(head[8:]), c.u32(head[12:])
	from := c.at + frameHead
	if size > mostFrame || size > wire || int(size) > c.end-from {
		return false
	}
	c.at = from + int(size)
	out.Time = int64(c.u32(head))*int64(time.Second) + int64(c.u32(head[4:]))*c.unit
	out.Link, out.Bytes, out.Wire = c.link, c.buf[from:c.at:c.at], int(wire)
	return true
}

// next reads one frame.
func (c *classic) next(out *Frame) error {
	if err := c.need(frameHead); err != nil {
		return err
	}
	head := c.buf[c.at : c.at+frameHead]
	size, wire := c.u32(head[8:]), c.u32(head[12:])
	if size > mostFrame || size > wire {
		return fmt.Errorf("a frame of %d bytes, of %d that were sent", size, wire)
	}
	if err := c.need(frameHead + int(size)); err != nil {
		return err
	}
	if !c.ready(out) {
		return errors.New("the file was written while it was read")
	}
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
