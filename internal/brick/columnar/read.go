package columnar

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
)

// damage is what is wrong with a block.
type damage string

// Error implements error.
func (d damage) Error() string { return "damaged block: " + string(d) }

const (
	tooShort   damage = "it is too short"
	wrongSum   damage = "its checksum differs"
	wrongSizes damage = "impossible sizes"
	headEnds   damage = "its head ends early"
	textsEnd   damage = "its dictionary ends early"
	columnEnds damage = "a column ends early"
	wrongWidth damage = "impossible numbers"
	noSuchText damage = "a text that it does not hold"
	noEnd      damage = "it does not end"
)

// Reader reads one block after the other. It is not safe for concurrent use.
type Reader struct {
	rows           int
	numbers, texts uint64
	entries        []entry
	bytes          []byte // of the dictionary, within the block
	rest           []byte // the columns
	cols           [MaxColumns][]int64
	zeros          []int64
	crc            *crc32.Table
}

// entry is one text of the dictionary; what it says is made once for all rows.
type entry struct {
	from, to int
	text     string
}

// NewReader returns a reader without a block.
func NewReader() *Reader { return &Reader{crc: crc32.MakeTable(crc32.Castagnoli)} }

// Open looks at a block and its dictionary, but not at its columns: until Load only Len
// and Number say anything. The block must stay as it is until the next Open.
func (r *Reader) Open(block []byte) error {
	r.rows, r.entries = 0, r.entries[:0]
	if len(block) < 1+sumSize {
		return tooShort
	}
	body := block[:len(block)-sumSize]
	if crc32.Checksum(body, r.crc) != binary.LittleEndian.Uint32(block[len(body):]) {
		return wrongSum
	}
	if body[0] != version {
		return fmt.Errorf("a block of version %d, known is %d", body[0], version)
	}
	return r.head(body[1:])
}

func (r *Reader) head(p []byte) error {
	var h [4]uint64
	for i := range h {
		n := 0
		if h[i], n = binary.Uvarint(p); n <= 0 {
			return headEnds
		}
		p = p[n:]
	}
	if h[0] == 0 || h[0] > MaxRows || h[1]&h[2] != 0 || h[3] > uint64(len(p)) {
		return wrongSizes
	}
	r.numbers, r.texts = h[1], h[2]
	if err := r.dictionary(p, int(h[3])); err != nil {
		return err
	}
	r.rows = int(h[0])
	return nil
}

func (r *Reader) dictionary(p []byte, entries int) error {
	at := 0
	for range entries {
		size, n := binary.Uvarint(p)
		if n <= 0 || size > MaxTexts {
			return textsEnd
		}
		p = p[n:]
		r.entries = append(r.entries, entry{from: at, to: at + int(size)})
		at += int(size)
	}
	if at > len(p) {
		return textsEnd
	}
	r.bytes, r.rest = p[:at], p[at:]
	return nil
}

// Len is the number of rows.
func (r *Reader) Len() int { return r.rows }

// Number is that of a text within the block, 0 if it holds none such.
func (r *Reader) Number(text string) int64 {
	if text == "" {
		return 0
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.to-e.from == len(text) && string(r.bytes[e.from:e.to]) == text {
			return int64(i + 1)
		}
	}
	return 0
}

// Load reads the columns.
func (r *Reader) Load() error {
	for len(r.zeros) < r.rows {
		r.zeros = append(r.zeros, 0)
	}
	p := r.rest
	for i := range r.cols {
		r.cols[i] = r.cols[i][:0]
	}
	for left := r.numbers | r.texts; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		r.cols[i] = slices.Grow(r.cols[i], r.rows)[:r.rows]
		n, err := readColumn(r.cols[i], p)
		if err != nil {
			return err
		}
		p = p[n:]
		if r.texts&(1<<i) != 0 && !r.known(r.cols[i]) {
			return noSuchText
		}
	}
	if len(p) != 0 {
		return noEnd
	}
	return nil
}

func (r *Reader) known(numbers []int64) bool {
	for _, n := range numbers {
		if uint64(n) > uint64(len(r.entries)) {
			return false
		}
	}
	return true
}

// readColumn fills out and says how many bytes of p that took.
func readColumn(out []int64, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, columnEnds
	}
	width, steps, at := uint(p[0]&^deltas), p[0]&deltas != 0, 1
	if width > 64 {
		return 0, wrongWidth
	}
	packed, first := out, int64(0)
	if steps {
		n := 0
		if first, n = binary.Varint(p[at:]); n <= 0 {
			return 0, columnEnds
		}
		packed, at = out[1:], at+n
	}
	low, n := binary.Varint(p[at:])
	at += max(n, 0)
	size := (len(packed)*int(width) + 7) / 8
	if n <= 0 || size > len(p)-at {
		return 0, columnEnds
	}
	unpack(packed, p[at:at+size], low, width)
	if steps {
		out[0] = first
		for i := 1; i < len(out); i++ {
			out[i] += out[i-1]
		}
	}
	return at + size, nil
}

// Ints are the numbers of a column, or the numbers of its texts, row by row; they hold
// until the next Load. Of a column that the block does not have all are zero.
func (r *Reader) Ints(column int) []int64 {
	if len(r.cols[column]) == 0 {
		return r.zeros[:r.rows]
	}
	return r.cols[column]
}

// Text is that of a row.
func (r *Reader) Text(column, row int) string {
	if r.texts&(1<<column) == 0 {
		return ""
	}
	n := r.cols[column][row]
	if n == 0 {
		return ""
	}
	e := &r.entries[n-1]
	if e.text == "" {
		e.text = string(r.bytes[e.from:e.to])
	}
	return e.text
}
