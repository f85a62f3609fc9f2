//go:build race

package gateway

// race says whether the tests run under the race detector.
const race = true
