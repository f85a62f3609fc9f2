package haechi

import (
	"errors"
	"strings"
)

// ErrorKind is the closed set of error kinds. Callers branch on the kind, never
// on text.
type ErrorKind uint8

// The kinds. Internal is the zero value: its text never leaves to a client.
const (
	Internal    ErrorKind = iota // a defect, or a cause nobody classified
	Invalid                      // the caller's input is wrong
	NotFound                     // what was named does not exist
	Conflict                     // it exists already, or the state forbids it
	Denied                       // the caller may not
	Exhausted                    // a declared bound was reached
	Unavailable                  // a dependency does not answer
)

// String names the kind.
func (k ErrorKind) String() string {
	return enumText([]string{"internal", "invalid", "not found", "conflict", "denied", "exhausted", "unavailable"}, k)
}

// Error is an operator-facing error: what was being done, what went wrong, and
// the next step.
type Error struct {
	Kind ErrorKind
	Op   string // what was being done, as a verb phrase
	Msg  string // what went wrong, one sentence
	Hint string // the next step for the operator; may be empty
	Err  error  // the cause; may be nil
}

// Error joins operation, message, cause and hint into one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first [Error] in err's tree, or Internal.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
