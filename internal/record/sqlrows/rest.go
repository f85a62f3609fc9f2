package sqlrows

import "context"

// Rest gives back what only a busy time needs. It is for when little has been written for
// a while: what it forgets is made again with the next batch, and a sighting that is
// written twice is kept once.
func (s *Store) Rest(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.write
	w.args, w.blocks, w.enc.addrs = nil, blockWriter{stmt: w.blocks.stmt}, nil
	clear(w.sorted[:])
	w.seen = seenSet{}
	return nil
}
