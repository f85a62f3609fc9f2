package scenario_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/test/gateway"
)

// policy is one case of the table: settings that every service gets alike, and what is
// to happen to a client of each kind of service.
type policy struct {
	name string
	top  func(r *rig) string         // settings of the gateway
	set  func(r *rig, k kind) string // settings of each service
	run  func(t *testing.T, r *rig, k kind, at int)
}

// each gives all services the same settings.
func eachKind(text string) func(*rig, kind) string {
	return func(*rig, kind) string { return text }
}

// TestPoliciesHoldForEveryKind is Must show 5 of the stage: one table of rules, lists,
// limits and decisions, run against a web service, a device service and an opaque TCP
// service of the same gateway.
func TestPoliciesHoldForEveryKind(t *testing.T) {
	t.Parallel()
	for _, p := range policies() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, settings{})
			r.raw = newRawSide(t, r.at(hostUpstream, portRawUpstream))
			r.configurePolicy(p)
			r.start()
			for i, k := range kinds() {
				t.Run(k.name, func(t *testing.T) { p.run(t, r.with(t), k, 10+30*i) })
			}
		})
	}
}

func (r *rig) configurePolicy(p policy) {
	r.t.Helper()
	set := settings{}
	if p.top != nil {
		set.top = p.top(r)
	}
	texts := map[string]string{}
	for _, k := range kinds() {
		if p.set != nil {
			texts[k.service] = p.set(r, k)
		}
	}
	set.bots, set.shop = "device: { hold: 1s }\n"+texts["bots"], texts["shop"]
	set.services = fmt.Sprintf("  raw:\n    kind: tcp\n    listen: [%q]\n    upstream: %s\n%s",
		r.rawAddr(), r.at(hostUpstream, portRawUpstream), block("    ", texts["raw"]))
	r.configure(set)
}

// enters wants somebody to get in and be answered.
func (k kind) enters(t *testing.T, r *rig, d dialer) line {
	t.Helper()
	l, err := k.enter(t, r, d)
	if err != nil {
		t.Fatalf("%s is not served: %v", k.name, err)
	}
	t.Cleanup(l.close)
	return l
}

// refused wants somebody not to get in, the server behind not to hear of it, and
// `haechi why` to explain it by the reference of the refusal.
func (k kind) refused(t *testing.T, r *rig, d dialer, reason haechi.Reason, rule string) haechi.Event {
	t.Helper()
	heard, since := k.heard(r), time.Now().Add(-time.Millisecond)
	if l, err := k.enter(t, r, d); err == nil {
		l.close()
		t.Fatalf("%s is served", k.name)
	}
	e := k.explained(t, r, since, reason, rule)
	if n := k.heard(r); n != heard {
		t.Errorf("the server behind heard of it: %d, before %d", n, heard)
	}
	return e
}

// explained finds the refusal and asks why.
func (k kind) explained(t *testing.T, r *rig, since time.Time, reason haechi.Reason, rule string) (e haechi.Event) {
	t.Helper()
	eventually(t, "the refusal to be recorded", 5*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: k.service, Since: since, Failures: true, Limit: 1000})
		must(t, err)
		for _, e = range es {
			if e.Reason == reason && !e.Shadow && strings.HasPrefix(e.Rule, rule) && e.Ref != "" {
				return true
			}
		}
		return false
	})
	x := asked[haechi.Explanation](r, "why", string(e.Ref))
	if len(x.Refusals)+len(x.Decisions) == 0 {
		t.Fatalf("why %s knows nothing: %+v", e.Ref, x)
	}
	if len(x.Refusals) > 0 && (x.Refusals[0].Ref != e.Ref || x.Refusals[0].Service != k.service && e.Reason != haechi.ReasonDecision) {
		t.Errorf("why %s says %+v", e.Ref, x.Refusals[0])
	}
	return e
}

