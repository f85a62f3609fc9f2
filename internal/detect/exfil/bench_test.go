package exfil_test

import (
	"fmt"
	"testing"

	"haechi"
)

func BenchmarkObserve(b *testing.B) {
	d := newDetector()
	events := make([]haechi.Event, 256)
	for i := range events {
		events[i] = flow(begin(), fmt.Sprintf("10.1.0.%d", i%20), fmt.Sprintf("203.0.113.%d", i%60), 100, 2)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Observe(&events[i&255], nil)
	}
}
