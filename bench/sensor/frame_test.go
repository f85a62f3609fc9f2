package sensor_test

import (
	"bufio"
	"encoding/binary"
	"os"
	"testing"
	"time"
)

// writer writes a capture of Ethernet frames in the classic form, with nanoseconds.
type writer struct {
	out     *bufio.Writer
	frame   []byte
	packets int
	bytes   int64
}

// end is one side of a conversation.
type end struct {
	addr [16]byte // IPv4 in the first four bytes
	port uint16
}

const (
	protoTCP = 6
	protoUDP = 17

	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

// packet is what the next frame holds.
type packet struct {
	from, to end
	v6       bool
	proto    byte
	flags    byte
	seq, ack uint32
	payload  []byte
}

func create(tb testing.TB, path string) (w *writer, done func()) {
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w = &writer{out: bufio.NewWriterSize(f, 1<<20)}
	w.head()
	return w, func() {
		if err := w.out.Flush(); err != nil {
			tb.Fatal(err)
		}
		if err := f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
}

func (w *writer) head() {
	head := make([]byte, 24)
	binary.LittleEndian.PutUint32(head, 0xa1b23c4d)
	binary.LittleEndian.PutUint16(head[4:], 2)
	binary.LittleEndian.PutUint16(head[6:], 4)
	binary.LittleEndian.PutUint32(head[16:], 65535)
	binary.LittleEndian.PutUint32(head[20:], 1) // Ethernet
	_, _ = w.out.Write(head)                    // Flush says it again
}

// write writes one packet. Checksums of TCP and UDP are left to a card that there is
// not, as in a capture of what a machine sends.
func (w *writer) write(at time.Time, p *packet) {
	b := append(w.frame[:0], 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2)
	transport := 20 + len(p.payload)
	if p.proto == protoUDP {
		transport = 8 + len(p.payload)
	}
	if p.v6 {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(transport))
		b = append(b, p.proto, 64)
		b = append(b, p.from.addr[:]...)
		b = append(b, p.to.addr[:]...)
	} else {
		b = append(b, 8, 0, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+transport))
		b = append(b, 0, 0, 0x40, 0, 64, p.proto, 0, 0)
		b = append(b, p.from.addr[:4]...)
		b = append(b, p.to.addr[:4]...)
		binary.BigEndian.PutUint16(b[24:], checksum(b[14:34]))
	}
	b = binary.BigEndian.AppendUint16(b, p.from.port)
	b = binary.BigEndian.AppendUint16(b, p.to.port)
	if p.proto == protoUDP {
		b = binary.BigEndian.AppendUint16(b, uint16(transport))
		b = append(b, 0, 0)
	} else {
		b = binary.BigEndian.AppendUint32(b, p.seq)
		b = binary.BigEndian.AppendUint32(b, p.ack)
		b = append(b, 5<<4, p.flags, 0xfa, 0xf0, 0, 0, 0, 0)
	}
	b = append(b, p.payload...)
	for len(b) < 60 {
		b = append(b, 0) // the least that Ethernet carries
	}
	w.frame = b
	w.record(at, b)
}

func (w *writer) record(at time.Time, b []byte) {
	var head [16]byte
	binary.LittleEndian.PutUint32(head[:], uint32(at.Unix()))
	binary.LittleEndian.PutUint32(head[4:], uint32(at.Nanosecond()))
	binary.LittleEndian.PutUint32(head[8:], uint32(len(b)))
	binary.LittleEndian.PutUint32(head[12:], uint32(len(b)))
	_, _ = w.out.Write(head[:])
	_, _ = w.out.Write(b)
	w.packets++
	w.bytes += int64(len(b))
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	return ^uint16(sum + sum>>16)
}
