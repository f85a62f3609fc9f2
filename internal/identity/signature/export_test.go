package signature

// Knows reports whether anything is kept about the device.
func (v *Verifier) Knows(device string) bool { return v.known(device) != nil }
