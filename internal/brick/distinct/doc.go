// Package distinct estimates how many different things were seen, in about 1 KiB however
// many there are (HyperLogLog, error about 3 %; nearly exact while there are few). It is
// a brick: it knows numbers and addresses, nothing else.
//
// It promises the same estimate for the same things in any order and on any run, and
// that memory never grows beyond its bound. Hashes are not keyed: whoever chooses the
// things can make the estimate wrong, so nothing but a magnitude may rest on it.
package distinct
