// Package tlshello reads what a TLS client says first: the ClientHello of RFC 8446 and
// RFC 5246, as far as it tells who asks and for whom (a brick). The hello is taken from
// TLS records, over which it may be split at any byte, or from CRYPTO frames.
//
// It promises to survive any bytes, to allocate nothing once its lists have grown, and
// the same hello whatever the records it was split into. It reads no secret, checks no
// signature and keeps no byte of what it was given: what it returns lies in the caller's
// buffer, but for lists of numbers.
package tlshello
