// Package lazydfa answers whether a regular expression matches a text anywhere, at a few
// nanoseconds a byte: a deterministic automaton whose states are made when a text first
// needs them (Thompson, 1968; Cox, "Regular Expression Matching in the Wild", 2010), over
// classes of characters that the expression does not tell apart.
//
// It is a brick: no stage, no I/O. A [Matcher] serves any number of goroutines; where all
// states are made already it takes no lock and allocates nothing. It promises the answer
// of the package regexp for the same program, \b, ^ and $ included. States are bounded by
// [MaxBytes] for a matcher: when they are used up they are made anew. A text that needs
// more new states than a share of its length is given to the caller's own way of matching,
// so that a text made to need many costs little more than it would without this package.
// It never says where a match is.
package lazydfa
