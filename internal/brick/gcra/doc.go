// Package gcra limits how often a key may act, by the generic cell rate algorithm
// (ITU-T I.371): one time stamp a window, exact retry times, no edge at which two
// windows' worth passes. It is a brick of no stage; limits, caps and budgets are
// built on it.
//
// It promises: the key's windows (one to three) are judged in one step, and a
// refused call is charged to none; an entry that still matters is never given up
// for another; memory is fixed at New (16, 24 or 36 bytes a key for one, two or
// three windows) and no call allocates; it is safe for concurrent use. When there
// is no room for a key, the call is judged by one entry that all such keys share
// and is counted: under a flood of keys it fails closed.
//
// It never reads a clock and never starts a goroutine: the caller passes
// monotonic nanoseconds, and entries whose time has passed are reused in place.
//
// # Layout
//
// The table is one pointer-free slice of 32-bit words, cut into buckets of one
// cache line, so that a call costs one cache miss. A bucket has a state word (lock,
// reach, era), then for each slot a tag and for each window the theoretical arrival
// time (TAT) in 64ths of that window's interval since the start of the bucket's
// era. An era is at most 2^30 such units long; a call in a later era first moves
// the bucket's times over. A key lives in its home bucket or one of the 31 after
// it. Two keys share an entry only if home and 27 tag bits agree: one pair in some
// hundred full tables of a million keys, and nobody can aim for it without the seed.
package gcra
