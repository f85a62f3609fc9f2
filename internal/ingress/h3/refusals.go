package h3

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// refusals remembers for a moment who was refused. A hello may come in several packets,
// and again, and the one of a refused client finds no connection: it is one attempt.
type refusals struct {
	seed maphash.Seed
	last [256]refusal // of equal hashes the latest
}

type refusal struct {
	peer netip.AddrPort
	at   time.Time
}

// sameAttempt is for how long packets from one port belong to one attempt.
const sameAttempt = time.Second

func newRefusals() refusals { return refusals{seed: maphash.MakeSeed()} }

func (s *refusals) slot(peer netip.AddrPort) *refusal {
	return &s.last[maphash.Comparable(s.seed, peer)%uint64(len(s.last))]
}

// just reports whether the peer was refused just now.
func (s *refusals) just(peer netip.AddrPort, now time.Time) bool {
	r := s.slot(peer)
	return r.peer == peer && now.Sub(r.at) < sameAttempt
}

func (s *refusals) note(peer netip.AddrPort, now time.Time) { *s.slot(peer) = refusal{peer, now} }
