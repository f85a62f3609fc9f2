package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"haechi"
)

// Frame is one frame of a capture.
type Frame struct {
	Time  int64  // Unix nanoseconds
	Link  uint32 // link type
	Bytes []byte // as captured, borrowed until the next frame
	Wire  int    // length as sent
}

// File reads the frames of one file, in its order.
type File struct {
	old *classic // or
	ng  *pcapgo.NgReader
	cut bool
}

// Cut reports whether the file ended within a frame, as one does whose writer was
// killed. It is known once Next has returned io.EOF.
func (f *File) Cut() bool { return f.cut }

// mostFrame bounds the bytes of one frame: what Linux captures by default.
const mostFrame = 256 << 10

// sectionHeader is the block type that a pcapng file begins with (its draft, 4.1); it
// reads the same in both byte orders.
const sectionHeader = 0x0a0d0d0a

// Is reports whether a file that begins so is a capture.
func Is(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.LittleEndian.Uint32(head) {
	case sectionHeader, 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		return true
	}
	return false
}

// Open reads the head of a pcap or pcapng file. Errors are of kind Invalid.
func Open(r io.Reader) (*File, error) {
	head := make([]byte, 4)
	n, _ := io.ReadFull(r, head) // Is says what too little is
	if !Is(head[:n]) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "open capture", Msg: "this is no pcap or pcapng file"}
	}
	r = io.MultiReader(bytes.NewReader(head), r)
	if binary.LittleEndian.Uint32(head) == sectionHeader {
		ng, err := pcapgo.NewNgReader(bufio.NewReaderSize(r, 1<<20), pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, unreadable(err)
		}
		return &File{ng: ng}, nil
	}
	old, err := newClassic(r)
	if err != nil {
		return nil, unreadable(err)
	}
	return &File{old: old}, nil
}

// Next reads the next frame. The error is io.EOF at the end, also at that of a file that
// was cut, and of kind Invalid where the file is broken: nothing can be read behind that.
func (f *File) Next(out *Frame) (err error) {
	defer func() {
		if p := recover(); p != nil { // a defect of the reader must not end the sensor
			err = unreadable(fmt.Errorf("%v", p))
		}
	}()
	if f.old != nil {
		err = f.old.next(out)
	} else {
		err = f.block(out)
	}
	if err == nil {
		return nil
	}
	if f.cut = errors.Is(err, io.ErrUnexpectedEOF); f.cut || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return unreadable(err)
}

// block reads one frame of a pcapng file.
func (f *File) block(out *Frame) error {
	b, info, err := f.ng.ZeroCopyReadPacketData()
	if err != nil {
		return err
	}
	*out = Frame{Time: info.Timestamp.UnixNano(), Link: uint32(f.ng.LinkType()), Bytes: b, Wire: info.Length}
	if len(info.AncillaryData) > 0 {
		if l, ok := info.AncillaryData[0].(layers.LinkType); ok {
			out.Link = uint32(l)
		}
	}
	return nil
}

func unreadable(err error) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "read capture", Err: err, Hint: "what came before counts"}
}
