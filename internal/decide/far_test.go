package decide_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

// An end three centuries from now is stored as a time long past, so that the ban is
// gone with the next start. Whoever means "for ever" gives no end.
func TestEndBeyondWhatCanBeStored(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	for length, ok := range map[time.Duration]bool{99 * 365 * 24 * time.Hour: true, 101 * 366 * 24 * time.Hour: false, 1<<63 - 1: false} {
		_, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.7"), Action: haechi.Deny, Until: start.Add(length)}, start)
		if (err == nil) != ok || !ok && haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("for %v: %v", length, err)
		}
	}
}
