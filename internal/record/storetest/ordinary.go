package storetest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

// everyday returns n events as a busy gateway has them, over three minutes and not quite
// in order; most of them nobody will ask about.
func everyday(seed uint64, n int) []haechi.Event {
	r := rand.New(rand.NewPCG(seed, 3))
	kinds := []haechi.Kind{haechi.KindRequest, haechi.KindRequest, haechi.KindClose, haechi.KindHandshake, haechi.KindFlow, haechi.KindHello,
		haechi.KindLookup, haechi.KindCall, haechi.KindTurn, haechi.KindCounted}
	out := make([]haechi.Event, n)
	for i := range out {
		e := haechi.Event{Time: Now().Add(time.Duration(i)*3*time.Minute/time.Duration(n) - time.Duration(r.IntN(2_000_000_000))),
			Kind: kinds[r.IntN(len(kinds))], Outcome: haechi.Outcome(r.IntN(2)), Service: []string{"shop", "raw"}[r.IntN(2)],
			Actor: actor(addresses()[r.IntN(5)], []string{"", "", "a/1", "a/2", "a/10"}[r.IntN(5)]), Port: uint16(r.IntN(1 << 16)), LocalPort: 443,
			Session: r.Uint64N(50), TLS: r.IntN(2) == 0, BytesIn: r.Int64N(1 << 40), BytesOut: r.Int64N(3), Duration: time.Duration(r.Int64N(1 << 33))}
		switch r.IntN(12) {
		case 0:
			e.Reason, e.Provoked = haechi.ReasonPeerClosed, true
		case 1:
			e.Certificate, e.User, e.Country, e.ASN, e.Allowed = "CN=kim", "kim", "KR", 4766, true
		case 2:
			e.Count, e.Distinct = 5, 3
		case 3:
			e.Addr, e.Client = netip.MustParseAddr("fe80::1%eth0"), netip.Prefix{}
		case 4:
			e.Actor, e.Text, e.Room, e.Frame = haechi.Actor{}, "a line\x00", "방", "ping"
		case 5:
			e.Verdict, e.Rule, e.Ref, e.Shadow = haechi.Deny, "limit/address", haechi.NewReference("limit/address", e.Addr.String(), e.Time), true
		}
		if e.Kind == haechi.KindRequest {
			e.Method, e.Host, e.Path, e.Status = "GET", "shop.example.com", fmt.Sprint("/item/", r.IntN(40)), 200+r.IntN(400)
			e.Class, e.UserAgent, e.Fingerprint = "page", fmt.Sprint("Mozilla/", r.IntN(5)), "t13d1516h2_8daaf6152771_e5627efa2ab1"
		}
		out[i] = e
	}
	return out
}

// newest are the events that pass the filter as a store must return them.
func newest(events []haechi.Event, f haechi.EventFilter) (out []haechi.Event) {
	for i := range events {
		if f.Matches(&events[i]) {
			out = append(out, events[i])
		}
	}
	slices.SortStableFunc(out, func(a, b haechi.Event) int { return b.Time.Compare(a.Time) })
	return out[:min(len(out), f.Limit)]
}

// everydayEvents: however a store packs what nobody asks about, it is found again, each
// event as it was, counted, erased and forgotten.
func everydayEvents(t *testing.T, b Backend) {
	s := opened(t, b)
	events := append(everyday(9, 3000), haechi.Event{Time: Now(), Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed,
		Verdict: haechi.Deny, Actor: actor("203.0.113.7", "b/1")})
	appendAll(t, s, nil, finding("r", "b/1", Now()))
	for part := range slices.Chunk(events, 700) {
		appendAll(t, s, part)
	}
	sameEvents(t, s, events)
	agree(t, s, Now().Add(2*time.Minute))

	gone := len(newest(events, haechi.EventFilter{Device: "a/1", Limit: 10000}))
	events = slices.DeleteFunc(events, func(e haechi.Event) bool { return e.Device == "a/1" })
	if n, err := s.Eraser.EraseDevice(t.Context(), "a/1"); err != nil || n != int64(gone) || gone == 0 {
		t.Errorf("%d events erased of %d, %v", n, gone, err)
	}
	sameEvents(t, s, events)
	agree(t, s, Now().Add(2*time.Minute))

	// What is older than two days goes; of the minute that the limit cuts some may stay.
	edge := Now().Add(time.Minute)
	_, err := s.Pruner.Prune(t.Context(), edge.Add(48*time.Hour), record.Retention{Events: 48 * time.Hour})
	check(t, err)
	if left := query(t, s, haechi.EventFilter{Until: edge.Add(-time.Minute), Limit: 10000}); len(left) != 0 {
		t.Errorf("%d events are kept for too long", len(left))
	}
	f := haechi.EventFilter{Since: edge, Limit: 10000}
	equal(t, query(t, s, f), newest(events, f))
}

func sameEvents(t *testing.T, s *Store, events []haechi.Event) {
	t.Helper()
	for _, f := range []haechi.EventFilter{{}, {Device: "a/1"}, {Device: "a/2"}, {Service: "raw"}, {Failures: true}, {Kinds: []haechi.Kind{haechi.KindClose}},
		{Kinds: []haechi.Kind{haechi.KindAuth}}, {Ref: "00000-00000"}, {Since: Now().Add(70 * time.Second), Until: Now().Add(80 * time.Second)},
		{Source: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix("203.0.113.7/32")}},
		{Source: haechi.Scope{Kind: haechi.ScopePrefix, Prefix: netip.MustParsePrefix("2001:db8::/32")}}} {
		for _, f.Limit = range []int{1, 100, 10000} {
			equal(t, query(t, s, f), newest(events, f))
		}
	}
}
