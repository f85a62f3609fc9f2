package logline

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Texts of lines are short, and their numbers have now one digit more and now one less, so that
// a loop over their digits is mispredicted once a number. These read eight bytes at once.

const (
	zeros = 0x3030303030303030 // eight times '0'
	highs = 0x8080808080808080
	edge  = 0x7676767676767676 // what makes a high bit of more than 9
)

// eight is a text of up to eight bytes, which is compared at once.
type eight struct {
	n     int // its length, 0: it is longer
	bytes uint64
}

func eightOf(text string) (e eight) {
	if len(text) > 8 {
		return e
	}
	var b [8]byte
	e.n = copy(b[:], text)
	e.bytes = binary.LittleEndian.Uint64(b[:])
	return e
}

// begins reports whether b begins with the text.
func (e eight) begins(b, text []byte) bool {
	if e.n == 0 || len(b) < 8 {
		return bytes.HasPrefix(b, text)
	}
	return (binary.LittleEndian.Uint64(b)^e.bytes)<<(64-8*e.n) == 0
}

// ends reports whether b ends with the text.
func (e eight) ends(b, text []byte) bool {
	if e.n == 0 || len(b) < 8 {
		return bytes.HasSuffix(b, text)
	}
	return binary.LittleEndian.Uint64(b[len(b)-8:])>>(64-8*e.n) == e.bytes
}

// others has the high bit of each of eight bytes that is no digit.
func others(x uint64) uint64 {
	x ^= zeros
	return ((x&^highs + edge) | x) & highs
}

// digitsAt is how many digits a text begins with.
func digitsAt(b []byte) (n int) {
	if len(b) >= 8 {
		if x := others(binary.LittleEndian.Uint64(b)); x != 0 {
			return bits.TrailingZeros64(x) >> 3
		}
		n = 8
	}
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

// shortEnd reads the number of 16 bits at the end of a text and where it begins; false: there
// is none, or it is not to be read so.
func shortEnd(b []byte) (v uint16, from int, ok bool) {
	if len(b) < 8 {
		return 0, 0, false
	}
	x := binary.LittleEndian.Uint64(b[len(b)-8:])
	n := bits.LeadingZeros64(others(x)) >> 3
	if n == 0 || n == 8 {
		return 0, 0, false
	}
	x = (x ^ zeros) >> (64 - 8*n) << (64 - 8*n)
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff // pairs, then fours, then all
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	x = (x*10000 + x>>32) & 0xffffffff
	return uint16(x), len(b) - n, x <= 0xffff
}

// dottedEnd reads the IPv4 address at the end of a text, and where it begins; false: other
// text of an address ends there, or it is not to be read so.
func dottedEnd(b []byte) (a netip.Addr, from int, ok bool) {
	if len(b) < 16 {
		return a, 0, false
	}
	tail := (*[16]byte)(b[len(b)-16:]) // 15 of an address, and what is before it
	m := marks(binary.LittleEndian.Uint64(tail[:8]))<<16 | marks(binary.LittleEndian.Uint64(tail[8:]))<<24
	var out [4]byte
	end := len(tail)
	for part := 3; part >= 0; part-- {
		n := bits.LeadingZeros32(m)
		if n-1 > 2 || n == 0 || part < 3 && tail[end] != '.' {
			return a, 0, false
		}
		w := binary.LittleEndian.Uint32(tail[end-4:]) ^ zeros&0xffffffff
		if n > 1 && tail[end-n] == '0' {
			return a, 0, false
		}
		w &= 0xffffffff << (32 - 8*n)
		value := w>>24 + w>>16&255*10 + w>>8&255*100
		if value > 255 {
			return a, 0, false
		}
		out[part] = byte(value)
		m <<= n + 1
		end -= n + 1
	}
	return netip.AddrFrom4(out), len(b) - len(tail) + end + 1, !source.takes(tail[end])
}

// marks is a bit for each of eight bytes that is no digit, the last one highest.
func marks(x uint64) uint32 {
	return uint32(others(x) >> 7 * 0x0102040810204080 >> 56)
}
