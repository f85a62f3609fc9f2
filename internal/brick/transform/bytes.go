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
func In(text []byte) (set Bytes) {
	for _, b := range text {
		set[b>>6] |= 1 << (b & 63)
	}
	return set
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
