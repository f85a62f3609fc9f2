package storetest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
)

// eventRoundTrip: every kind comes back as it was, once.
func eventRoundTrip(t *testing.T, b Backend) {
	s := opened(t, b)
	want := full(Now())
	appendAll(t, s, want)
	got := query(t, s, haechi.EventFilter{Limit: 1000})
	slices.Reverse(got)
	equal(t, got, want)
	for _, e := range want {
		one := query(t, s, haechi.EventFilter{Ref: e.Ref})
		equal(t, one, []haechi.Event{e})
	}
	bare := haechi.Event{Time: Now().Add(time.Hour), Kind: haechi.KindMessage}
	appendAll(t, s, []haechi.Event{bare})
	equal(t, query(t, s, haechi.EventFilter{Limit: 1}), []haechi.Event{bare})
}

// eventFilters: the plain cases, written out.
func eventFilters(t *testing.T, b Backend) {
	s := opened(t, b)
	at := Now()
	ev := func(d time.Duration, k haechi.Kind, addr, device string) haechi.Event {
		return haechi.Event{Time: at.Add(d), Kind: k, Service: "bots", Actor: actor(addr, device)}
	}
	v6 := "2001:db8:0:1::5"
	appendAll(t, s, []haechi.Event{ev(0, haechi.KindConnect, "203.0.113.7", ""), ev(1, haechi.KindMessage, "203.0.113.7", "a/1"),
		ev(2, haechi.KindMessage, "203.0.113.70", "a/10"), ev(3, haechi.KindRequest, v6, ""), ev(4, haechi.KindRequest, "2001:db8:0:2::5", "")})
	scope := func(text string) haechi.Scope {
		p := netip.MustParsePrefix(text)
		kind := haechi.ScopePrefix
		if p.IsSingleIP() {
			kind = haechi.ScopeAddress
		}
		return haechi.Scope{Kind: kind, Prefix: p}
	}
	for _, c := range []struct {
		name string
		f    haechi.EventFilter
		want []int
	}{
		{"all", haechi.EventFilter{}, []int{4, 3, 2, 1, 0}},
		{"device is no prefix", haechi.EventFilter{Device: "a/1"}, []int{1}},
		{"one address", haechi.EventFilter{Source: scope("203.0.113.7/32")}, []int{1, 0}},
		{"IPv4 prefix", haechi.EventFilter{Source: scope("203.0.113.64/26")}, []int{2}},
		{"all of IPv4", haechi.EventFilter{Source: scope("0.0.0.0/0")}, []int{2, 1, 0}},
		{"IPv6 client", haechi.EventFilter{Source: scope("2001:db8:0:1::/64")}, []int{3}},
		{"IPv6 network", haechi.EventFilter{Source: scope("2001:db8::/32")}, []int{4, 3}},
		{"since is within", haechi.EventFilter{Since: at.Add(3)}, []int{4, 3}},
		{"until is without", haechi.EventFilter{Until: at.Add(3)}, []int{2, 1, 0}},
		{"kinds", haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindConnect, haechi.KindRequest}}, []int{4, 3, 0}},
		{"other service", haechi.EventFilter{Service: "shop"}, nil},
		{"unknown reference", haechi.EventFilter{Ref: "00000-00000"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			for _, e := range query(t, s, c.f) {
				got = append(got, int(e.Time.Sub(at)))
			}
			equal(t, got, c.want)
		})
	}
}

// eventFilterProperty: whatever the filter, the store returns what Matches says.
func eventFilterProperty(t *testing.T, b Backend) {
	s := opened(t, b)
	events := random(1, 600, Now(), 3*time.Hour)
	for part := range slices.Chunk(events, 100) {
		appendAll(t, s, part)
	}
	slices.SortStableFunc(events, func(a, b haechi.Event) int { return b.Time.Compare(a.Time) })
	r := rand.New(rand.NewPCG(2, 2))
	for i := range 150 {
		f := someFilter(r, events)
		var want []haechi.Event
		for j := range events {
			if f.Matches(&events[j]) {
				want = append(want, events[j])
			}
		}
		f.Limit = 1 + r.IntN(700)
		want = want[:min(len(want), f.Limit)]
		t.Run(fmt.Sprint(i), func(t *testing.T) { equal(t, query(t, s, f), want) })
	}
}

