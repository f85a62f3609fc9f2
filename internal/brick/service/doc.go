// Package service starts the long-running parts of a program in order and stops
// them in reverse order. It is a brick of no stage; the composition root uses it.
//
// It promises: a part's context ends only after every part added later has
// returned; the first failure stops all; Run returns when all have returned, with
// every failure joined and named. It never restarts a part and never hides a
// failure. A part that does not stop within the grace time is named in the error
// rather than waited for without end.
package service
