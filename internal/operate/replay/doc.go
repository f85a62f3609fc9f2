// Package replay runs what happened through the detectors again (row B56, C21): the
// events of a capture, a log or the records, in event time, on one goroutine.
//
// Compare runs two sets of detectors over the same events, and Differences says what one
// of them found that the other did not, or told otherwise.
//
// Events of a source that nobody taps are handed over in waves of 32, within a second of
// event time, to a detector that takes several Together; what is found, its order and how much
// was read by then are the same.
//
// It promises that the same events give the same findings in the same order, that time
// is that of the events alone, and that nothing is enforced or recorded. It never reads
// a file itself: a Source does.
package replay
