package control

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// whyLimit bounds how many refusals and findings an explanation shows.
const whyLimit = 20

// Why explains a reference, an address or a device: what was refused or decided,
// on what evidence, until when, and how to lift it. Errors are of kind NotFound
// when nothing is known, Invalid when the query is none of the three.
func (c *Control) Why(ctx context.Context, query string) (haechi.Explanation, error) {
	query = strings.TrimSpace(query)
	x := haechi.Explanation{Query: query}
	var err error
	switch addr, aerr := netip.ParseAddr(strings.Trim(query, "[]")); {
	case aerr == nil:
		err = c.whyAddress(ctx, &x, addr)
	case strings.Contains(query, "/"):
		err = c.whyDevice(ctx, &x, query)
	default:
		err = c.whyReference(ctx, &x, query)
	}
	if err != nil {
		return haechi.Explanation{}, err
	}
	if len(x.Refusals)+len(x.Findings)+len(x.Decisions) == 0 && x.Device == nil && x.Protected == "" {
		return haechi.Explanation{}, &haechi.Error{Kind: haechi.NotFound, Op: "explain " + query, Msg: "nothing is recorded about it",
			Hint: "references are kept as long as records.events says, a day at least"}
	}
	x.Lift = lift(&x, c.d.Now())
	return x, nil
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
	if x.Decisions, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{ID: ref, Limit: 1}); err != nil {
		return err
	}
	if x.Findings, err = c.d.Program.Findings(ctx, haechi.Scope{}, ref, whyLimit); err != nil {
		return err
	}
	if err := c.evidence(ctx, x); err != nil {
		return err
	}
	if len(x.Refusals) > 0 && x.Refusals[0].Device != "" {
		c.attach(x, x.Refusals[0].Device)
	}
	return nil
}

// evidence adds the findings that led to the decisions shown.
func (c *Control) evidence(ctx context.Context, x *haechi.Explanation) error {
	for _, d := range x.Decisions {
		for _, ref := range d.Findings {
			if slices.ContainsFunc(x.Findings, func(f haechi.Finding) bool { return f.Ref == ref }) || len(x.Findings) >= whyLimit {
				continue
			}
			more, err := c.d.Program.Findings(ctx, haechi.Scope{}, ref, 1)
			if err != nil {
				return err
			}
			x.Findings = append(x.Findings, more...)
		}
	}
	return nil
}

func (c *Control) whyAddress(ctx context.Context, x *haechi.Explanation, addr netip.Addr) (err error) {
	about := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: clientkey.Of(addr, c.d.IPv6Bits)}
	x.Protected = c.d.Decider.Protected(about)
	if x.Refusals, err = c.d.Past.Events(ctx, &haechi.EventFilter{Source: about, Failures: true, Limit: whyLimit}); err != nil {
		return err
	}
	return c.rulings(ctx, x, about)
}

func (c *Control) whyDevice(ctx context.Context, x *haechi.Explanation, key string) (err error) {
	about := haechi.Scope{Kind: haechi.ScopeDevice, Value: key}
	c.attach(x, key)
	if x.Refusals, err = c.d.Past.Events(ctx, &haechi.EventFilter{Device: key, Failures: true, Limit: whyLimit}); err != nil {
		return err
	}
	return c.rulings(ctx, x, about)
}

func (c *Control) rulings(ctx context.Context, x *haechi.Explanation, about haechi.Scope) (err error) {
	if x.Decisions, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{About: about, Limit: whyLimit}); err != nil {
		return err
	}
	if x.Findings, err = c.d.Program.Findings(ctx, about, "", whyLimit); err != nil {
		return err
	}
	return c.evidence(ctx, x)
}

func (c *Control) attach(x *haechi.Explanation, key string) {
	if d, err := c.device(key); err == nil {
		x.Device = &d
	}
}

// lift names the commands that would lift what stands against the subject.
func lift(x *haechi.Explanation, now time.Time) (out []string) {
	for i := range x.Decisions {
		if d := &x.Decisions[i]; d.Open(now) {
			out = append(out, "haechi decisions lift "+string(d.ID))
		}
	}
	if d := x.Device; d != nil && d.Status != haechi.Approved {
		out = append(out, "haechi devices approve "+shellQuote(d.Key))
	}
	for i := range x.Refusals {
		if x.Refusals[i].Reason == haechi.ReasonNoKey {
			return append(out, "haechi devices key "+shellQuote(x.Refusals[i].Device))
		}
	}
	return out
}

// shellQuote makes a name that a peer chose safe to paste into a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
