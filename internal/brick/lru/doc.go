// Package lru keeps a value for each of a bounded number of keys, in the order in which
// they were used last. It is a brick: it knows keys, times and values, nothing else.
//
// It promises that a table never holds more keys than it was made for, that it is
// walked in the same order on every run, and that a key is given up for another one only
// when it has been idle for the time that its owner states; while none is, new keys are
// refused and counted. So a flood of new keys never pushes out what is in use.
//
// It reads no clock and starts no goroutine, and is not safe for concurrent use.
package lru
