// Package wordscan finds which of many words a text contains, in one pass over the
// text: an Aho-Corasick automaton (Aho and Corasick, 1975) as a table of states
// and classes of bytes, with ASCII letters folded to lower case.
//
// It is a brick: no stage, no I/O. An automaton never changes after New and serves
// any number of goroutines; each brings its own Found. It promises a scan in time
// proportional to the text, whatever the text: a word that occurs again and again
// is reported once. It never matches anything but words.
package wordscan
