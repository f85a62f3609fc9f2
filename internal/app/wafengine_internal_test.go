package app

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf/sieve"
)

// TestDifferenceIsTold: one event in a minute, with rules and without values.
func TestDifferenceIsTold(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var told []haechi.Event
	e := &engines{log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }, emit: func(e *haechi.Event) { told = append(told, *e) }}
	many := make([]int, 1000)
	for range 3 {
		e.differs(sieve.Difference{Missed: []int{942100, 942190}, Score: 10})
	}
	now = now.Add(differsEvery)
	e.differs(sieve.Difference{Extra: many})
	if len(told) != 2 || told[0].Severity != haechi.High || told[0].Kind != haechi.KindSystem || told[0].Observed != 10 ||
		!strings.Contains(told[0].Text, "942100, 942190") || len(told[1].Text) > 400 {
		t.Errorf("told %+v", told)
	}
	(&engines{}).differs(sieve.Difference{}) // haechi check has no pipeline
}
