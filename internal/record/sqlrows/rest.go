package sqlrows

import "context"

// Rest gives back what only a busy time needs. It is for when little has been written for
// a while: what it forgets is made again with the next batch, and a sighting that is
// written twice is kept once. The copy of the device registry is brought up to date: what
// waits for the next batch would wait for long.
func (s *Store) Rest(ctx context.Context) error {
	behind := s.catchUp(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.write
	w.args, w.blocks, w.enc.addrs = nil, blockWriter{stmt: w.blocks.stmt}, nil
	clear(w.sorted[:])
	w.seen = seenSet{}
	return behind
}
