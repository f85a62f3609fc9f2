// Package prefixset is an immutable set of address prefixes: allow lists, deny
// lists, trusted proxies. It is a brick of no stage.
//
// It promises lock-free reads from any number of goroutines, and that an IPv4
// address and its IPv4-mapped IPv6 form are the same. It never changes after New:
// a reload builds a new set beside the old one.
package prefixset
