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

// few is how many entries lie in a plain list, which is all that a device needs that
// is mostly silent; more are found through maps.
const few = 8

// generation holds the signatures whose timestamps stop being acceptable within
// one span of time, so that all of them are forgotten together and none early.
type generation struct {
	next *generation   // of the same device, in no order
	span int64         // which span
	last time.Duration // when an entry was last added, since the verifier began
	list []entry       // in order of arrival, while there are few
	big  *index        // nil while there are few
	size int32         // entries
	peak int32         // largest size that big has held, to give memory back
}

// entry is one remembered frame of a short list. Of entries with an equal nonce the
// first is who first sent the signature.
type entry struct {
	nonce
	use
}

// index is the entries of a generation that has many.
type index struct {
	uses map[nonce]use
	more map[nonce][]uint64 // hashes of further frames with an equal signature
}

// answer is what the memory says about a verified signature.
type answer uint8

const (
	fresh     answer = iota // never seen: remember it
	duplicate               // the very same frame: an honest resend
	reuse                   // another frame of the same millisecond on the same connection
	replayed                // a signature taken from elsewhere
)

// judge applies the two-level rule without changing anything. more is how many further
// frames have the signature, and same says that the connection is that of the first.
func (g *generation) judge(n nonce, u use, allowed int) (a answer, more int, same bool) {
	first, again, more, seen := g.find(n, u.frame)
	same = first.session == u.session
	switch {
	case !seen:
		return fresh, 0, false
	case again:
		return duplicate, more, same
	case !same || more >= allowed:
		return replayed, more, same
	}
	return reuse, more, same
}

// find looks a signature up: who first sent it, whether it was with this frame too, and
// with how many others.
func (g *generation) find(n nonce, frame uint64) (first use, again bool, more int, seen bool) {
	if g.big != nil {
		first, seen = g.big.uses[n]
		others := g.big.more[n]
		for _, f := range others {
			again = again || f == frame
		}
		return first, seen && (again || first.frame == frame), len(others), seen
	}
	for i := range g.list {
		e := &g.list[i]
		if e.nonce != n {
			continue
		}
		if !seen {
			first, seen = e.use, true
		} else {
			more++
		}
		again = again || e.frame == frame
	}
	return first, again, more, seen
}

// add remembers a frame that judge called fresh or reuse.
func (g *generation) add(n nonce, u use, a answer, now time.Duration) {
	g.last = now
	g.size++
	if g.big == nil && len(g.list) < few {
		g.list = append(g.list, entry{n, u})
		return
	}
	if g.big == nil {
		g.spread()
	}
	g.peak = max(g.peak, g.size)
	g.big.add(n, u, a == reuse)
}

// spread moves the list into maps.
func (g *generation) spread() {
	g.big = &index{uses: make(map[nonce]use, 2*few)}
	for i := range g.list {
		e := &g.list[i]
		_, seen := g.big.uses[e.nonce]
		g.big.add(e.nonce, e.use, seen)
	}
	g.list = nil
}

func (x *index) add(n nonce, u use, again bool) {
	if !again {
		x.uses[n] = u
		return
	}
	if x.more == nil {
		x.more = make(map[nonce][]uint64)
	}
	x.more[n] = append(x.more[n], u.frame)
}

// begin empties the generation for a later span and returns how many entries
// that freed. A map that was well used is kept, so that steady traffic does not
// allocate; a map that a burst blew up is given back.
func (g *generation) begin(span int64) (freed int) {
	freed = int(g.size)
	if g.big != nil && g.size >= g.peak/4 {
		clear(g.big.uses)
		g.big.more = nil
	} else {
		g.big, g.peak = nil, 0
	}
	g.list, g.size, g.span = g.list[:0], 0, span
	return freed
}
