package haechi

import "iter"

// Answer is the neutral view of what a server behind answered to a [Request]. An
// inspector must not keep it, or anything it reaches, beyond the call.
type Answer struct {
	Status int
	// Headers iterates names in canonical form and their values; nil if none.
	Headers iter.Seq2[string, string]
	// Body is the beginning of the body as it came, compressed if its headers say so.
	Body []byte
	// Cut says that the body goes on beyond Body.
	Cut bool
}
