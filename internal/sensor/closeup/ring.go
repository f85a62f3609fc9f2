package closeup

import "encoding/binary"

// MostOfPacket is how much of a packet is kept, in bytes: a whole one of Ethernet.
const MostOfPacket = 2048

// headSize is that of a packet in the ring: its length there, link type, length as sent,
// and time.
const headSize = 4 + 4 + 4 + 8

// kept is one packet in the ring.
type kept struct {
	at    int64 // Unix nanoseconds
	link  uint32
	wire  uint32
	bytes []byte
}

// ring holds the newest packets, each in one piece, or in two over the end.
type ring struct {
	b     []byte
	first int // where the oldest begins
	used  int
	count int
	gone  uint64 // older ones that made way
}

// put takes a packet; the oldest make way.
func (r *ring) put(at int64, link uint32, wire int, p []byte) {
	p = p[:min(len(p), MostOfPacket)]
	need := headSize + len(p)
	if need > len(r.b) {
		return
	}
	for len(r.b)-r.used < need {
		r.drop()
	}
	var head [headSize]byte
	binary.NativeEndian.PutUint32(head[:], uint32(len(p)))
	binary.NativeEndian.PutUint32(head[4:], link)
	binary.NativeEndian.PutUint32(head[8:], uint32(wire))
	binary.NativeEndian.PutUint64(head[12:], uint64(at))
	r.write(r.used, head[:])
	r.write(r.used+headSize, p)
	r.used += need
	r.count++
}

func (r *ring) drop() {
	var n [4]byte
	r.read(0, n[:])
	size := headSize + int(binary.NativeEndian.Uint32(n[:]))
	r.first = (r.first + size) % len(r.b)
	r.used -= size
	r.count--
	r.gone++
}

// write copies to so many bytes behind the oldest, over the end where need be.
func (r *ring) write(at int, p []byte) {
	at = (r.first + at) % len(r.b)
	n := copy(r.b[at:], p)
	copy(r.b, p[n:])
}

func (r *ring) read(at int, p []byte) {
	at = (r.first + at) % len(r.b)
	n := copy(p, r.b[at:])
	copy(p[n:], r.b)
}

// all are copies of the packets, the oldest first.
func (r *ring) all() []kept {
	out := make([]kept, 0, r.count)
	for at := 0; at < r.used; {
		var head [headSize]byte
		r.read(at, head[:])
		p := make([]byte, binary.NativeEndian.Uint32(head[:]))
		r.read(at+headSize, p)
		out = append(out, kept{link: binary.NativeEndian.Uint32(head[4:]), wire: binary.NativeEndian.Uint32(head[8:]),
			at: int64(binary.NativeEndian.Uint64(head[12:])), bytes: p})
		at += headSize + len(p)
	}
	return out
}
