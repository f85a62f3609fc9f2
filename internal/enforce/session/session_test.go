package session_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/session"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// clock is a time that tests move; not for concurrent use.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func at(cfg session.Config) (*session.Enforcer, *clock) {
	c := &clock{start}
	cfg.Now = c.Now
	return session.New(cfg), c
}

func apply(t testing.TB, e *session.Enforcer, ds ...haechi.Decision) {
	t.Helper()
	if err := e.Apply(context.Background(), ds); err != nil {
		t.Fatal(err)
	}
}

func scope(t testing.TB, text string) haechi.Scope {
	t.Helper()
	s, err := haechi.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decision(t testing.TB, id haechi.Reference, about string, a haechi.Action) haechi.Decision {
	return haechi.Decision{ID: id, Scope: scope(t, about), Action: a, Mode: haechi.Enforce, Rule: "r/" + string(id),
		Observed: 11, Threshold: 10, Window: time.Minute, From: start, Until: start.Add(time.Hour)}
}

func ask(e *session.Enforcer, a haechi.Actor, now time.Time) haechi.Verdict {
	return e.Inspect(&haechi.Request{Kind: haechi.KindRequest, Service: "shop", Actor: &a}, now)
}

func TestConformance(t *testing.T) {
	enforcetest.Run(t, func(t *testing.T) *enforcetest.Subject {
		e, c := at(session.Config{})
		return &enforcetest.Subject{
			Enforcer: e, Now: c.Now, Advance: func(d time.Duration) { c.now = c.now.Add(d) },
			Identities: true, Services: true,
			Refuses: func(a haechi.Actor, service string) bool {
				v := e.Inspect(&haechi.Request{Kind: haechi.KindConnect, Service: service, Actor: &a}, c.now)
				return v.Refuses()
			},
		}
	})
}

func TestVerdictExplainsItself(t *testing.T) {
	e, _ := at(session.Config{Delay: time.Minute})
	deny := decision(t, "DENY1-DENY1", "ip:203.0.113.7", haechi.Deny)
	deny.Reason = "a remark that is not for the peer"
	operator := decision(t, "OPER1-OPER1", "ip:203.0.113.9", haechi.Drop)
	operator.Rule, operator.Until = "", time.Time{}
	apply(t, e, deny, decision(t, "SLOW1-SLOW1", "ip:203.0.113.8", haechi.Throttle), operator)
	v := ask(e, enforcetest.Actor("203.0.113.7"), start.Add(time.Minute))
	want := haechi.Verdict{Action: haechi.Deny, Delay: 59 * time.Minute, Reason: haechi.ReasonDecision, Rule: "r/DENY1-DENY1",
		Ref: "DENY1-DENY1", Observed: 11, Threshold: 10, Window: time.Minute}
	if v != want {
		t.Errorf("got %+v", v)
	}
	if v := ask(e, enforcetest.Actor("203.0.113.8"), start); v.Action != haechi.Throttle || v.Delay != 10*time.Second {
		t.Errorf("a throttle's delay is bounded: %+v", v)
	}
	if v := ask(e, enforcetest.Actor("203.0.113.9"), start); v.Action != haechi.Deny || v.Rule != "decision" || v.Delay != 0 {
		t.Errorf("a kernel drop is a refusal here: %+v", v)
	}
	if v := e.Inspect(&haechi.Request{Service: "shop"}, start); !v.Refuses() || v.Ref == "" {
		t.Errorf("nobody cannot be judged: %+v", v)
	}
}

func TestStrongestAndNarrowestSpeaks(t *testing.T) {
	e, _ := at(session.Config{})
	apply(t, e, decision(t, "A", "prefix:203.0.113.0/24", haechi.Deny), decision(t, "B", "ip:203.0.113.7", haechi.Deny),
		decision(t, "C", "device:a/1", haechi.Throttle), decision(t, "D", "device:a/2", haechi.Deny))
	for _, tt := range []struct {
		a    haechi.Actor
		want haechi.Reference
	}{
		{enforcetest.Actor("203.0.113.6"), "A"}, {enforcetest.Actor("203.0.113.7"), "B"},
		{enforcetest.Device("203.0.113.7", "a/1"), "B"}, {enforcetest.Device("203.0.113.7", "a/2"), "D"},
		{enforcetest.Device("198.51.100.1", "a/1"), "C"},
	} {
		if v := ask(e, tt.a, start); v.Ref != tt.want {
			t.Errorf("%s %q: %q spoke, want %q", tt.a.Addr, tt.a.Device, v.Ref, tt.want)
		}
	}
}

func TestThrottledAddressSparesProvedDevices(t *testing.T) {
	e, _ := at(session.Config{})
	apply(t, e, decision(t, "A", "ip:203.0.113.7", haechi.Throttle))
	if v := ask(e, enforcetest.Actor("203.0.113.7"), start); v.Action != haechi.Throttle {
		t.Errorf("got %+v", v)
	}
	if v := ask(e, enforcetest.Device("203.0.113.7", "a/1"), start); v.Action != haechi.Pass {
		t.Errorf("got %+v", v)
	}
}

func TestTableIsBounded(t *testing.T) {
	e, c := at(session.Config{MaxDecisions: 2})
	a, b, d := decision(t, "A", "ip:203.0.113.1", haechi.Deny), decision(t, "B", "ip:203.0.113.2", haechi.Deny), decision(t, "C", "ip:203.0.113.3", haechi.Deny)
	apply(t, e, a, b)
	if err := e.Apply(context.Background(), []haechi.Decision{a, d}); haechi.KindOf(err) != haechi.Exhausted {
		t.Fatalf("got %v", err)
	}
	if v := ask(e, enforcetest.Actor("203.0.113.3"), start); v.Action != haechi.Pass {
		t.Fatal("half of a refused batch is in force")
	}
	apply(t, e, a, b) // replacing needs no room
	c.now = start.Add(time.Hour)
	e.Sweep(c.now)
	d.Until = c.now.Add(time.Hour)
	apply(t, e, d)
	if n := counter(t, e, "session_decisions"); n != 1 {
		t.Fatalf("%d decisions", n)
	}
	if n := counter(t, e, "session_decisions_refused"); n != 2 {
		t.Fatalf("%d refused", n)
	}
}

func counter(t *testing.T, e *session.Enforcer, name string) uint64 {
	t.Helper()
	for _, c := range e.Stats() {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}

func TestInspectDoesNotAllocate(t *testing.T) {
	e := loaded(t, 1000)
	a := enforcetest.Device("198.51.100.1", "a/1")
	r := &haechi.Request{Kind: haechi.KindMessage, Service: "bots", Actor: &a}
	if n := testing.AllocsPerRun(1000, func() { e.Inspect(r, start) }); n != 0 {
		t.Fatalf("%v allocations a judgement", n)
	}
}

// loaded has n denied addresses, n denied devices, and prefixes of both families.
func loaded(t testing.TB, n int) *session.Enforcer {
	e, _ := at(session.Config{})
	var ds []haechi.Decision
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range n {
		addr = addr.Next()
		id := haechi.NewReference("x", addr.String(), start)
		ds = append(ds, haechi.Decision{ID: id, Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.PrefixFrom(addr, 32)},
			Action: haechi.Deny, Mode: haechi.Enforce, From: start, Until: start.Add(time.Hour)})
		id = haechi.NewReference("y", addr.String(), start)
		ds = append(ds, haechi.Decision{ID: id, Scope: haechi.Scope{Kind: haechi.ScopeDevice, Value: haechi.DeviceKey("b", addr.String())},
			Action: haechi.Deny, Mode: haechi.Enforce, From: start.Add(time.Duration(i)), Until: start.Add(time.Hour)})
	}
	ds = append(ds, decision(t, "A", "prefix:192.0.2.0/24", haechi.Deny), decision(t, "B", "ip:2001:db8::/64", haechi.Deny))
	apply(t, e, ds...)
	return e
}

func BenchmarkInspect(b *testing.B) {
	for _, n := range []int{0, 1000, 50_000} {
		e := loaded(b, n)
		for name, a := range map[string]haechi.Actor{
			"address": enforcetest.Actor("198.51.100.1"), "device": enforcetest.Device("198.51.100.1", "a/1"), "denied": enforcetest.Actor("192.0.2.1"),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				r := &haechi.Request{Kind: haechi.KindMessage, Service: "bots", Actor: &a}
				b.ReportAllocs()
				for b.Loop() {
					e.Inspect(r, start)
				}
			})
		}
	}
}

func BenchmarkApplyOneAmong100k(b *testing.B) {
	e := loaded(b, 50_000)
	d := decision(b, "X", "ip:203.0.113.7", haechi.Deny)
	for b.Loop() {
		apply(b, e, d)
	}
}
