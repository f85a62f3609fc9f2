// Package distinct estimates how many different things were seen, in at most 1.3 KiB
// however many there are: exact up to 32, then by HyperLogLog (Flajolet et al. 2007; error
// about 3 %). It is a brick: it knows numbers and addresses, nothing else.
//
// The estimate is kept up while things are added, so that asking for it costs nothing;
// the sketches of libraries go through all registers for it.
//
// It promises the same estimate for the same things in any order and on any run, and
// that memory never grows beyond its bound. Hashes are not keyed: whoever chooses the
// things can make the estimate wrong, so nothing but a magnitude may rest on it.
package distinct
