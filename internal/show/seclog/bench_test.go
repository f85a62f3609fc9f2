package seclog

import (
	"testing"

	"haechi"
)

// BenchmarkTap is what an event costs the pipeline: one that has no place in the log, and
// one that becomes a line.
func BenchmarkTap(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(*haechi.Event)
	}{
		{"success", func(e *haechi.Event) { e.Outcome = haechi.Success }},
		{"line", func(*haechi.Event) {}},
		{"line of a Korean name", func(e *haechi.Event) { e.Device = `말썽 "봇"/1` }},
	} {
		b.Run(c.name, func(b *testing.B) {
			l, e := New(Config{Path: "unused"}), failure()
			c.change(&e)
			b.ReportAllocs()
			for b.Loop() {
				l.Tap(&e)
				if len(l.waiting) > maxWaiting/2 {
					l.waiting = l.waiting[:0] // as if it had been written
				}
			}
		})
	}
}
