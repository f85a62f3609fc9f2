package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

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
	old, err := readClassic(r)
	if err != nil {
		return nil, unreadable(err)
	}
	return &File{old: old}, nil
}

// OpenFile reads the capture that begins at a file's begin. Pages of a regular pcap file
// are borrowed where that is possible, which is twice as fast as reading, and everything
// that looks at its frames has to run within [File.Guard]. passed is told how many bytes
// more were read. Errors are of kind Invalid.
func OpenFile(file *os.File, passed func(n int64)) (*File, error) {
	head := make([]byte, 4)
	st, err := file.Stat()
	if err == nil && st.Mode().IsRegular() {
		_, err = file.ReadAt(head, 0)
	}
	if err != nil || !Is(head) || binary.LittleEndian.Uint32(head) == sectionHeader {
		return Open(&metered{file, passed})
	}
	p := &pages{file: file, passed: passed}
	if _, _, err := p.from(0); err != nil { // not every file system can
		return Open(&metered{file, passed})
	}
	c := &classic{}
	if err := p.guard(func() (err error) { c, err = mapClassic(p); return err }); err != nil {
		return nil, unreadable(errors.Join(err, p.close()))
	}
	return &File{old: c}, nil
}

// metered says how much was read.
type metered struct {
	io.Reader
	passed func(n int64)
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.passed(int64(n))
	return n, err
}

// Guard runs what reads the frames, and whatever looks at them. The error is its own, or
// of kind Invalid where another program cut the file under it.
func (f *File) Guard(use func() error) error {
	if f.old == nil || f.old.file == nil {
		return use()
	}
	return f.old.file.guard(use)
}

// Close gives borrowed pages back. It leaves the file open.
func (f *File) Close() error {
	if f.old == nil || f.old.file == nil {
		return nil
	}
	f.old.at, f.old.end = 0, 0
	return f.old.file.close()
}

// Next reads the next frame. The error is io.EOF at the end, also at that of a file that
// was cut, and of kind Invalid where the file is broken: nothing can be read behind that.
func (f *File) Next(out *Frame) error {
	if f.old != nil && f.old.ready(out) {
		return nil
	}
	return f.more(out)
}

// Batch reads the next frames into out, which is not empty, and says how many: as many as
// are there without a wait, and one at least without an error. All of them are borrowed
// until the next call. The error is that of Next.
func (f *File) Batch(out []Frame) (n int, err error) {
	for f.old != nil && n < len(out) && f.old.ready(&out[n]) {
		n++
	}
	if n > 0 {
		return n, nil
	}
	if err := f.more(&out[0]); err != nil {
		return 0, err
	}
	return 1, nil
}

func (f *File) more(out *Frame) (err error) {
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
