package haechi

import (
	"io"
	"iter"
)

// Request is the neutral view through which an inspector judges one connection,
// request or message, whatever library carries it. An inspector must not keep
// it, or anything it reaches, beyond the call.
type Request struct {
	Kind    Kind // KindConnect, KindRequest or KindMessage
	Service string
	Actor   *Actor
	// Class is the limit class of the route ("asset", "page", "api", "login" or ""),
	// or the frame's event name.
	Class string
	// Route names the route's own limit, where it has one; it comes before the class's.
	Route string
	// Size is the length of the message or body in bytes, -1 when unknown.
	Size int64

	Method, Host, Path, RawQuery string
	// Target and Protocol are the request target and version as they came; set only for
	// an inspector that judges bodies.
	Target, Protocol string
	// Headers iterates names in canonical form and their values, in order; nil if none.
	Headers iter.Seq2[string, string]
	// Body streams the bounded body; nil if none.
	Body io.Reader
	// Cut says that the body goes on beyond what Body gives.
	Cut bool
	// Lesson is where an inspector notes what may be learned; nil: nowhere.
	Lesson *Lesson
}
