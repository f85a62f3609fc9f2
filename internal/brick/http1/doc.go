// Package http1 reads the heads of HTTP/1.1 requests and responses, strictly and
// without allocation (a brick, RFC 9112).
//
// It promises that what it accepts has one reading: FuzzRequest and FuzzResponse show
// that net/http reads the same method, target, host, fields, and length of the body,
// and finds the end of the head at the same byte. It accepts a subset; of the rest it
// says [Other], which is no refusal: somebody else must read it.
//
// It never reads or writes a connection, and keeps no byte of what it was given: what
// it returns lies in the caller's buffer.
package http1
