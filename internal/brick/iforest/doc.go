// Package iforest is an isolation forest (Liu, Ting and Zhou, "Isolation Forest", ICDM
// 2008): rows that a few random cuts set apart from the others are unusual. It is a
// brick: it knows rows of numbers, nothing else.
//
// A forest is grown of rows ([Fit]), is kept young by a [Window] that grows one tree anew
// of the newest rows at a time, or is put together of trees from elsewhere ([FromTrees]).
// It scores one row ([Forest.Score]) or many ([Forest.Scores]), says which features set a
// row apart ([Forest.Explain]), and is written and read again (MarshalBinary,
// UnmarshalBinary).
//
// The score is that of the paper, 2^(-E[h]/c(ψ)): towards 1 for what is set apart at
// once, about 0.5 where nothing is unusual. Where to draw the line is the caller's
// question, to be answered by a budget of false alarms and not by an assumed share.
//
// Every tree is stored as a full binary tree of eight levels: thresholds and features by
// level, 256 leaves. A node that is not split lets everything to the left. So a walk is
// eight steps without a branch that a processor could guess wrong, and eight rows (or
// eight trees, for a single row) walk side by side. A sample has therefore at most 256
// rows, which is the paper's, and a row at most 32 features.
//
// It promises the same forest for the same rows and seed, on any machine; no allocation
// for a score; and that what it reads with UnmarshalBinary is checked, so that no input
// makes it fail later. It reads no clock and starts no goroutine. A forest may be asked
// by many at once; a window belongs to one.
package iforest