func someFilter(r *rand.Rand, events []haechi.Event) (f haechi.EventFilter) {
	e := events[r.IntN(len(events))]
	sometimes := func(set func()) {
		if r.IntN(4) == 0 {
			set()
		}
	}
	sometimes(func() { f.Since = e.Time })
	sometimes(func() { f.Until = events[r.IntN(len(events))].Time })
	sometimes(func() { f.Service = e.Service })
	sometimes(func() { f.Device = e.Device })
	sometimes(func() { f.Ref = e.Ref })
	sometimes(func() { f.Failures = true })
	sometimes(func() { f.AtLeast = haechi.Severity(r.IntN(5)) })
	sometimes(func() { f.Kinds = []haechi.Kind{e.Kind, haechi.KindMessage} })
	sometimes(func() {
		if e.Addr.IsValid() {
			p, err := e.Addr.Prefix(r.IntN(e.Addr.BitLen() + 1))
			if err == nil {
				f.Source = haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}
			}
		}
	})
	return f
}

// eventOrder: newest first, limits are kept, late events lie where they belong.
func eventOrder(t *testing.T, b Backend) {
	s := opened(t, b)
	for i := range 250 {
		appendAll(t, s, []haechi.Event{{Time: Now().Add(time.Duration(i*7919%250) * time.Minute), Kind: haechi.Kind(1 + i%11),
			Actor: actor("203.0.113.7", "a/1")}})
	}
	for _, f := range []haechi.EventFilter{{}, {Device: "a/1"}} {
		got := query(t, s, f)
		if len(got) != 100 {
			t.Fatalf("a limit of 0 gives %d events, want 100", len(got))
		}
		for i := range got {
			if want := Now().Add(time.Duration(249-i) * time.Minute); !got[i].Time.Equal(want) {
				t.Fatalf("event %d is of %v, want %v", i, got[i].Time, want)
			}
		}
	}
}

// requestsAlike: many requests of a batch that have most in common come back as they
// were, each, with those between that differ in one thing.
func requestsAlike(t *testing.T, b Backend) {
	s := opened(t, b)
	var want []haechi.Event
	for i := range 400 {
		e := haechi.Event{Time: Now().Add(time.Duration(i) * 4 * time.Millisecond), Kind: haechi.KindRequest, Outcome: haechi.Success, Service: "shop",
			Actor: actor([]string{"203.0.113.7", "198.51.100.9", "2001:db8:0:1::5"}[i%3], ""), Port: uint16(1000 + i), LocalPort: 443, Session: uint64(i/7 + 1), TLS: true,
			Method: "GET", Host: "shop.example.com", Path: fmt.Sprintf("/%d", i), Status: 200, Class: "page", UserAgent: "Mozilla/5.0", BytesOut: int64(i), Duration: time.Duration(i) * time.Microsecond}
		e.Fingerprint = []string{"t13d1516h2_8daaf6152771_e5627efa2ab1", ""}[i/200]
		switch i % 50 {
		case 17:
			e.Status, e.Outcome, e.Reason, e.Ref, e.Rule, e.Verdict = 429, haechi.Failure, haechi.ReasonRateLimit, "AAAAA-BBBBB", "limit/address", haechi.Deny
		case 18:
			e.Count = 5
		case 19:
			e.Text = "a word"
		case 20:
			e.Shadow, e.Path = true, ""
		case 21:
			e.Method, e.BytesIn = "POST", 17
		}
		want = append(want, e)
	}
	appendAll(t, s, want)
	got := query(t, s, haechi.EventFilter{Limit: 1000})
	slices.Reverse(got)
	equal(t, got, want)
}
