package tlsterm

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"time"
)

// ticketLife is how long a session may be resumed: a day (row B23). crypto/tls alone
// would take a ticket for seven.
const ticketLife = 24 * time.Hour

// ticketMark is what a ticket of ours begins its extra data with.
const ticketMark = "haechi1"

// resume lets a session be resumed only under the certificates that it was opened
// under, and within [ticketLife]. A resumed session shows no certificate and asks for
// none, so without this a key that was replaced because it leaked, or a certificate
// that was revoked, would go on to be trusted for as long as its tickets live.
//
// Tickets of another configuration do not open either: each has keys of its own, so a
// reload ends what was issued before it.
func resume(c *tls.Config, serving func() [sha256.Size]byte, now func() time.Time) {
	keys := c // of which the copies that servers make share the ticket keys
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		ss.Extra = append(ss.Extra, stamped(serving(), now()))
		return keys.EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := keys.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return nil, err
		}
		if !resumable(ss.Extra, serving(), now()) {
			return nil, nil // a whole handshake, which is no error
		}
		return ss, nil
	}
}

// stamped says under which certificates a ticket is issued, and when.
func stamped(under [sha256.Size]byte, at time.Time) []byte {
	out := append([]byte(ticketMark), under[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(at.Unix()))
}

func resumable(extra [][]byte, under [sha256.Size]byte, now time.Time) bool {
	for _, e := range extra {
		rest, ours := bytes.CutPrefix(e, []byte(ticketMark))
		if !ours || len(rest) != sha256.Size+8 {
			continue
		}
		age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(rest[sha256.Size:])), 0))
		return bytes.Equal(rest[:sha256.Size], under[:]) && age >= -time.Minute && age < ticketLife
	}
	return false
}

// generation stands for the certificates that the sets serve now: it changes when any
// of them does.
func generation(sets []*Set) (sum [sha256.Size]byte) {
	if len(sets) == 1 {
		return sets[0].fingerprint()
	}
	h := sha256.New()
	for _, s := range sets {
		one := s.fingerprint()
		h.Write(one[:])
	}
	h.Sum(sum[:0])
	return sum
}
