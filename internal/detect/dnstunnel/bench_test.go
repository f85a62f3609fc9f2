package dnstunnel_test

import (
	"fmt"
	"testing"

	"haechi"
)

func BenchmarkObserve(b *testing.B) {
	d := newDetector()
	events := make([]haechi.Event, 256)
	for i := range events {
		events[i] = lookup(begin(), fmt.Sprintf("h%d.site%d.example%d.com", i%7, i%16, i%32), "A")
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Observe(&events[i&255], nil)
	}
}
