package tenure

import (
	"encoding/binary"
	"errors"
)

// ErrState means that bytes are not what [Table.MarshalBinary] of a table of this size
// wrote.
var ErrState = errors.New("not the tenure of as many keys")

const entrySize = 12

// MarshalBinary implements encoding.BinaryMarshaler. What it writes is of use where the
// origin of times is the same, as that of the clock's is.
func (t *Table) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64(nil, t.buckets)
	for i := range t.entries {
		mu := &t.locks[(uint64(i)/ways)%shards]
		mu.Lock()
		e := t.entries[i]
		mu.Unlock()
		if e.first != 0 {
			b = binary.LittleEndian.AppendUint32(b, uint32(i))
			b = binary.LittleEndian.AppendUint32(b, e.tag)
			b = binary.LittleEndian.AppendUint32(b, e.first)
			b = binary.LittleEndian.AppendUint32(b, e.last)
		}
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. On an error nothing has changed.
func (t *Table) UnmarshalBinary(b []byte) error {
	if len(b) < 8 || (len(b)-8)%(entrySize+4) != 0 || binary.LittleEndian.Uint64(b) != t.buckets {
		return ErrState
	}
	entries := make([]entry, len(t.entries))
	for b = b[8:]; len(b) > 0; b = b[entrySize+4:] {
		i := binary.LittleEndian.Uint32(b)
		e := entry{tag: binary.LittleEndian.Uint32(b[4:]), first: binary.LittleEndian.Uint32(b[8:]), last: binary.LittleEndian.Uint32(b[12:])}
		if uint64(i) >= uint64(len(entries)) || e.first == 0 || e.last < e.first {
			return ErrState
		}
		entries[i] = e
	}
	for i := range entries {
		mu := &t.locks[(uint64(i)/ways)%shards]
		mu.Lock()
		t.entries[i] = entries[i]
		mu.Unlock()
	}
	return nil
}
