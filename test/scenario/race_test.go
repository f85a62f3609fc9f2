//go:build race

package scenario_test

// raceFlag builds the gateway under the race detector when the tests are.
const raceFlag = "-race"
