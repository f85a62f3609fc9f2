// Package clientkey says what one client is, by address: an IPv4 address, or an
// IPv6 prefix, because an IPv6 customer owns a whole /64 and changes addresses
// within it at will. It is a brick of no stage.
//
// It promises the same key for an IPv4 address and its IPv4-mapped IPv6 form, and
// no key that depends on a zone. It never allocates and never guesses: an invalid
// address gives the zero prefix.
package clientkey
