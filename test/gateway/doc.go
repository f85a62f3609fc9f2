// Package gateway builds and starts the real program for tests (a harness outside
// the stages, imported by tests only).
//
// It promises that the binary is built as the tests are, with the race detector or
// without, that a started program ends before its test does, and that a data race, a
// panic or an error that it logs fails that test.
//
// It never reaches into the program: it is operated as a person operates it.
package gateway
