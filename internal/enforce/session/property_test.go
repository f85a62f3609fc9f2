package session_test

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/enforce/session"
)

func genAddr() *rapid.Generator[netip.Addr] {
	return rapid.Map(rapid.SampledFrom([]string{"203.0.113.7", "203.0.113.8", "203.0.114.1", "10.0.0.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"}), netip.MustParseAddr)
}

func genActor() *rapid.Generator[haechi.Actor] {
	return rapid.Custom(func(t *rapid.T) haechi.Actor {
		word := rapid.SampledFrom([]string{"", "a/1", "a/2"})
		return haechi.Actor{
			Addr: genAddr().Draw(t, "addr"), Device: word.Draw(t, "device"), Certificate: word.Draw(t, "cert"), User: word.Draw(t, "user"),
			Fingerprint: word.Draw(t, "fingerprint"), Country: word.Draw(t, "country"), ASN: uint32(rapid.IntRange(0, 2).Draw(t, "asn")),
			Assurance: haechi.Assurance(rapid.IntRange(0, 2).Draw(t, "assurance")), Allowed: rapid.IntRange(0, 5).Draw(t, "allowed") == 0,
		}
	})
}

func genDecision() *rapid.Generator[haechi.Decision] {
	return rapid.Custom(func(t *rapid.T) haechi.Decision {
		d := haechi.Decision{
			ID:      haechi.Reference(strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "id"))),
			Service: rapid.SampledFrom([]string{"", "bots", "shop"}).Draw(t, "service"),
			Action:  rapid.SampledFrom([]haechi.Action{haechi.Watch, haechi.Throttle, haechi.Challenge, haechi.Deny, haechi.Drop}).Draw(t, "action"),
			Mode:    rapid.SampledFrom([]haechi.Mode{haechi.Shadow, haechi.Enforce, haechi.Enforce}).Draw(t, "mode"),
			From:    start,
		}
		if rapid.Bool().Draw(t, "ends") {
			d.Until = start.Add(time.Duration(rapid.IntRange(-5, 50).Draw(t, "minutes")) * time.Minute)
		}
		d.Scope.Kind = haechi.ScopeKind(rapid.IntRange(int(haechi.ScopeDevice), int(haechi.ScopeCountry)).Draw(t, "kind"))
		switch d.Scope.Kind {
		case haechi.ScopeAddress, haechi.ScopePrefix:
			a := genAddr().Draw(t, "addr")
			d.Scope.Prefix = netip.PrefixFrom(a, rapid.IntRange(8, a.BitLen()).Draw(t, "bits")).Masked()
		case haechi.ScopeASN:
			d.Scope.Value = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "asn")
		default:
			d.Scope.Value = rapid.SampledFrom([]string{"a/1", "a/2"}).Draw(t, "value")
		}
		return d
	})
}

// The indexed table answers as a walk over all decisions with Scope.Covers would,
// through any sequence of batches, lifts and passing time; and the sessions that
// are cut are those it refuses.
func TestTableAnswersLikeAWalkOverAllDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, c := at(session.Config{})
		model := map[haechi.Reference]haechi.Decision{}
		actors := rapid.SliceOfN(genActor(), 1, 6).Draw(t, "actors")
		cut := make([]bool, len(actors))
		for i, a := range actors {
			e.Open("bots", a, func(haechi.Verdict) {
				if cut[i] {
					t.Fatalf("session %d was cut twice", i)
				}
				cut[i] = true
			})
		}
		shouldBeCut := make([]bool, len(actors))
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				batch := rapid.SliceOfN(genDecision(), 1, 4).Draw(t, "batch")
				if err := e.Apply(context.Background(), batch); err != nil {
					t.Fatal(err)
				}
				for _, d := range batch {
					delete(model, d.ID)
				}
				for _, d := range batch {
					if d.Applies(c.now) {
						model[d.ID] = d
					}
				}
				for i := range actors {
					shouldBeCut[i] = shouldBeCut[i] || walk(model, &actors[i], "bots", c.now) >= haechi.Deny
				}
			},
			"lift": func(t *rapid.T) {
				id := haechi.Reference(strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "id")))
				if err := e.Lift(context.Background(), []haechi.Reference{id}); err != nil {
					t.Fatal(err)
				}
				delete(model, id)
			},
			"pass": func(t *rapid.T) {
				c.now = c.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
				if rapid.Bool().Draw(t, "sweep") {
					e.Sweep(c.now)
				}
			},
			"": func(t *rapid.T) {
				for _, service := range []string{"bots", "shop"} {
					for i := range actors {
						got := e.Inspect(&haechi.Request{Service: service, Actor: &actors[i]}, c.now)
						if want := walk(model, &actors[i], service, c.now); got.Action != want {
							t.Fatalf("%+v on %s: %v, want %v", actors[i], service, got.Action, want)
						}
					}
				}
				for i := range actors {
					if cut[i] != shouldBeCut[i] {
						t.Fatalf("session of %+v: cut %v, want %v", actors[i], cut[i], shouldBeCut[i])
					}
				}
				open := 0
				for _, d := range model {
					if d.Applies(c.now) {
						open++
					}
				}
				if in, _ := e.InForce(context.Background()); len(in) != open {
					t.Fatalf("%d in force, want %d", len(in), open)
				}
			},
		})
	})
}

// walk is the meaning, written plainly.
func walk(model map[haechi.Reference]haechi.Decision, a *haechi.Actor, service string, now time.Time) haechi.Action {
	best := haechi.Pass
	if a.Allowed {
		return best
	}
	for _, d := range model {
		if !d.Applies(now) || (d.Service != "" && d.Service != service) || !d.Scope.Covers(a) {
			continue
		}
		if d.Action == haechi.Throttle && d.Scope.IsSource() && a.Assurance == haechi.Authenticated && a.Device != "" {
			continue
		}
		best = max(best, d.Action)
	}
	switch best {
	case haechi.Drop:
		return haechi.Deny
	case haechi.Watch:
		return haechi.Pass
	}
	return best
}
