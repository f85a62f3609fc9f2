package storetest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"haechi"
	"haechi/internal/record"
)

// Addresses of the events; the last two share a client key.
func addresses() []string {
	return []string{"203.0.113.7", "203.0.113.8", "198.51.100.1", "2001:db8:0:1::5", "2001:db8:0:1::6"}
}

func actor(addr, device string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	client, err := a.Prefix(bits)
	if err != nil {
		panic(err)
	}
	return haechi.Actor{Addr: a, Client: client, Device: device, Assurance: haechi.Handshaken}
}

// full returns an event of each kind with every field set that such an event has.
func full(at time.Time) []haechi.Event {
	who := actor("2001:db8:0:1::5", "LOA.i/0123456789abcdef")
	who.Certificate, who.User, who.Fingerprint = "spiffe://x/y", "kim", "t13d1516h2_8daaf6152771_b0da82dd1658"
	who.Country, who.ASN, who.Assurance, who.Allowed = "KR", 4766, haechi.Authenticated, true
	var out []haechi.Event
	for k := haechi.KindConnect; k <= haechi.KindSystem; k++ {
		for _, o := range []haechi.Outcome{haechi.Unknown, haechi.Success, haechi.Failure} {
			e := haechi.Event{Time: at, Kind: k, Outcome: o, Severity: haechi.High, Service: "bots", Reason: haechi.ReasonReplay,
				Count: 7, Distinct: 3, Actor: who, Port: 50000, LocalPort: 1491, Session: 1 << 62, Provoked: true, TLS: true,
				Verdict: haechi.Deny, Rule: "limit/device", Ref: haechi.NewReference(k.String(), o.String(), at),
				Observed: 301.5, Threshold: 300, Window: time.Minute, Shadow: true, BytesIn: 1 << 40, BytesOut: 5, Duration: 1234567}
			switch k {
			case haechi.KindMessage, haechi.KindAuth:
				e.Frame, e.Room = "message", "방 '\"; DROP TABLE kb_chat_logs; --\x00\u202e"
			case haechi.KindRequest:
				e.Method, e.Host, e.Path, e.Status = "GET", "shop.example.com", "/a?b='c", 429
				e.Class, e.UserAgent = "page", "curl/8 <script>"
				e.Hits = "5/5 942100,5,ARGS:q,x%27_x"
			case haechi.KindAdmin, haechi.KindSystem:
				e.Text = "someone did something"
			}
			out = append(out, e)
			at = at.Add(time.Nanosecond)
		}
	}
	return out
}

// random returns n events around the time, deterministic for a seed.
func random(seed uint64, n int, at time.Time, spread time.Duration) []haechi.Event {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]haechi.Event, n)
	for i := range out {
		e := haechi.Event{Time: at.Add(-time.Duration(r.Int64N(int64(spread)))), Service: []string{"bots", "shop"}[r.IntN(2)],
			Kind: haechi.Kind(1 + r.IntN(int(haechi.KindSystem))), Outcome: haechi.Outcome(r.IntN(3)),
			Actor: actor(addresses()[r.IntN(5)], []string{"", "a/1", "a/2", "b/1"}[r.IntN(4)])}
		if e.Kind == haechi.KindAdmin || e.Kind == haechi.KindSystem {
			e.Actor = haechi.Actor{}
		}
		if r.IntN(4) == 0 {
			e.Severity = haechi.Severity(r.IntN(5))
		}
		if r.IntN(5) == 0 {
			e.Count = 2 + r.Uint64N(5)
		}
		if e.Outcome == haechi.Failure {
			e.Reason = []haechi.Reason{haechi.ReasonHMACFailed, haechi.ReasonUnauthorized, haechi.ReasonLogin}[r.IntN(3)]
			e.Verdict, e.Rule = []haechi.Action{haechi.Pass, haechi.Throttle, haechi.Deny}[r.IntN(3)], "some/rule"
			e.Ref = haechi.NewReference(e.Rule, e.Addr.String(), e.Time)
			e.Shadow = r.IntN(6) == 0
		}
		if e.Kind == haechi.KindMessage {
			e.Frame, e.Room = "message", fmt.Sprint("room ", r.IntN(4))
		}
		out[i] = e
	}
	return out
}

func appendAll(t *testing.T, s *Store, events []haechi.Event, fs ...haechi.Finding) {
	t.Helper()
	b := record.Batch{Events: append([]haechi.Event(nil), events...), Findings: fs}
	check(t, s.Events.Append(t.Context(), &b))
}

func query(t *testing.T, s *Store, f haechi.EventFilter) []haechi.Event {
	t.Helper()
	got, err := s.Events.Events(t.Context(), &f)
	check(t, err)
	return got
}

func total(events []haechi.Event) (n uint64) {
	for i := range events {
		n += events[i].N()
	}
	return n
}

// equal compares values whatever their nil slices and time locations.
func equal(t *testing.T, got, want any) {
	t.Helper()
	opts := []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if d := cmp.Diff(want, got, opts...); d != "" {
		t.Fatalf("differs (-want +got):\n%s", d)
	}
}
