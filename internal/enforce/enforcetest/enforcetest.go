package enforcetest

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Subject is a fresh enforcer, with nothing in force, and how to ask it.
type Subject struct {
	Enforcer enforce.Enforcer
	// Refuses asks the place of enforcement whether the actor is refused on the
	// service right now.
	Refuses func(a haechi.Actor, service string) bool
	// Now is the enforcer's clock and Advance moves it.
	Now     func() time.Time
	Advance func(time.Duration)
	// Span is how long the suite's decisions last, an hour by default, and Exact how
	// exactly they end, a second by default: the kernel's clock cannot be moved, so there
	// Advance waits.
	Span, Exact time.Duration
	// Identities and Services say that the enforcer knows devices, and services.
	Identities, Services bool
}

// Run runs the suite; fresh makes a new subject for every case.
func Run(t *testing.T, fresh func(t *testing.T) *Subject) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *Subject)
	}{
		{"address", address}, {"prefix", prefix}, {"IPv6 client", ipv6}, {"identity", identity}, {"service", service},
		{"allow beats deny", allowed}, {"shadow", shadow}, {"lift", lift}, {"expiry", expiry}, {"extend", extend},
		{"replace", replace}, {"all or nothing", allOrNothing}, {"read back", readBack}, {"ended context", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fresh(t)
			if s.Span == 0 {
				s.Span, s.Exact = time.Hour, time.Second
			}
			c.run(t, s)
		})
	}
}

// Actor is a handshaken actor at the address, with the default client key.
func Actor(addr string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	bits := 64
	if a.Is4() {
		bits = 32
	}
	return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, bits).Masked(), Assurance: haechi.Handshaken}
}

// Device is a device that has proved itself, at the address.
func Device(addr, key string) haechi.Actor {
	a := Actor(addr)
	a.Device, a.Assurance = key, haechi.Authenticated
	return a
}

// Deny is an enforced refusal of the scope for a span.
func (s *Subject) Deny(t testing.TB, id haechi.Reference, scope string) haechi.Decision {
	t.Helper()
	sc, err := haechi.ParseScope(scope)
	if err != nil {
		t.Fatal(err)
	}
	return haechi.Decision{ID: id, Scope: sc, Action: haechi.Deny, Mode: haechi.Enforce, Rule: "test/rule",
		Origin: haechi.OriginRule, From: s.Now(), Until: s.Now().Add(s.Span)}
}

func (s *Subject) apply(t *testing.T, ds ...haechi.Decision) {
	t.Helper()
	if err := s.Enforcer.Apply(context.Background(), ds); err != nil {
		t.Fatal(err)
	}
}

func (s *Subject) expect(t *testing.T, a haechi.Actor, service string, refused bool) {
	t.Helper()
	if got := s.Refuses(a, service); got != refused {
		t.Errorf("%s (device %q, allowed %v) on %q: refused %v, want %v", a.Addr, a.Device, a.Allowed, service, got, refused)
	}
}

// stillRefused wants the actor refused until then. Where a busy machine only got to ask
// later, the answer says nothing.
func (s *Subject) stillRefused(t *testing.T, a haechi.Actor, until time.Time) {
	t.Helper()
	refused := s.Refuses(a, "shop")
	if now := s.Now(); !refused && now.Before(until) {
		t.Errorf("%s is let through %s before the end", a.Addr, until.Sub(now))
	}
}

