package haechi

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// Reference is a short id that a person can read out: two groups of five
// letters and digits, for example "7K29Q-XM4TC" (Crockford base 32, 50 bits).
type Reference string

const (
	refAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	refLen      = 10
)

// NewReference derives the reference of a refusal from the rule or decision that
// refused, the actor it refused, and the minute. Equal refusals within a minute
// share one, so a flood of refusals is no flood of records.
func NewReference(rule, actor string, at time.Time) Reference {
	h := sha256.New()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.Unix()/60))
	h.Write(b[:])
	h.Write([]byte(rule))
	h.Write([]byte{0})
	h.Write([]byte(actor))
	var sum [sha256.Size]byte
	return encodeRef(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

func encodeRef(v uint64) Reference {
	var out [refLen + 1]byte
	at := 0
	for i := range refLen {
		if i == refLen/2 {
			out[at] = '-'
			at++
		}
		out[at] = refAlphabet[v>>(64-5*(i+1))&31]
		at++
	}
	return Reference(out[:])
}

// ParseReference reads a reference as a person types it: any case, with or
// without the dash, with the letters O, I and L for the digits they look like.
// Errors are of kind Invalid.
func ParseReference(text string) (Reference, error) {
	clean := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
	if len(clean) != refLen || strings.Trim(clean, refAlphabet) != "" {
		return "", &Error{Kind: Invalid, Op: "parse reference", Msg: "this is no reference",
			Hint: "a reference looks like 7K29Q-XM4TC"}
	}
	return Reference(clean[:refLen/2] + "-" + clean[refLen/2:]), nil
}
