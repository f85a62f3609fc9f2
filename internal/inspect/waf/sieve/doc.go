// Package sieve is the fast engine of the web application firewall (stage 3,
// in-band): it clears the requests on which no loaded rule can act, and asks another
// engine, the oracle, about all others.
//
// It compiles whatever rules the ruleset holds. Each value of a request is decoded once
// along the transformations that the rules use, and scanned once for the words without
// which they cannot match; only where a rule's words are all there is the rule's own
// operator asked, and only if that matches does the oracle judge the request.
//
// It promises the result of the oracle, to the rule id: a request is cleared only if no
// rule that scores, denies or reports can have matched. What it does not know (an
// operator, a variable, a transformation, an action, a body that it does not read
// exactly as the oracle does) counts as a match. The proof is a differential test and a
// fuzz target. It never decides what a hit means, and it keeps nothing of a request but
// a bounded memory of short values that were found clean.
package sieve