func (s *Subject) inForce(t *testing.T) []haechi.Decision {
	t.Helper()
	ds, err := s.Enforcer.InForce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func address(t *testing.T, s *Subject) {
	s.expect(t, Actor("203.0.113.7"), "shop", false)
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.7"))
	s.expect(t, Actor("203.0.113.7"), "shop", true)
	s.expect(t, Actor("203.0.113.8"), "shop", false)
	s.expect(t, Actor("2001:db8::7"), "shop", false)
	drop := s.Deny(t, "B", "ip:203.0.113.9")
	drop.Action = haechi.Drop
	watch := s.Deny(t, "C", "ip:203.0.113.10")
	watch.Action = haechi.Watch
	s.apply(t, drop, watch)
	s.expect(t, Actor("203.0.113.9"), "shop", true)
	s.expect(t, Actor("203.0.113.10"), "shop", false)
}

func prefix(t *testing.T, s *Subject) {
	s.apply(t, s.Deny(t, "A", "prefix:203.0.113.0/25"), s.Deny(t, "B", "prefix:2001:db8:1::/48"))
	s.expect(t, Actor("203.0.113.127"), "shop", true)
	s.expect(t, Actor("203.0.113.128"), "shop", false)
	s.expect(t, Actor("2001:db8:1:ffff::1"), "shop", true)
	s.expect(t, Actor("2001:db8:2::1"), "shop", false)
}

func ipv6(t *testing.T, s *Subject) {
	s.apply(t, s.Deny(t, "A", "ip:2001:db8::/64"))
	s.expect(t, Actor("2001:db8::1"), "shop", true)
	s.expect(t, Actor("2001:db8::ffff:1"), "shop", true)
	s.expect(t, Actor("2001:db8:0:1::1"), "shop", false)
}

func identity(t *testing.T, s *Subject) {
	if !s.Identities {
		return
	}
	s.apply(t, s.Deny(t, "A", "device:LOA.i/1"))
	s.expect(t, Device("203.0.113.7", "LOA.i/1"), "bots", true)
	s.expect(t, Device("203.0.113.7", "LOA.i/2"), "bots", false)
	claim := Actor("203.0.113.7")
	claim.Device = "LOA.i/1"
	s.expect(t, claim, "bots", false)
}

func service(t *testing.T, s *Subject) {
	if !s.Services {
		return
	}
	d := s.Deny(t, "A", "ip:203.0.113.7")
	d.Service = "bots"
	s.apply(t, d)
	s.expect(t, Actor("203.0.113.7"), "bots", true)
	s.expect(t, Actor("203.0.113.7"), "shop", false)
}

func allowed(t *testing.T, s *Subject) {
	if !s.Identities { // elsewhere the allow list is in the enforcer itself
		return
	}
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.7"), s.Deny(t, "B", "device:LOA.i/1"))
	a := Device("203.0.113.7", "LOA.i/1")
	s.expect(t, a, "bots", true)
	a.Allowed = true
	s.expect(t, a, "bots", false)
}

func shadow(t *testing.T, s *Subject) {
	d := s.Deny(t, "A", "ip:203.0.113.7")
	d.Mode = haechi.Shadow
	s.apply(t, d)
	s.expect(t, Actor("203.0.113.7"), "shop", false)
	if got := s.inForce(t); len(got) != 0 {
		t.Errorf("in force: %+v", got)
	}
}

func lift(t *testing.T, s *Subject) {
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.7"), s.Deny(t, "B", "prefix:203.0.113.0/24"), s.Deny(t, "C", "ip:203.0.113.9"))
	if err := s.Enforcer.Lift(context.Background(), []haechi.Reference{"B", "unknown", "C"}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, Actor("203.0.113.7"), "shop", true) // A stands by itself
	s.expect(t, Actor("203.0.113.8"), "shop", false)
	s.expect(t, Actor("203.0.113.9"), "shop", false)
	lifted := s.Deny(t, "A", "ip:203.0.113.7")
	lifted.LiftedAt = s.Now()
	s.apply(t, lifted)
	s.expect(t, Actor("203.0.113.7"), "shop", false)
}

func expiry(t *testing.T, s *Subject) {
	endless := s.Deny(t, "B", "ip:203.0.113.8")
	endless.Until = time.Time{}
	d := s.Deny(t, "A", "ip:203.0.113.7")
	s.apply(t, d, endless)
	s.Advance(s.Span - s.Exact)
	s.stillRefused(t, Actor("203.0.113.7"), d.Until)
	s.Advance(s.Exact)
	s.expect(t, Actor("203.0.113.7"), "shop", false)
	s.expect(t, Actor("203.0.113.8"), "shop", true)
	if got := s.inForce(t); len(got) != 1 || got[0].ID != "B" {
		t.Errorf("in force: %+v", got)
	}
}

func extend(t *testing.T, s *Subject) {
	d := s.Deny(t, "A", "ip:203.0.113.7")
	s.apply(t, d)
	d.Until = d.Until.Add(s.Span)
	s.apply(t, d)
	s.Advance(s.Span * 3 / 2)
	s.stillRefused(t, Actor("203.0.113.7"), d.Until)
	s.Advance(s.Span / 2)
	s.expect(t, Actor("203.0.113.7"), "shop", false)
}

func replace(t *testing.T, s *Subject) {
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.7"))
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.8"))
	s.expect(t, Actor("203.0.113.7"), "shop", false)
	s.expect(t, Actor("203.0.113.8"), "shop", true)
	s.apply(t, s.Deny(t, "A", "ip:203.0.113.9"), s.Deny(t, "A", "ip:203.0.113.10"))
	s.expect(t, Actor("203.0.113.9"), "shop", false)
	s.expect(t, Actor("203.0.113.10"), "shop", true)
	if got := s.inForce(t); len(got) != 1 {
		t.Errorf("in force: %+v", got)
	}
}

func allOrNothing(t *testing.T, s *Subject) {
	bad := s.Deny(t, "B", "ip:203.0.113.8")
	bad.Action = haechi.Hold
	if err := s.Enforcer.Apply(context.Background(), []haechi.Decision{s.Deny(t, "A", "ip:203.0.113.7"), bad}); err == nil {
		t.Error("a decision that cannot be enforced was accepted")
	}
	s.expect(t, Actor("203.0.113.7"), "shop", false)
	bad = s.Deny(t, "C", "ip:203.0.113.8")
	bad.Scope = haechi.Scope{Kind: haechi.ScopeService, Value: "shop"}
	if err := s.Enforcer.Apply(context.Background(), []haechi.Decision{bad}); err == nil {
		t.Error("a service was denied")
	}
	if got := s.inForce(t); len(got) != 0 {
		t.Errorf("in force: %+v", got)
	}
}

func readBack(t *testing.T, s *Subject) {
	want := []haechi.Decision{s.Deny(t, "A", "ip:203.0.113.7"), s.Deny(t, "B", "prefix:198.51.100.0/24"), s.Deny(t, "C", "ip:2001:db8::/64")}
	s.apply(t, want...)
	got := map[haechi.Reference]haechi.Decision{}
	for _, d := range s.inForce(t) {
		got[d.ID] = d
	}
	for _, w := range want {
		g := got[w.ID]
		if g.Scope != w.Scope || g.Action != w.Action || g.Until.Sub(w.Until).Abs() > 2*time.Second {
			t.Errorf("read back %+v, want %+v", g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d in force", len(got))
	}
	if s.Enforcer.Name() == "" {
		t.Error("an enforcer has a name")
	}
}

func ended(t *testing.T, s *Subject) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := s.Enforcer.Apply(ctx, []haechi.Decision{s.Deny(t, "A", "ip:203.0.113.7")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.expect(t, Actor("203.0.113.7"), "shop", false)
}
