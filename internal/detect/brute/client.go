package brute

import (
	"slices"
	"time"

	"haechi/internal/detect"
)

// client is what one client did by one protocol.
type client struct {
	attack   detect.Attack
	who      uint64 // its hash, 0 until it is asked for
	first    time.Time
	last     time.Time
	failures int // since first
	entered  int // since first
	next     int // in ring
	names    names
	servers  names
	ring     [32]attempt
}

// attempt is one that failed.
type attempt struct {
	at   int64 // Unix nanoseconds, 0: none
	name uint64
}

// fail notes failures of one moment.
func (c *client) fail(at time.Time, name uint64, n int, cfg *Config) {
	if c.failures == 0 || !c.attack.Open() && at.Sub(c.last) > cfg.Window {
		c.first, c.failures, c.entered = at, 0, 0
	}
	c.last = at
	c.failures += n
	now := at.UnixNano()
	for range min(n, len(c.ring)) {
		c.ring[c.next] = attempt{now, name}
		c.next = (c.next + 1) % len(c.ring)
	}
	c.names.add(name, now, cfg.Slow)
}

// within reports whether so many failures, of those that are kept, are in the window.
func (c *client) within(now time.Time, window time.Duration, many int) bool {
	from := now.UnixNano() - int64(window)
	for i := 0; i < len(c.ring) && many > 0; i++ {
		if c.ring[uint(c.next-1-i)%uint(len(c.ring))].at > from { // the newest first
			many--
		}
	}
	return many <= 0
}

// reset forgets what was counted, but for the names.
func (c *client) reset() {
	c.failures, c.entered, c.ring = 0, 0, [32]attempt{}
}

// forgive forgets the failures of a name that got in: somebody mistyped.
func (c *client) forgive(name uint64) {
	for i := range c.ring {
		if c.ring[i].at != 0 && (c.ring[i].name == name || c.ring[i].name == 0) {
			c.ring[i] = attempt{}
			c.failures--
		}
	}
	c.failures = max(c.failures, 0)
	c.names.drop(name)
}

// names are different names, or servers, up to 64.
type names struct {
	list []uint64
	from int64 // Unix nanoseconds; 0: none was there
}

const maxNames = 64

func (s *names) add(name uint64, at int64, span time.Duration) {
	if name == 0 {
		return
	}
	if s.from == 0 || at-s.from > int64(span) {
		s.list, s.from = s.list[:0], at
	}
	if len(s.list) < maxNames && !slices.Contains(s.list, name) {
		s.list = append(s.list, name)
	}
}

func (s *names) drop(name uint64) {
	if i := slices.Index(s.list, name); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
}

func (s *names) count() int { return len(s.list) }

// crowd are the clients that failed at one thing, each with its newest failure in Unix
// nanoseconds, 0 where there is none.
type crowd struct {
	who    [32]uint64 // hashes of the clients
	at     [32]int64
	oldest int // the first of those with the least at
}

// add notes a failure, in the place of the oldest one for a client that is not there.
func (v *crowd) add(client uint64, now int64) {
	i := v.find(client)
	if i < 0 {
		i = v.oldest
		v.who[i] = client
	}
	v.set(i, now)
}

// find is where a client stands, -1 where it does not.
func (v *crowd) find(client uint64) int {
	for i := 0; i < len(v.who); i += 4 { // nearly always it is not there: a quarter of the branches
		w := (*[4]uint64)(v.who[i:])
		if w[0] != client && w[1] != client && w[2] != client && w[3] != client {
			continue
		}
		return i + slices.Index(w[:], client)
	}
	return -1
}

// set gives a place its time and keeps which is the oldest.
func (v *crowd) set(i int, at int64) {
	was := v.at[i]
	v.at[i] = at
	switch least := v.at[v.oldest]; {
	case i == v.oldest:
		v.next(was)
	case at < least, at == least && i < v.oldest:
		v.oldest = i
	}
}

// next finds the oldest after the one of the time was given another. Those of one second
// mostly stand in a row.
func (v *crowd) next(was int64) {
	if i := v.oldest; v.at[i] > was && i+1 < len(v.at) && v.at[i+1] == was {
		v.oldest++
		return
	}
	least := v.at[0]
	v.oldest = 0
	for i := 1; i < len(v.at); i++ {
		if v.at[i] < least {
			v.oldest, least = i, v.at[i]
		}
	}
}

// since counts the clients that failed after a time.
func (v *crowd) since(from int64) (n int) {
	for i := range v.at {
		if v.at[i] > from {
			n++
		}
	}
	return n
}

// drop forgets a client and says whether it was there.
func (v *crowd) drop(client uint64) bool {
	i := v.find(client)
	if i < 0 {
		return false
	}
	v.who[i] = 0
	v.set(i, 0)
	return true
}

// service is one protocol of one server, at which clients fail.
type service struct {
	attack    detect.Attack
	first     time.Time
	last      time.Time
	failures  int // since first
	names     names
	strangers crowd // that never got in
}
