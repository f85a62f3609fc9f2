package transform

// Bytes is a set of byte values.
type Bytes [4]uint64

// Of returns the set of the bytes of a string.
func Of(s string) (set Bytes) {
	for i := range len(s) {
		set.Add(s[i])
	}
	return set
}

// In returns the set of the bytes of a text.
func In(text []byte) Bytes {
	// A shift by 64 or more gives 0, and differences of bytes wrap: so every byte falls
	// into one word, and the words stay in registers.
	var a, b, c, d uint64
	var all byte
	for _, x := range text {
		a |= 1 << x
		b |= 1 << (x - 64)
		all |= x
	}
	if all >= 0x80 {
		for _, x := range text {
			c |= 1 << (x - 128)
			d |= 1 << (x - 192)
		}
	}
	return Bytes{a, b, c, d}
}

// Lower returns the set with the lower case of each ASCII letter for its upper case.
func (s Bytes) Lower() Bytes {
	const upper = 0x07fffffe // A to Z, in the second word
	s[1] = s[1]&^upper | s[1]&upper<<32
	return s
}

// high is the set of the bytes beyond ASCII.
func high() Bytes { return Bytes{2: ^uint64(0), 3: ^uint64(0)} }

// Add puts a byte into the set.
func (s *Bytes) Add(b byte) { s[b>>6] |= 1 << (b & 63) }

// Or returns the union of two sets.
func (s Bytes) Or(o Bytes) Bytes {
	for i := range s {
		s[i] |= o[i]
	}
	return s
}

// Meets reports whether two sets have a byte in common.
func (s *Bytes) Meets(o *Bytes) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// Within reports whether every byte of the set is in o.
func (s *Bytes) Within(o *Bytes) bool {
	return s[0]&^o[0]|s[1]&^o[1]|s[2]&^o[2]|s[3]&^o[3] == 0
}
