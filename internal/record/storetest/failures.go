package storetest

import (
	"fmt"
	"testing"
	"time"

	"haechi"
)

// topFailures: the report of who fails most has ten clients, IPv6 by its prefix, the last
// five minutes first, and only what counted as a failure.
func topFailures(t *testing.T, b Backend) {
	s := opened(t, b)
	failed := func(addr string, ago time.Duration, r haechi.Reason, n uint64, change ...func(*haechi.Event)) haechi.Event {
		e := haechi.Event{Time: Now().Add(-ago), Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: r, Count: n, Actor: actor(addr, "")}
		e.Assurance = haechi.Handshaken
		for _, c := range change {
			c(&e)
		}
		return e
	}
	as := func(k haechi.Kind) func(*haechi.Event) { return func(e *haechi.Event) { e.Kind = k } }
	appendAll(t, s, []haechi.Event{
		failed("203.0.113.1", time.Minute, haechi.ReasonHMACFailed, 7),
		failed("203.0.113.1", 30*time.Minute, haechi.ReasonAccess, 3, as(haechi.KindConnect)),
		failed("203.0.113.2", 10*time.Minute, haechi.ReasonHMACFailed, 5000),
		failed("2001:db8:0:1::1", time.Minute, haechi.ReasonUnauthorized, 4, as(haechi.KindHandshake)),
		failed("2001:db8:0:1::2", time.Minute, haechi.ReasonWAF, 4, as(haechi.KindRequest)),
		// none of these counts
		failed("203.0.113.3", time.Minute, haechi.ReasonDecision, 900, as(haechi.KindConnect)),
		failed("203.0.113.3", time.Minute, haechi.ReasonPending, 900, as(haechi.KindHandshake)),
		failed("203.0.113.3", time.Minute, haechi.ReasonUpstreamDown, 900, as(haechi.KindRequest)),
		failed("203.0.113.3", time.Minute, haechi.ReasonWAF, 900, as(haechi.KindClose)),
		failed("203.0.113.3", 2*time.Hour, haechi.ReasonHMACFailed, 900),
		failed("203.0.113.3", time.Minute, haechi.ReasonHMACFailed, 900, func(e *haechi.Event) { e.Allowed = true }),
		failed("203.0.113.3", time.Minute, haechi.ReasonRateLimit, 900, func(e *haechi.Event) { e.Shadow = true }),
		failed("203.0.113.3", time.Minute, haechi.ReasonHandshake, 900, func(e *haechi.Event) { e.Provoked = true }),
		failed("203.0.113.3", time.Minute, haechi.ReasonHMACFailed, 900, func(e *haechi.Event) { e.Actor = haechi.Actor{} }),
	})
	run := func() haechi.Table {
		got, err := s.Events.Report(t.Context(), "failures", Now())
		check(t, err)
		return got
	}
	equal(t, cells(run(), "client", "failed_5_minutes", "failed_hour", "last_failure"), []string{
		"2001:db8:0:1::/64 8 8 2025-11-22 19:29:30", "203.0.113.1 7 10 2025-11-22 19:29:30", "203.0.113.2 0 5000 2025-11-22 19:20:30"})
	var many []haechi.Event
	for i := range 30 {
		many = append(many, failed(fmt.Sprintf("198.51.100.%d", i), time.Minute, haechi.ReasonReplay, uint64(100+i)))
	}
	appendAll(t, s, many)
	if got := cells(run(), "client", "failed_5_minutes"); len(got) != 10 || got[0] != "198.51.100.29 129" || got[9] != "198.51.100.20 120" {
		t.Errorf("the first ten: %v", got)
	}
}
