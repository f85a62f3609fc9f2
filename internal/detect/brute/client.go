package brute

import (
	"slices"
	"time"

	"haechi/internal/detect"
)

// client is what one client did by one protocol.
type client struct {
	attack   detect.Attack
	first    time.Time
	last     time.Time
	failures int // since first
	entered  int // since first
	ring     [32]attempt
	next     int
	names    names
	servers  names
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
	for range min(n, len(c.ring)) {
		c.ring[c.next] = attempt{at.UnixNano(), name}
		c.next = (c.next + 1) % len(c.ring)
	}
	c.names.add(name, at, cfg.Slow)
}

// within reports whether so many failures, of those that are kept, are in the window.
func (c *client) within(now time.Time, window time.Duration, many int) bool {
	from := now.Add(-window).UnixNano()
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
	from time.Time
}

const maxNames = 64

func (s *names) add(name uint64, at time.Time, span time.Duration) {
	if name == 0 {
		return
	}
	if at.Sub(s.from) > span {
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

// crowd are the clients that failed at one thing, each with its newest failure.
type crowd struct {
	clients [32]attempt // name is the client's hash
}

// add notes a failure and returns how many clients failed within the window.
func (v *crowd) add(client uint64, at time.Time, window time.Duration) (n int) {
	now := at.UnixNano()
	oldest, from := 0, now-int64(window)
	place := -1
	for i := range v.clients {
		c := &v.clients[i]
		if c.name == client {
			place = i
		}
		if c.at < v.clients[oldest].at {
			oldest = i
		}
		if c.at > from {
			n++
		}
	}
	if place < 0 {
		place = oldest
	}
	if v.clients[place].at <= from {
		n++ // it is in the window now
	}
	v.clients[place] = attempt{now, client}
	return n
}

// drop forgets a client and says whether it was there.
func (v *crowd) drop(client uint64) bool {
	for i := range v.clients {
		if v.clients[i].name == client {
			v.clients[i] = attempt{}
			return true
		}
	}
	return false
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
