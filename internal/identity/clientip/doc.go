// Package clientip finds the real client of an HTTP request that came through
// proxies (stage 2, identity).
//
// It promises that an address is believed only because a trusted hop wrote it:
// X-Forwarded-For is read from right to left and reading ends at the first hop
// that is not trusted, so nothing that a client wrote itself is ever taken for
// its address. What cannot be read ends the walk at the last trusted hop.
//
// It never reads Forwarded, X-Real-IP or any other header, resolves a name or
// allocates.
package clientip
