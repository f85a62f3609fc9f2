package control

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/brick/clientkey"
)

const (
	// whyLimit bounds how many refusals, findings and incidents an explanation shows.
	whyLimit = 20
	// whySearch bounds how many recorded failures are looked through for refusals,
	// which failed logins and the like, let through by the gateway, may outnumber.
	whySearch = 1000
	// whyIncidents bounds how many incidents are looked through.
	whyIncidents = 10_000
)

// Why explains a reference (of a refusal, a finding, a decision or an incident), an
// address, a network, a device, or any of them written as a scope: what was refused
// or decided, on what evidence, until when, and how to lift it. Errors are of kind
// NotFound when nothing is known, Invalid when the query is none of these.
func (c *Control) Why(ctx context.Context, query string) (haechi.Explanation, error) {
	query = strings.TrimSpace(query)
	x := haechi.Explanation{Query: query}
	if err := c.explain(ctx, &x, query); err != nil {
		return haechi.Explanation{}, err
	}
	if len(x.Refusals)+len(x.Findings)+len(x.Decisions)+len(x.Incidents) == 0 && x.Device == nil && x.Protected == "" {
		return haechi.Explanation{}, &haechi.Error{Kind: haechi.NotFound, Op: "explain " + query, Msg: "nothing is recorded about it",
			Hint: "references are kept as long as records.events says, a day at least"}
	}
	x.Lift = lift(&x, c.d.Now())
	return x, nil
}

// explain picks the way to look. A registered device wins: its name is its own
// choice, and may look like anything.
func (c *Control) explain(ctx context.Context, x *haechi.Explanation, query string) error {
	if _, err := c.device(query); err == nil {
		return c.whyDevice(ctx, x, query)
	}
	if addr, err := netip.ParseAddr(strings.Trim(query, "[]")); err == nil {
		return c.whyAddress(ctx, x, addr)
	}
	if p, err := netip.ParsePrefix(query); err == nil {
		return c.whyNetwork(ctx, x, p)
	}
	if s, err := haechi.ParseScope(query); err == nil && query != "" {
		return c.whyScope(ctx, x, s)
	}
	if strings.Contains(query, "/") {
		return c.whyDevice(ctx, x, query)
	}
	return c.whyReference(ctx, x, query)
}

func (c *Control) whyScope(ctx context.Context, x *haechi.Explanation, s haechi.Scope) error {
	switch {
	case s.Kind == haechi.ScopeDevice:
		return c.whyDevice(ctx, x, s.Value)
	case s.Kind == haechi.ScopeAddress && s.Prefix.IsSingleIP():
		return c.whyAddress(ctx, x, s.Prefix.Addr())
	case s.Prefix.IsValid():
		return c.whyNetwork(ctx, x, s.Prefix)
	}
	return c.rulings(ctx, x, s)
}

func (c *Control) whyReference(ctx context.Context, x *haechi.Explanation, query string) error {
	ref, err := haechi.ParseReference(query)
	if err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "explain", Msg: "this is no reference, address or device",
			Hint: "give 7K29Q-XM4TC, 203.0.113.7 or BOT/DEVICEID", Err: err}
	}
	if x.Refusals, err = c.d.Past.Events(ctx, &haechi.EventFilter{Ref: ref, Limit: whyLimit}); err != nil {
		return err
	}
	// Those of the gateway name incidents and refuse nobody, but for what it found wrong.
	x.Refusals = slices.DeleteFunc(x.Refusals, func(e haechi.Event) bool { return e.Kind == haechi.KindSystem && e.Outcome != haechi.Failure })
	if x.Decisions, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{ID: ref, Limit: 1}); err != nil {
		return err
	}
	if x.Findings, err = c.d.Program.Findings(ctx, haechi.Scope{}, ref, whyLimit); err != nil {
		return err
	}
	if len(x.Refusals)+len(x.Decisions)+len(x.Findings) == 0 {
		if err := c.whyIncident(ctx, x, ref); err != nil {
			return err
		}
	}
	if err := c.evidence(ctx, x); err != nil {
		return err
	}
	switch {
	case len(x.Refusals) > 0:
		c.attach(x, x.Refusals[0].Device)
	case len(x.Decisions) > 0 && x.Decisions[0].Scope.Kind == haechi.ScopeDevice:
		c.attach(x, x.Decisions[0].Scope.Value)
	}
	return nil
}

func (c *Control) whyAddress(ctx context.Context, x *haechi.Explanation, addr netip.Addr) error {
	return c.whySource(ctx, x, haechi.Scope{Kind: haechi.ScopeAddress, Prefix: clientkey.Of(addr, c.d.IPv6Bits)})
}

// whyNetwork takes the length of a client key for that client, as findings and
// decisions do.
func (c *Control) whyNetwork(ctx context.Context, x *haechi.Explanation, p netip.Prefix) error {
	p = p.Masked()
	if p == clientkey.Of(p.Addr(), c.d.IPv6Bits) {
		return c.whyAddress(ctx, x, p.Addr())
	}
	return c.whySource(ctx, x, haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p})
}

func (c *Control) whySource(ctx context.Context, x *haechi.Explanation, about haechi.Scope) error {
	x.Protected = c.d.Decider.Protected(about)
	if err := c.refusals(ctx, x, haechi.EventFilter{Source: about}); err != nil {
		return err
	}
	return c.rulings(ctx, x, about)
}

func (c *Control) whyDevice(ctx context.Context, x *haechi.Explanation, key string) error {
	c.attach(x, key)
	if err := c.refusals(ctx, x, haechi.EventFilter{Device: key}); err != nil {
		return err
	}
	return c.rulings(ctx, x, haechi.Scope{Kind: haechi.ScopeDevice, Value: key})
}

// refusals finds what the gateway refused, would have refused in shadow or slowed
// down. Only where there is none, failures that it let through are shown.
func (c *Control) refusals(ctx context.Context, x *haechi.Explanation, f haechi.EventFilter) error {
	f.Failures, f.Limit = true, whySearch
	all, err := c.d.Past.Events(ctx, &f)
	if err != nil {
		return err
	}
	x.Refusals = slices.DeleteFunc(slices.Clone(all), func(e haechi.Event) bool { return e.Verdict == haechi.Pass })
	if len(x.Refusals) == 0 {
		x.Refusals = all
	}
	x.Refusals = x.Refusals[:min(len(x.Refusals), whyLimit)]
	return nil
}

func (c *Control) rulings(ctx context.Context, x *haechi.Explanation, about haechi.Scope) (err error) {
	if x.Decisions, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{About: about, Limit: whyLimit}); err != nil {
		return err
	}
	if x.Findings, err = c.d.Program.Findings(ctx, about, "", whyLimit); err != nil {
		return err
	}
	if x.Incidents, err = c.incidents(ctx, func(in *haechi.Incident) bool { return in.About == about }); err != nil {
		return err
	}
	return c.evidence(ctx, x)
}

func (c *Control) attach(x *haechi.Explanation, key string) {
	if d, err := c.device(key); err == nil {
		x.Device = &d
	}
}
