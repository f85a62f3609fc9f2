// Package limiter measures the gateway's rate limiter beside golang.org/x/time/rate
// in a map, at 1,048,576 keys in random order: nanoseconds and bytes a key. It is
// a benchmark of no stage and holds nothing else.
//
// Run it with: go test ./bench/limiter -run '^$' -bench . -count 5
package limiter
