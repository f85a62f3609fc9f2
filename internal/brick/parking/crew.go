package parking

import "sync"

// job is one wake.
type job struct {
	who Waker
	why Events
}

// crew runs wakes, each in a goroutine of its own. Some are kept for the next wakes,
// with the stacks they have grown: few for ever, and more for as long as they are
// needed. There are never more than places.
type crew struct {
	keep int

	mu     sync.Mutex
	idle   []chan job // last in, first out
	least  int        // the fewest that were idle since the last shed
	live   int        // goroutines
	closed bool
	none   chan struct{} // closed when live is 0 after close
}

func (c *crew) do(j job) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		next := c.idle[n-1]
		c.idle[n-1], c.idle = nil, c.idle[:n-1]
		c.least = min(c.least, n-1)
		c.mu.Unlock()
		next <- j
		return
	}
	c.live++
	c.mu.Unlock()
	go c.work(j)
}

func (c *crew) work(j job) {
	defer c.done()
	more := make(chan job, 1)
	for ok := true; ok; j, ok = <-more {
		j.who.Wake(j.why)
		j = job{}
		if !c.rest(more) {
			return
		}
	}
}

// most is how many idle goroutines are kept while they are needed, for each that is
// kept for ever.
const most = 16

// rest offers the goroutine for the next wake, unless there are enough.
func (c *crew) rest(more chan job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= c.keep*most {
		return false
	}
	c.idle = append(c.idle, more)
	return true
}

// shed lets go of those that nobody needed since the last time, but for a few.
func (c *crew) shed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(c.least, len(c.idle)) - c.keep
	if n > 0 {
		for _, more := range c.idle[:n] {
			close(more)
		}
		c.idle = append([]chan job(nil), c.idle[n:]...)
	}
	c.least = len(c.idle)
}

// release lets go of all that are idle.
func (c *crew) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, more := range c.idle {
		close(more)
	}
	c.idle, c.least = nil, 0
}

func (c *crew) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live--; c.live == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// close returns when every wake has ended.
func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	for _, more := range c.idle {
		close(more)
	}
	c.idle = nil
	none := make(chan struct{})
	if c.live == 0 {
		close(none)
	} else {
		c.none = none
	}
	c.mu.Unlock()
	<-none
}
