// Package store measures what requests cost in the records, how fast they are found
// again, and how fast rows get into SQLite and MariaDB beside the plainest way to do it:
// one prepared INSERT, executed row by row, in transactions of the same size, into the
// same tables with the same indexes. It belongs to no stage.
//
// It promises that both sides of that comparison write the same rows in the same run,
// interleaved, and prints the ratio of their medians.
package store
