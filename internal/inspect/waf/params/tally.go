package params

import (
	"math"
	"math/bits"
	"time"
)

const (
	// forget is for how long a kind is known that is not seen again, and after which a
	// parameter that nobody uses makes room.
	forget = 60 * 24 * 60 // minutes
	// trial is for how long a kind may take to become known, so that single values of
	// many months do not add up.
	trial = 30 * 24 * 60
	// halve is how often counts are halved.
	halve = 30 * 24 * 60
)

// tally counts the values of one kind.
type tally struct {
	n           uint32
	first, last uint32 // minutes since 1970
	networks    uint64 // a bit for each, by its hash
}

// entry is what is known of one parameter.
type entry struct {
	key                  uint64 // 0: free
	service, route, name string
	total                uint32
	first, last, halved  uint32 // minutes since 1970
	shortest, longest    uint16
	known                mask
	networks             [4]uint64 // a bit for each, by its hash
	kinds                [kinds]tally
}

// linear estimates how many set so many of the bits (linear counting, Whang et al. 1990).
func linear(set, of int) int {
	if set >= of {
		set = of - 1 // "at least"
	}
	return int(math.Round(-float64(of) * math.Log(1-float64(set)/float64(of))))
}

func (t *tally) count() int { return linear(bits.OnesCount64(t.networks), 64) }

func (e *entry) count() int {
	n := 0
	for _, w := range e.networks {
		n += bits.OnesCount64(w)
	}
	return linear(n, 64*len(e.networks))
}

func minutes(t time.Time) uint32 { return uint32(max(t.Unix()/60, 0)) }

func span(d time.Duration) uint32 { return uint32(d / time.Minute) }

// learn takes one value in. network is a hash.
func (e *entry) learn(cfg *Config, k Kind, length uint16, network uint64, now uint32) {
	if e.total == 0 {
		e.first, e.halved, e.shortest = now, now, math.MaxUint16
	}
	e.decay(now)
	e.last = max(e.last, now)
	e.total = add(e.total)
	e.networks[network>>6&3] |= 1 << (network & 63)
	e.shortest, e.longest = min(e.shortest, length), max(e.longest, length)
	t := &e.kinds[k]
	if !e.known.has(k) && t.n > 0 && now-min(t.first, now) > trial {
		*t = tally{}
	}
	if t.n == 0 {
		t.first = now
	}
	t.n, t.last = add(t.n), max(t.last, now)
	t.networks |= 1 << (network >> 8 & 63)
	if !e.known.has(k) && e.accepts(cfg, t) {
		e.known |= 1 << k
	}
}

func add(n uint32) uint32 { return min(n, math.MaxUint32-1) + 1 }

// accepts reports whether a kind has been seen often enough, by enough, for long enough.
func (e *entry) accepts(cfg *Config, t *tally) bool {
	if t.n < cfg.Values || t.count() < cfg.Networks {
		return false
	}
	if t.last-t.first >= span(cfg.Span) {
		return true
	}
	// Where a quarter of all bring it, it is the application that changed.
	return e.tells(cfg) && t.count()*4 >= e.count() && t.last-t.first >= span(cfg.Changed)
}

// tells reports whether enough is known to say that something is not usual.
func (e *entry) tells(cfg *Config) bool {
	return e.known != 0 && e.total >= cfg.Settled && e.count() >= cfg.Networks && e.last-e.first >= span(cfg.Warm)
}

// decay halves counts and forgets kinds, once in a while.
func (e *entry) decay(now uint32) {
	if now < e.halved+halve {
		return
	}
	e.halved = now
	e.total = max(e.total/2, 1)
	for k := range e.kinds {
		t := &e.kinds[k]
		t.n /= 2
		if e.known.has(Kind(k)) {
			t.n = max(t.n, 1) // disuse forgets it, and nothing else
		}
		if t.n == 0 || now-min(t.last, now) > forget {
			*t = tally{}
			e.known &^= 1 << k
		}
	}
}
