// Package window counts over sliding windows of event time, for many keys, in
// bounded memory. It is a brick: it knows keys, times and numbers, nothing else.
//
// A window of length w at time t holds what was observed in (t-w, t]: an
// observation exactly w old is out.
//
// What is exact, and what is not:
//
//   - [Counts] keeps the times of the last Limit+1 observations of a key, so "more
//     than Limit in the window" is exact at any moment, to the nanosecond. The
//     size it reports is exact up to Limit; above, it is a count over sixteen
//     sub-windows that covers at least 15/16 of the window and never more than it.
//   - [Distincts] keeps the last Limit+1 different values of a key with their
//     times: exact too, and what it reports stops at Limit+1.
//   - [Sums] and [Shares] keep sixteen sub-windows: an observation is never counted
//     for longer than the window, and may be forgotten up to 1/16 of it early.
//
// Limits reach to [MaxExact] ([MaxDistinct] for distinct values); above, count
// with Sums. Every operation is O(1) amortised over the observations it stands
// for, Distincts O(Limit). Memory for each key is fixed: it grows with the
// observations of the key up to Limit+1 words (twice that for Distincts), out of
// a budget shared by all keys of a table.
//
// Tables never grow beyond their cap. A key makes room only once it has been idle
// for a whole window; while none is idle, new keys are refused and counted.
// Likewise a key whose memory may not grow because the budget is spent forgets its
// oldest observations, which is counted as well. Both err towards saying nothing.
//
// Times of one key that run backwards by less than a window are taken as the
// newest time known; a greater step back starts the key anew, since a clock that
// was wrong must not freeze a counter.
//
// The package reads no clock and starts no goroutine, and nothing in it is safe
// for concurrent use: each owner has tables of its own.
package window
