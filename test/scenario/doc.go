// Package scenario is the end-to-end test of the whole program: the real binary,
// started as an operator starts it, between real clients and real servers on
// loopback, operated through the real command line.
//
// It belongs to no stage. It promises that every test has a gateway, a state folder
// and addresses of its own, that nothing outlives it, and that a data race or a
// panic inside the gateway fails the test that caused it. It never reaches into the
// gateway: what it knows, an operator could know.
package scenario
