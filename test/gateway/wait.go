package gateway

import (
	"testing"
	"time"
)

// patience is how many times as long a test waits as what it waits for takes at most on a
// machine with nothing else to do, and longest how long that may become.
const (
	patience = 10
	longest  = 2 * time.Minute
)

// Patient is how long a test waits for what comes within the time on a machine that has
// nothing else to do: long enough that a busy one does not fail it, and that what never
// comes does.
func Patient(within time.Duration) time.Duration {
	return max(within, min(patience*within, longest))
}

// Eventually polls a condition until it holds, for [Patient] of the time.
func Eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	within = Patient(within)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(within)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %s for %s", within, what)
		}
	}
}