// ends wants a connection to be ended within the time.
func ends(t *testing.T, l line, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if l.again() != nil {
			return time.Since(began)
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("the connection is still served after %s", within)
	return 0
}

func policies() []policy {
	return append([]policy{
		{name: "a deny list, and allow beats deny",
			top: func(r *rig) string { return fmt.Sprintf("allow: [%s, %s, %s]", r.addr(13), r.addr(43), r.addr(73)) },
			set: func(r *rig, _ kind) string {
				n := r.addr(0).String() + "/24"
				return fmt.Sprintf("access: { deny: [%s], allow: [%s, %s, %s] }", n, r.addr(12), r.addr(42), r.addr(72))
			},
			run: func(t *testing.T, r *rig, k kind, at int) {
				k.refused(t, r, r.as(at), haechi.ReasonAccess, "access")
				k.refused(t, r, r.as(at+1), haechi.ReasonAccess, "access")
				k.enters(t, r, r.as(at+2)) // an exception of the service's list
				k.enters(t, r, r.as(at+3)) // on the gateway's allow list
			}},
		{name: "an allow list alone",
			set: func(r *rig, _ kind) string {
				return fmt.Sprintf("access: { allow: [%s, %s, %s] }", r.addr(11), r.addr(41), r.addr(71))
			},
			run: func(t *testing.T, r *rig, k kind, at int) {
				k.refused(t, r, r.as(at), haechi.ReasonAccess, "access")
				k.enters(t, r, r.as(at+1))
			}},
		{name: "an operator's decision cuts and is lifted", run: decisionCuts},
		{name: "a reload's list holds for live connections", run: reloadCuts},
		{name: "a reload brings new limits", run: reloadLimits},
		{name: "a reload of the allow list", run: reloadAllows},
		{name: "a rule decides from refusals", run: ruleDecides,
			top: func(*rig) string {
				return "rules:\n  client/over-limits: { threshold: 5, action: deny, for: 10m, mode: enforce }\n  auth/brute-force: { mode: off }\ndecide: { shared_devices: 0 }"
			},
			set: eachKind("limits: { address: 12/min }")},
		{name: "new connections of a client", set: eachKind("limits: { address: 12/min }"), run: newConnections},
		{name: "new connections of a service", set: eachKind("limits: { new_connections: 6/min }"), run: serviceConnections},
		{name: "connections at once", set: eachKind("limits: { connections: 3 }"), run: connectionsAtOnce},
		{name: "a slash 64 is one client", run: slash64,
			set: eachKind("limits: { address: 12/min }\nproxy_protocol: [127.0.0.1]")},
		{name: "a slow peer", set: func(_ *rig, k kind) string { return k.slowly }, run: slowPeer},
		{name: "an idle peer", set: func(_ *rig, k kind) string { return k.idle }, run: idlePeer},
	}, shadow())
}

func decisionCuts(t *testing.T, r *rig, k kind, at int) {
	victim, other := k.enters(t, r, r.as(at)), k.enters(t, r, r.as(at+1))
	about := "ip:" + r.addr(at).String()
	d := asked[haechi.Decision](r, "decisions", "add", about, "--reason", "policy test", "--for", "10m")
	t.Logf("it was cut after %s", ends(t, victim, gateway.Patient(time.Second)))
	if err := other.again(); err != nil {
		t.Errorf("somebody else was cut: %v", err)
	}
	if e := k.refused(t, r, r.as(at), haechi.ReasonDecision, ""); e.Ref != d.ID {
		t.Errorf("the refusal shows %s, the decision is %s", e.Ref, d.ID)
	}
	r.ok("decisions", "lift", string(d.ID), "--reason", "over")
	k.enters(t, r, r.as(at))
	if err := other.again(); err != nil {
		t.Error(err)
	}
}

func reloadCuts(t *testing.T, r *rig, k kind, at int) {
	victim, other := k.enters(t, r, r.as(at)), k.enters(t, r, r.as(at+1))
	since := time.Now()
	deny := policy{set: func(*rig, kind) string { return fmt.Sprintf("access: { deny: [%s] }", r.addr(at)) }}
	r.configurePolicy(deny)
	r.ok("reload")
	ends(t, victim, gateway.Patient(time.Second))
	k.explained(t, r, since, haechi.ReasonAccess, "access")
	if err := other.again(); err != nil {
		t.Errorf("somebody else was cut: %v", err)
	}
	r.configurePolicy(policy{})
	r.ok("reload")
	r.open()
	k.enters(t, r, r.as(at))
}

// reloadLimits: new limits hold for who comes from then on, and nobody is cut.
func reloadLimits(t *testing.T, r *rig, k kind, at int) {
	live := k.enters(t, r, r.as(at))
	r.configurePolicy(policy{set: eachKind("limits: { address: 12/min }")})
	r.ok("reload")
	r.open()
	began := time.Now()
	if in, e := k.runsInto(t, r, func(int) dialer { return r.as(at + 1) }, "limit/address"); in > most(12, began) || e.Threshold != 12 {
		t.Errorf("%d got in; refused with %+v", in, e)
	}
	must(t, live.again())
	r.configurePolicy(policy{})
	r.ok("reload")
	r.open()
	k.enters(t, r, r.as(at+1))
}

// reloadAllows: who comes onto the allow list is let in at once, whatever was decided.
func reloadAllows(t *testing.T, r *rig, k kind, at int) {
	d := asked[haechi.Decision](r, "decisions", "add", "ip:"+r.addr(at).String(), "--reason", "looked like a scanner", "--for", "10m")
	k.refused(t, r, r.as(at), haechi.ReasonDecision, "")
	r.configurePolicy(policy{top: func(*rig) string { return "allow: [" + r.addr(at).String() + "]" }})
	r.ok("reload")
	r.open()
	k.enters(t, r, r.as(at))
	eventually(t, "the decision to be lifted", 5*time.Second, func() bool {
		_, still := r.about("ip:" + r.addr(at).String())
		return !still
	})
	if x := asked[haechi.Explanation](r, "why", string(d.ID)); len(x.Decisions) != 1 || x.Decisions[0].LiftedAt.IsZero() {
		t.Errorf("why says %+v", x)
	}
}

// runsInto enters until the limit refuses, and returns how often it got in.
func (k kind) runsInto(t *testing.T, r *rig, d func(i int) dialer, rule string) (in int, e haechi.Event) {
	t.Helper()
	since := time.Now()
	for in = range 40 {
		l, err := k.enter(t, r, d(in))
		if err != nil {
			return in, k.explained(t, r, since, haechi.ReasonRateLimit, rule)
		}
		l.close()
	}
	t.Fatalf("there is no limit: %d got in", in)
	return 0, e
}

// most is how many get in since then where so many do in a minute, one more for good
// measure.
func most(limit int, since time.Time) int {
	return limit + 1 + int(float64(limit)*time.Since(since).Minutes())
}

// newConnections: a connection is charged once; a request, or a device's frame before
// its proof, is charged too. So twelve are two to twelve people who got in.
func newConnections(t *testing.T, r *rig, k kind, at int) {
	began := time.Now()
	in, e := k.runsInto(t, r, func(int) dialer { return r.as(at) }, "limit/address")
	if in < 2 || in > most(12, began) || e.Threshold != 12 || e.Observed <= 12 || e.Window != time.Minute {
		t.Errorf("%d got in; refused with %+v", in, e)
	}
	if k.name == "tcp" && in < 12 {
		t.Errorf("%d got in, want 12", in)
	}
	k.enters(t, r, r.as(at+1))
}

func serviceConnections(t *testing.T, r *rig, k kind, at int) {
	began := time.Now()
	in, e := k.runsInto(t, r, func(i int) dialer { return r.as(at + i) }, "limit/service")
	if in < 6 || in >= most(6, began) || e.Threshold != 6 || e.Observed <= 6 {
		t.Errorf("%d got in; refused with %+v", in, e)
	}
}

func connectionsAtOnce(t *testing.T, r *rig, k kind, at int) {
	var held []net.Conn
	hold := func() net.Conn {
		c, err := r.as(at)(t.Context(), k.address(r))
		must(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range 3 {
		held = append(held, hold())
	}
	for _, c := range held { // they wait, and nobody ends them
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); !os.IsTimeout(err) {
			t.Fatalf("one of three was ended: %v", err)
		}
	}
	k.refused(t, r, r.as(at), haechi.ReasonConnectionLimit, "limit/connections")
	k.enters(t, r, r.as(at+1))
	_ = held[0].Close()
	eventually(t, "the place to be given back", 5*time.Second, func() bool {
		l, err := k.enter(t, r, r.as(at))
		if err == nil {
			l.close()
		}
		return err == nil
	})
}

func slash64(t *testing.T, r *rig, k kind, at int) {
	began := time.Now()
	in, e := k.runsInto(t, r, func(i int) dialer { return claiming(t, inSlash64(at, i)) }, "limit/address")
	if want := netip.PrefixFrom(inSlash64(at, 0), 64).Masked(); in > most(12, began) || e.Client != want {
		t.Errorf("%d got in; the client is %s, want %s", in, e.Client, want)
	}
	k.enters(t, r, claiming(t, inSlash64(at+1, 0)))
}

// ruleDecides: a rule over refusals fires alike, and its decision holds everywhere.
func ruleDecides(t *testing.T, r *rig, k kind, at int) {
	about := "ip:" + r.addr(at).String()
	var d haechi.Decision
	eventually(t, "the rule to decide", 20*time.Second, func() (ok bool) {
		if l, err := k.enter(t, r, r.as(at)); err == nil {
			l.close()
		}
		d, ok = r.about(about)
		return ok
	})
	if d.Rule != "client/over-limits" || d.Action != haechi.Deny || d.Observed <= 5 || d.Threshold != 5 {
		t.Errorf("decided %+v", d)
	}
	for _, other := range kinds() {
		if l, err := other.enter(t, r, r.as(at)); err == nil {
			l.close()
			t.Errorf("%s serves it", other.name)
		}
	}
	if x := asked[haechi.Explanation](r, "why", string(d.ID)); len(x.Decisions) != 1 || len(x.Findings) == 0 || len(x.Lift) == 0 {
		t.Errorf("why %s says %+v", d.ID, x)
	}
	k.enters(t, r, r.as(at+1))
}

// slowPeer: somebody who never gets to the point is cut; who does is left alone.
func slowPeer(t *testing.T, r *rig, k kind, at int) {
	good := k.enters(t, r, r.as(at+1))
	since := time.Now().Add(-time.Millisecond)
	c, err := r.as(at)(t.Context(), k.address(r))
	must(t, err)
	defer c.Close()
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.SetReadDeadline(time.Now().Add(gateway.Patient(20 * time.Second)))
		for { // what it may be told, and what an echo says
			if _, err := c.Read(make([]byte, 1024)); err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ended:
			if took := time.Since(began); took >= gateway.Patient(20*time.Second) {
				t.Errorf("it was cut after %s", took)
			}
			reason := haechi.ReasonTimeout
			if k.name == "device" {
				reason = haechi.ReasonHandshake
			}
			k.timedOut(t, r, since, reason)
			if k.name != "tcp" { // an opaque line that exchanges little is what is slow there
				if err := good.again(); err != nil {
					t.Errorf("somebody else was cut: %v", err)
				}
			}
			return
		case <-tick.C:
			_, _ = c.Write([]byte(k.loiter(c, n)))
		}
	}
}

// timedOut wants the end of a connection to be recorded with the reason.
func (k kind) timedOut(t *testing.T, r *rig, since time.Time, reason haechi.Reason) {
	t.Helper()
	eventually(t, "the end to be recorded", 5*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: k.service, Since: since, Failures: true, Limit: 100})
		must(t, err)
		for _, e := range es {
			if e.Reason == reason {
				return true
			}
		}
		return false
	})
}

