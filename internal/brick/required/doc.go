// Package required derives from a regular expression the words without which it
// cannot match: a conjunction of clauses, each a set of words of which every
// matching text contains at least one. Texts are compared with ASCII letters
// folded to lower case.
//
// It is a brick: no stage, no state, no I/O. It promises that a text in which a
// clause has no word is never matched by the expression, but for texts that
// [Exotic] names; a fuzz target holds it to that. It never says that a text
// matches: whoever finds every clause met asks the expression itself. The theory
// is that of the literal filters of RE2 and Go's code search; the code is its own.
package required
