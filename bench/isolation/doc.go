// Package isolation measures the isolation forest beside scikit-learn's
// (Debian's python3-sklearn), in one run, interleaved, on the same rows and one processor:
// growing a forest of 100 trees of 256 rows, scoring 100,000 rows of ten features, scoring
// a single row as it arrives. It compares how well both tell the rows that were made to
// be unusual (area under the ROC curve), and the scores that both give with the same trees,
// which scikit-learn grew. It belongs to no stage.
//
// Run it with: go test ./bench/isolation -run '^$' -bench . -benchtime 1x
package isolation