// idlePeer: silence ends a connection; who speaks now and then keeps it.
func idlePeer(t *testing.T, r *rig, k kind, at int) {
	quiet, lively := k.enters(t, r, r.as(at)), k.enters(t, r, r.as(at+1))
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range 14 {
		<-tick.C
		if err := lively.again(); err != nil {
			t.Fatalf("the lively one was cut: %v", err)
		}
	}
	if quiet.again() == nil {
		t.Error("the quiet one is still served after seven seconds")
	}
}

// shadow is the case in which nothing may happen.
func shadow() policy {
	return policy{name: "shadow never alters",
		top: func(*rig) string { return "rules:\n  client/over-limits: { threshold: 1, action: deny, mode: shadow }" },
		set: func(r *rig, k kind) string {
			limits := "mode: shadow, address: 1/min, new_connections: 1/min"
			if k.name == "tcp" {
				limits += ", bytes_in: 1KiB, bytes_out: 1KiB, min_rate: 1KiB, pause: 0s"
			}
			return fmt.Sprintf("limits: { %s }\naccess: { mode: shadow, deny: [%s/24] }", limits, r.addr(0))
		},
		run: func(t *testing.T, r *rig, k kind, at int) {
			since := time.Now().Add(-time.Millisecond)
			for i := range 8 {
				l := k.enters(t, r, r.as(at+i%2))
				for range 5 {
					must(t, l.again())
				}
			}
			var seen, refused int
			eventually(t, "the shadow to be recorded", 5*time.Second, func() bool {
				es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: k.service, Since: since, Limit: 1000})
				must(t, err)
				seen, refused = 0, 0
				for _, e := range es {
					if e.Shadow {
						seen++
					}
					if e.Refusal() {
						refused++
					}
				}
				return seen > 0
			})
			if refused > 0 || len(r.inForce()) > 0 {
				t.Errorf("%d refusals, in force %+v", refused, r.inForce())
			}
		}}
}
