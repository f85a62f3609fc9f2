package strain

import (
	"sync"
	"time"
)

// When a server counts as busy. The ratios are of the time to an answer against what
// it takes for that kind of request while all is calm.
const (
	EnterRatio = 3.0
	LeaveRatio = 1.7
	MinBusy    = 4 // requests under way
)

const (
	floor     = 20 * time.Millisecond // an answer faster than this is never late
	maxRatio  = 20                    // what one answer can say at most
	weight    = 1.0 / 12              // of one answer
	halfLife  = 2 * time.Second       // of what answers said, without newer ones
	adjust    = 250 * time.Millisecond
	scanEvery = 100 * time.Millisecond
	calmTau   = time.Minute      // in which what a kind takes is believed to have grown
	busyTau   = 10 * time.Minute // the same while the server is busy
	minLimit  = 4
	shrink    = 0.82                   // so that what was let in before fills it to less than a quarter beyond
	dwell     = time.Second            // a change of state lasts as long
	persists  = 300 * time.Millisecond // for which answers are late before the server is busy
	kinds     = 1024
	keep      = 5 * time.Minute // a kind's place, from its last answer
	slack     = 0.1             // by which Fill must fall to be lower
)

// Ticket stands for one request under way; the zero ticket for none.
type Ticket uint32

// none is no time.
const none = -1 << 63

// Gauge measures one service's servers.
type Gauge struct {
	mu sync.Mutex

	most  int
	limit float64
	under int // way

	places []place
	free   []uint32

	learnt [kinds]kind
	ratio  float64 // of late
	said   int64   // when it was last brought up to date

	overdue int
	scanned int64
	changed int64 // the limit
	busy    bool
	since   int64 // of busy, or of calm
	late    int64 // since when answers are late, without a break; none: they are not
	began   int64
	high    float64 // fill, with slack
}

type kind struct {
	hash  uint32
	takes time.Duration // 0: nothing learnt
	at    int64
}

type place struct {
	kind    uint32
	since   int64
	waiting bool // for the answer; the others are being answered
	taken   bool
}

// State is how a server does.
type State struct {
	// Busy is set while it has more to do than it can.
	Busy bool
	// Changed is set once for each change of Busy.
	Changed bool
	// Under is how many requests are under way, Limit how many there should be.
	Under, Limit int
	// Ratio is how many times as long as usual answers take of late.
	Ratio float64
	// Overdue is how many of those under way should have been answered.
	Overdue int
	// Fill is Under against Limit, 1 when full; it falls late.
	Fill float64
	// Age is for how long the gauge has been in use.
	Age time.Duration
}

// New returns a gauge of a server that may have so many requests at once, at least 4.
// now, here and everywhere, is monotonic nanoseconds from any origin.
func New(most int, now int64) *Gauge {
	most = max(most, minLimit)
	return &Gauge{most: most, limit: float64(most), ratio: 1, late: none, began: now, since: now, said: now}
}

// Enter notes a request of the kind. Whoever got a ticket gives it back with Leave.
func (g *Gauge) Enter(kind uint64, now int64) Ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under == 0 { // nothing is waiting: what waited long ago says nothing
		g.overdue = 0
	}
	g.under++
	var at uint32
	if n := len(g.free); n > 0 {
		at, g.free = g.free[n-1], g.free[:n-1]
	} else {
		g.places = append(g.places, place{})
		at = uint32(len(g.places) - 1)
	}
	g.places[at] = place{kind: uint32(kind), since: now, waiting: true, taken: true}
	return Ticket(at + 1)
}

// Answered notes that the server began to answer. learn is false where the time it took
// says nothing about the server, as while a body was still coming.
func (g *Gauge) Answered(t Ticket, now int64, learn bool) {
	if t == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.places[t-1]
	if !p.waiting {
		return
	}
	p.waiting = false
	if !learn {
		return
	}
	took := time.Duration(now - p.since)
	g.settle(now)
	k := g.kindOf(p.kind)
	if k == nil {
		if k = g.claim(p.kind, now); k == nil {
			return
		}
	}
	if k.takes > 0 {
		late := min(float64(took)/float64(max(k.takes, floor)), maxRatio)
		g.ratio += (max(late, 1) - g.ratio) * weight
	}
	g.learn(k, took, now)
}

// Leave gives the ticket back, and says for how long the server was at work for it: at
// most twice what such a request takes while all is calm, so that nobody pays for the
// queue that others made.
func (g *Gauge) Leave(t Ticket, now int64) time.Duration {
	if t == 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.places[t-1]
	if !p.taken {
		return 0
	}
	took := time.Duration(max(now-p.since, 0))
	k := g.kindOf(p.kind)
	*p = place{}
	g.free = append(g.free, uint32(t-1))
	g.under--
	if k != nil && k.takes > 0 && g.busy {
		return min(took, 2*max(k.takes, floor))
	}
	return took
}

