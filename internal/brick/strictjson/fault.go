package strictjson

// Fault says why an input is refused. It is an error; OK is the zero value.
type Fault uint8

// The faults.
const (
	OK        Fault = iota
	Truncated       // the input ends inside the object
	Syntax          // not RFC 8259, or the value is no object
	Encoding        // invalid UTF-8, NUL, or a lone surrogate
	Duplicate       // two names of one object are equal, or equal but for case
	TooDeep         // nested deeper than [Limits.Depth]
	TooMany         // more members than [Limits.Members], or than can be open at once
	LongName        // a name longer than [MaxName] bytes
	Lookalike       // a name is that of a path but for case
	BigNumber       // a number beyond 64 bits
)

// Error names the fault.
func (f Fault) Error() string {
	switch f {
	case OK:
		return "no fault"
	case Truncated:
		return "JSON ends too early"
	case Syntax:
		return "no valid JSON object"
	case Encoding:
		return "invalid text encoding"
	case Duplicate:
		return "two names of one object are alike"
	case TooDeep:
		return "nested too deep"
	case TooMany:
		return "too many members"
	case Lookalike:
		return "a name differs from a known one only in case"
	case BigNumber:
		return "a number beyond 64 bits"
	}
	return "member name too long"
}
