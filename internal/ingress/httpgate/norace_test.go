//go:build !race

package httpgate

const raceEnabled = false
