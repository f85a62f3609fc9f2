// Package tally counts how many different things were met, in 128 bytes. It is a brick:
// it knows hashes, nothing else.
//
// It is linear counting (Whang, Vander-Zanden and Taylor, "A linear-time probabilistic
// counting algorithm for database applications", 1990) over 1,024 bits: exact for a few,
// within some percent up to 2,000, and never above about 7,000. Two things may share a
// bit, and then the second is not met as a new one. The zero value is empty. It
// allocates nothing and is not safe for concurrent use.
package tally
