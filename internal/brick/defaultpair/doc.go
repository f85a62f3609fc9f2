// Package defaultpair knows pairs of user and password that devices are shipped with and
// that worms try. It is a brick: it knows bytes and nothing else.
//
// Two lists are told apart. "mirai" is what the worm of 2016 tries (rows B10 and B11), from
// its published source: 62 entries, of which two are there twice. "vendor" are a few more
// that makers' manuals name.
//
// It promises to keep nothing of what it is asked about, and to allocate nothing.
package defaultpair
