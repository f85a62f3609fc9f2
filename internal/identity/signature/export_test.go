package signature

// Knows reports whether anything is kept about the device.
func (v *Verifier) Knows(device string) bool {
	s, name := v.shard(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices[name] != nil || s.quiet(name) != nil
}

// Silent is how many devices are kept as silent ones.
func (v *Verifier) Silent() (n int) {
	for i := range v.shards {
		s := &v.shards[i]
		s.mu.Lock()
		for j := range s.silent {
			if !s.silent[j].gone() {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}
