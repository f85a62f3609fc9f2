package rules

import (
	"testing"
	"time"
)

// TestOutermostFindsWhatAllFind: what any repetition has wrong with it, the first or the
// last one has as well.
func TestOutermostFindsWhatAllFind(t *testing.T) {
	for _, client := range []string{"", "203.0.113.{i}", "{i}.0.0.1", "10.{i}.{i}.1", "1{i}.0.0.1", "0{i}.0.0.1", "{i}0.0.0.1", "10.0.0.0{i}",
		"2001:db8::{i}", "2001:db8::{i}0:1", "2001:db8:{i}:{i}::", "::ffff:10.0.0.{i}", "fe80::1%{i}", "{i}"} {
		wrong := false
		for n := range 11_000 {
			s := rawEvent{Kind: "auth", Client: client, Repeat: n + 1}
			_, err := s.event(n)
			wrong = wrong || err != nil
			found := outermost(&s, 0, time.Time{}) != nil || outermost(&s, n, time.Time{}) != nil
			if found != wrong {
				t.Fatalf("%q, %d times: found %v, wrong %v", client, n+1, found, wrong)
			}
		}
	}
}
