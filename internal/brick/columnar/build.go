package columnar

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// Bounds of a block.
const (
	MaxRows    = 1 << 12
	MaxColumns = 64
	MaxTexts   = 1 << 24 // bytes of all texts of the dictionary

	version = 1
	deltas  = 128 // in a column's mode
	sumSize = 4
)

// Builder gathers the rows of one block, and those of the next after Reset. It is not
// safe for concurrent use.
type Builder struct {
	rows    int
	cols    [MaxColumns]buildColumn
	dict    map[string]int64
	entries []string
	size    int // bytes of the entries
	crc     *crc32.Table
}

// buildColumn holds values up to the last that is not zero.
type buildColumn struct {
	values []int64
	text   bool
	last   string // the text put last, and its number: the next is mostly the same
	number int64
}

// NewBuilder returns a builder without rows.
func NewBuilder() *Builder {
	return &Builder{dict: map[string]int64{}, crc: crc32.MakeTable(crc32.Castagnoli)}
}

// Next begins the next row, of which all columns are zero.
func (b *Builder) Next() { b.rows++ }

// Len is the number of rows.
func (b *Builder) Len() int { return b.rows }

// Texts is how many bytes the texts of the dictionary have.
func (b *Builder) Texts() int { return b.size }

// Int sets a number of the present row, once.
func (b *Builder) Int(column int, v int64) {
	if v == 0 {
		return
	}
	b.cols[column].put(b.rows, v)
}

func (c *buildColumn) put(rows int, v int64) {
	for len(c.values) < rows-1 {
		c.values = append(c.values, 0)
	}
	c.values = append(c.values, v)
}

// Text sets a text of the present row, once. It returns the text's number within the
// block, 0 for the empty text; another text has another number.
func (b *Builder) Text(column int, s string) int64 {
	if s == "" {
		return 0
	}
	c := &b.cols[column]
	if c.number == 0 || c.last != s {
		c.text, c.last = true, s
		c.number = b.number(s)
	}
	c.put(b.rows, c.number)
	return c.number
}

func (b *Builder) number(s string) int64 {
	if n, ok := b.dict[s]; ok {
		return n
	}
	b.entries = append(b.entries, s)
	b.size += len(s)
	n := int64(len(b.entries))
	b.dict[s] = n
	return n
}

// Bytes is Text of a text that is at hand as bytes.
func (b *Builder) Bytes(column int, p []byte) int64 {
	if n, ok := b.dict[string(p)]; ok {
		b.Again(column, n)
		return n
	}
	return b.Text(column, string(p))
}

// Again sets a text of the present row by the number that Text returned since the last
// Reset.
func (b *Builder) Again(column int, number int64) {
	if number != 0 {
		b.cols[column].text = true
		b.cols[column].put(b.rows, number)
	}
}

// Reset forgets all rows and keeps the memory.
func (b *Builder) Reset() {
	for i := range b.cols {
		c := &b.cols[i]
		*c = buildColumn{values: c.values[:0]}
	}
	clear(b.dict)
	clear(b.entries)
	b.rows, b.entries, b.size = 0, b.entries[:0], 0
}

// Append adds the block of all rows to dst. There must be a row, at most MaxRows of
// them and MaxTexts bytes of texts.
func (b *Builder) Append(dst []byte) []byte {
	start := len(dst)
	numbers, texts := b.used()
	dst = append(dst, version)
	for _, n := range [...]uint64{uint64(b.rows), numbers, texts, uint64(len(b.entries))} {
		dst = binary.AppendUvarint(dst, n)
	}
	for _, s := range b.entries {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range b.entries {
		dst = append(dst, s...)
	}
	for rest := numbers | texts; rest != 0; rest &= rest - 1 {
		dst = appendColumn(dst, b.filled(bits.TrailingZeros64(rest)))
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], b.crc))
}

// used are the columns that are not all zero.
func (b *Builder) used() (numbers, texts uint64) {
	for i := range b.cols {
		switch c := &b.cols[i]; {
		case len(c.values) == 0:
		case c.text:
			texts |= 1 << i
		default:
			numbers |= 1 << i
		}
	}
	return numbers, texts
}

func (b *Builder) filled(column int) []int64 {
	c := &b.cols[column]
	for len(c.values) < b.rows {
		c.values = append(c.values, 0)
	}
	return c.values
}
