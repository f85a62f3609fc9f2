// Package transform holds the transformations of the rule language SecLang that
// undo how an attack is spelled: URL, HTML, JavaScript and CSS escapes, comments,
// white space, paths, letter case.
//
// It is a brick: no stage, no state, no I/O. It promises the same output as the
// engine whose rules use them (Coraza 3.8.1), byte for byte, for every input; a
// fuzz target compares the two. Each step says which bytes it needs to change
// anything, so that most texts are not copied at all. What it does not know it
// does not do: [Parse] then says no.
package transform
