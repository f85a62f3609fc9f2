package signature

// Knows reports whether anything is kept about the device.
func (v *Verifier) Knows(device string) bool {
	s, name := v.shard(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices[name] != nil
}