// State brings the gauge up to date.
func (g *Gauge) State(now int64) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(now)
	g.scan(now)
	was := g.busy
	g.judge(now)
	g.bound(now)
	fill := float64(g.under) / g.limit
	g.high = max(fill, min(g.high, fill+slack))
	return State{Busy: g.busy, Changed: was != g.busy, Under: g.under, Limit: int(g.limit), Ratio: g.ratio,
		Overdue: g.overdue, Fill: g.high, Age: time.Duration(now - g.began)}
}

// Look is the state as it was last brought up to date.
func (g *Gauge) Look() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return State{Busy: g.busy, Under: g.under, Limit: int(g.limit), Ratio: g.ratio, Overdue: g.overdue, Fill: g.high}
}

// kindOf is what was learnt of the kind, nil if nothing was.
func (g *Gauge) kindOf(hash uint32) *kind {
	if k := &g.learnt[hash%kinds]; k.hash == hash {
		return k
	}
	return nil
}

// claim gives the kind a place, unless another one that is still asked for has it: an
// attacker who invents kinds must not make the gauge forget the others.
func (g *Gauge) claim(hash uint32, now int64) *kind {
	k := &g.learnt[hash%kinds]
	if k.takes > 0 && now-k.at < int64(keep) {
		return nil
	}
	*k = kind{hash: hash}
	return k
}

// learn believes a faster answer at once, and a slower one by and by: a page that has
// become slower for good is no strain for ever.
func (g *Gauge) learn(k *kind, took time.Duration, now int64) {
	tau := calmTau
	if g.busy {
		tau = busyTau
	}
	switch {
	case k.takes == 0 && g.busy:
		return // what is first seen in a crowd says nothing
	case k.takes == 0 || took < k.takes:
		k.takes = max(took, 1)
	default:
		share := min(float64(now-k.at)/float64(tau), 0.1)
		k.takes += time.Duration(float64(took-k.takes) * share)
	}
	k.at = now
}

// settle lets what answers said fade.
func (g *Gauge) settle(now int64) {
	for now-g.said >= int64(halfLife)/8 {
		if now-g.said > int64(16*halfLife) {
			g.ratio, g.said = 1, now
			return
		}
		g.ratio = 1 + (g.ratio-1)*0.917 // the eighth root of a half
		g.said += int64(halfLife) / 8
	}
}

// scan counts what waits longer than it should.
func (g *Gauge) scan(now int64) {
	if now-g.scanned < int64(scanEvery) {
		return
	}
	g.scanned, g.overdue = now, 0
	for i := range g.places {
		p := &g.places[i]
		if !p.waiting {
			continue
		}
		k := g.kindOf(p.kind)
		if k != nil && k.takes > 0 && float64(now-p.since) > EnterRatio*float64(max(k.takes, floor)) {
			g.overdue++
		}
	}
}

// judge says whether the server is busy. A change lasts for a moment, and lateness that
// passes at once is none of the server's: the machine, or what lies between, stood still,
// and everything under way was answered late together.
func (g *Gauge) judge(now int64) {
	switch {
	case !g.isLate():
		g.late = none
	case g.late == none:
		g.late = now
	}
	if now-g.since < int64(dwell) {
		return
	}
	late := g.late != none && now-g.late >= int64(persists)
	if !g.busy && late || g.busy && g.isCalm() {
		g.busy, g.since = !g.busy, now
	}
}

// isLate reports whether answers, or those that are waited for, take too long now.
func (g *Gauge) isLate() bool {
	return g.under >= MinBusy && g.ratio >= EnterRatio || g.overdue >= max(MinBusy, g.under/2)
}

// isCalm reports whether they take about as long as usual.
func (g *Gauge) isCalm() bool {
	return g.ratio < LeaveRatio && g.overdue < max(MinBusy/2, g.under/4)
}

// bound moves the limit. While more is under way than it says, as just after it fell,
// it stays: what was let in has to end first. It stays too while answers are as usual
// again and it is only not known yet whether that lasts.
func (g *Gauge) bound(now int64) {
	if now-g.changed < int64(adjust) {
		return
	}
	g.changed = now
	if g.busy {
		if under := float64(g.under); under <= g.limit && !g.isCalm() {
			g.limit = max(minLimit, shrink*max(under, min(g.limit, 2*minLimit)))
		}
		return
	}
	g.limit = min(float64(g.most), g.limit+max(2, g.limit/10))
}
