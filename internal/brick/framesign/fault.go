package framesign

// Fault says why a frame or a value is refused. It is an error; OK is the zero
// value.
type Fault uint8

// The faults, in the order in which they are looked for.
const (
	OK         Fault = iota
	BadFrame         // no strict JSON object, or something stands behind it
	BadVersion       // another version than 1
	BadField         // a signed value is missing, empty, too long, no text, or has a control character
	BadNonce         // no sequence number, or no nonce of 16 to 64 characters
	BadTime          // not thirteen digits
	BadForm          // the signature is not 64 lower-case hex digits, as they are
	Mismatch         // somebody else's signature, or something was changed
)

// Error names the fault.
func (f Fault) Error() string {
	switch f {
	case OK:
		return "no fault"
	case BadFrame:
		return "not one strict JSON object"
	case BadVersion:
		return "unknown version"
	case BadField:
		return "a signed value is missing or not allowed"
	case BadNonce:
		return "the sequence number or nonce is not allowed"
	case BadTime:
		return "the time is not thirteen digits"
	case BadForm:
		return "the signature is not 64 lower-case hex digits"
	}
	return "the signature does not fit"
}

// Check is the fault's short name in the test vectors and in JSON output.
func (f Fault) Check() string {
	switch f {
	case OK:
		return ""
	case BadFrame:
		return "frame"
	case BadVersion:
		return "version"
	case BadField:
		return "field"
	case BadNonce:
		return "nonce"
	case BadTime:
		return "time"
	case BadForm:
		return "form"
	}
	return "signature"
}
