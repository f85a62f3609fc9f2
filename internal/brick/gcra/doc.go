// Package gcra limits how often a key may act, by the generic cell rate algorithm
// (ITU-T I.371): one time stamp a window, exact retry times, no edge at which two
// windows' worth passes. It is a brick of no stage; limits, caps and budgets are
// built on it.
//
// It promises: the key's windows (one to three) are judged in one step, and a
// refused call is charged to none; an entry that still matters is never given up
// for another; memory is bounded at New (18, 27 or 41 bytes a key for one, two or
// three windows, of which little is taken while few keys have an unfinished window)
// and no call allocates but the one that makes the table larger; it is safe for
// concurrent use. When there is no room for a key, the call is judged by one entry
// that all such keys share and is counted: under a flood of keys it fails closed.
//
// It never reads a clock and never starts a goroutine: the caller passes
// monotonic nanoseconds, and entries whose time has passed are reused in place.
//
// # Layout
//
// A level of the table is one pointer-free slice of 32-bit words, cut into buckets of one
// cache line, so that a call costs one cache miss. A bucket has a state word (lock,
// reach, era), then for each slot a tag and for each window the theoretical arrival
// time (TAT) in 64ths of that window's interval since the start of the bucket's
// era. An era is at most 2^30 such units long; a call in a later era first moves
// the bucket's times over. A key lives in its home bucket or one of the 31 after
// it. Two keys share an entry only if home and 27 tag bits agree: one pair in some
// hundred full tables of a million keys, and nobody can aim for it without the seed.
//
// A table begins with a level for a thousand keys or some more. Once that is crowded, a
// level of eight times its size takes the keys that come, until one has the whole
// capacity. A key that is asked for brings its times along from an older level; what
// nobody asks for stays there until its time has passed, and when that is so for all, the
// older level is given up. So nobody ever waits for the table to grow.
package gcra
