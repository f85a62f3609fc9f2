package signature

import "time"

// nonce stands for a verified signature. Half of an HMAC-SHA256 is kept: nobody
// without the key can find two claims that agree in it.
type nonce [16]byte

// use is who first sent a signature: which frame, on which connection. The
// frame's hash is not cryptographic and need not be: a collision can only turn
// the refusal of a graft into a silent drop.
type use struct{ frame, session uint64 }

// generations is how many spans of expiry are alive at once: a new entry ends
// at most two spans ahead of now.
const generations = 3

// generation holds the signatures whose timestamps stop being acceptable within
// one span of time, so that all of them are forgotten together and none early.
type generation struct {
	span int64 // which span; the map is meaningless for any other
	uses map[nonce]use
	more map[nonce][]uint64 // hashes of further frames with an equal signature
	size int                // entries in both
	peak int                // largest size the map has held, to give memory back
	last time.Time          // when an entry was last added
}

// answer is what the memory says about a verified signature.
type answer uint8

const (
	fresh     answer = iota // never seen: remember it
	duplicate               // the very same frame: an honest resend
	reuse                   // another frame of the same millisecond on the same connection
	replayed                // a signature taken from elsewhere
)

// judge applies the two-level rule without changing anything.
func (g *generation) judge(n nonce, u use, allowed int) answer {
	first, seen := g.uses[n]
	if !seen {
		return fresh
	}
	if first.frame == u.frame {
		return duplicate
	}
	more := g.more[n]
	for _, frame := range more {
		if frame == u.frame {
			return duplicate
		}
	}
	if first.session != u.session || len(more) >= allowed {
		return replayed
	}
	return reuse
}

// add remembers a frame that judge called fresh or reuse.
func (g *generation) add(n nonce, u use, a answer, now time.Time) {
	g.last = now
	g.size++
	g.peak = max(g.peak, g.size)
	if a == reuse {
		if g.more == nil {
			g.more = make(map[nonce][]uint64)
		}
		g.more[n] = append(g.more[n], u.frame)
		return
	}
	if g.uses == nil {
		g.uses = make(map[nonce]use)
	}
	g.uses[n] = u
}

// begin empties the generation for a later span and returns how many entries
// that freed. A map that was well used is kept, so that steady traffic does not
// allocate; a map that a burst blew up is given back.
func (g *generation) begin(span int64) (freed int) {
	freed = g.size
	if g.size < g.peak/4 || g.size == 0 {
		g.uses, g.peak = nil, 0
	} else {
		clear(g.uses)
	}
	g.more, g.size, g.span = nil, 0, span
	return freed
}
