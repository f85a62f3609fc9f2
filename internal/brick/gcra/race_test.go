//go:build race

package gcra_test

const raceEnabled = true
