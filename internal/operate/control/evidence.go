package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"haechi"
)

// whyIncident explains an incident by its findings and its decision.
func (c *Control) whyIncident(ctx context.Context, x *haechi.Explanation, id haechi.Reference) (err error) {
	x.Incidents, err = c.incidents(ctx, func(in *haechi.Incident) bool { return in.ID == id })
	if err != nil || len(x.Incidents) == 0 {
		return err
	}
	in := &x.Incidents[0]
	found, err := c.d.Program.Findings(ctx, in.About, "", whySearch)
	if err != nil {
		return err
	}
	x.Findings = slices.DeleteFunc(found, func(f haechi.Finding) bool {
		return f.Rule != in.Rule || f.Service != in.Service || f.Last.Before(in.Start) || !in.End.IsZero() && f.First.After(in.End)
	})
	x.Findings = x.Findings[:min(len(x.Findings), whyLimit)]
	if in.Decision == "" {
		return nil
	}
	x.Decisions, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{ID: in.Decision, Limit: 1})
	return err
}

// incidents lists those that fit, newest first.
func (c *Control) incidents(ctx context.Context, fits func(*haechi.Incident) bool) ([]haechi.Incident, error) {
	all, err := c.d.Past.Incidents(ctx, false, whyIncidents)
	if err != nil {
		return nil, err
	}
	var out []haechi.Incident
	for i := range all {
		if fits(&all[i]) && len(out) < whyLimit {
			out = append(out, all[i])
		}
	}
	return out, nil
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

// lift names the commands that would lift what stands against the subject, as they
// can be pasted.
func lift(x *haechi.Explanation, now time.Time) (out []string) {
	for i := range x.Decisions {
		if d := &x.Decisions[i]; d.Open(now) {
			out = append(out, "haechi decisions lift "+string(d.ID)+" --reason 'false alarm'")
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
