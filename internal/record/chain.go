package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"haechi"
)

// chainVersion starts every hashed entry, so that a later encoding can never be
// mistaken for this one.
const chainVersion = "haechi-audit-1"

// HashEntry computes what belongs into e.Hash: the SHA-256, in lower-case
// hexadecimal, of all other fields and Prev. Every field goes in with its length
// before it, so that no text can be moved from one field to the next unnoticed.
func HashEntry(e *haechi.AuditEntry) string {
	b := make([]byte, 0, 512)
	b = appendField(b, chainVersion)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Time.Nanosecond()))
	for _, s := range [...]string{e.By, e.Via, e.Action, e.Subject, e.Before, e.After, e.Reason, e.Prev} {
		b = appendField(b, s)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func appendField(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

// ChainHead is the last link of an audit chain: how many entries there are, and
// the hash of the last. Whoever notes it elsewhere can later prove that nothing
// before it was changed, even against somebody who rewrote the whole database.
type ChainHead struct {
	Seq  uint64
	Hash string
}

// Link makes e the next entry of the chain: it fills Seq, Prev and Hash and moves
// the head on.
func (h *ChainHead) Link(e *haechi.AuditEntry) {
	e.Seq, e.Prev = h.Seq+1, h.Hash
	e.Hash = HashEntry(e)
	h.Seq, h.Hash = e.Seq, e.Hash
}

// ChainError says at which entry an audit chain breaks.
type ChainError struct {
	Seq uint64 // the first entry that is not as it was written
	Why string
}

// Error implements error.
func (e *ChainError) Error() string { return fmt.Sprintf("entry %d: %s", e.Seq, e.Why) }

// Follow checks that e is the entry after the head and moves the head on. Its
// errors are of type *ChainError.
func (h *ChainHead) Follow(e *haechi.AuditEntry) error {
	next := h.Seq + 1
	switch {
	case e.Seq > next:
		return &ChainError{next, fmt.Sprintf("missing: entry %d follows entry %d", e.Seq, h.Seq)}
	case e.Seq < next:
		return &ChainError{e.Seq, fmt.Sprintf("found after entry %d: put in or moved", h.Seq)}
	case e.Prev != h.Hash:
		return &ChainError{e.Seq, "does not follow the entry before it: one of the two was replaced"}
	case e.Hash != HashEntry(e):
		return &ChainError{e.Seq, "its content was changed after it was written"}
	}
	h.Seq, h.Hash = e.Seq, e.Hash
	return nil
}
