// Package slowhttp runs slowhttptest in its four modes (slow headers, slow bodies, slow
// reads, ranges) against servers at the same time, beside an honest visitor of each, and
// says how the visitors fared. It is a harness for tests and benchmarks of no stage.
//
// The weak server behind is a real one: Debian's Apache with its prefork module, eight
// workers, and mod_reqtimeout as Debian sets it. It promises that everything it starts
// ends by itself, within the length of a run and some seconds, on loopback only.
package slowhttp
