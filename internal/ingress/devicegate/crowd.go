package devicegate

import "sync"

// crowd is every session of a gate, so that all can be ended.
type crowd struct {
	mu     sync.Mutex
	all    []*session
	closed bool
	empty  sync.Cond
}

// add takes a session in. False means that it came too late.
func (c *crowd) add(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.number = int32(len(c.all))
	c.all = append(c.all, s)
	return !c.closed
}

// remove fills the gap with the last one.
func (c *crowd) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.all) - 1
	c.all[s.number] = c.all[last]
	c.all[s.number].number = s.number
	c.all[last] = nil
	if c.all = c.all[:last]; last == 0 {
		c.all = nil
		c.empty.Broadcast()
	}
}

func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// close lets nobody in any more and returns who is there.
func (c *crowd) close() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return append([]*session(nil), c.all...)
}

func (c *crowd) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.all) > 0 {
		c.empty.Wait()
	}
}

// Shutdown ends every session, those that come later too. It does not wait.
func (g *Gate) Shutdown() {
	for _, s := range g.crowd.close() {
		s.finish(shutdown())
	}
}

// Wait returns when no session is left.
func (g *Gate) Wait() { g.crowd.wait() }
