//go:build race

package gateway

// raceFlag builds the gateway under the race detector when the tests are.
const raceFlag = "-race"
