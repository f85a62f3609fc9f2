package main

import (
	"github.com/spf13/cobra"

	"haechi"
)

func whyCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "why REFERENCE|ADDRESS|DEVICE", Short: "Explain a refusal: rule, value against limit, evidence, end, how to lift it",
		Args: exactly(1), Example: "  haechi why 7K29Q-XM4TC\n  haechi why 203.0.113.7\n  haechi why LOA.i/0123456789abcdef",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			x, err := c.Why(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return o.print.show(x, func() { printWhy(o.print, &x) })
		}}
}

func printWhy(p *printer, x *haechi.Explanation) {
	p.head(clean(x.Query))
	if x.Protected != "" {
		p.line("protected: %s", x.Protected)
	}
	if d := x.Device; d != nil {
		p.line("device %s is %s since %s %s", d.Key, d.Status, when(d.ChangedAt), d.Reason)
	}
	for i := range x.Decisions {
		printRuling(p, &x.Decisions[i])
	}
	for i := range x.Findings {
		f := &x.Findings[i]
		p.line("found by %s v%d: %s exceeded %s in %s, %s to %s (%s, %s)", f.Rule, f.Version, number(f.Observed), number(f.Threshold),
			f.Window, when(f.First), when(f.Last), f.Severity, f.Mode)
	}
	for i := range x.Refusals {
		printRefusal(p, &x.Refusals[i])
	}
	for _, l := range x.Lift {
		p.line("to lift: %s", l)
	}
}

func printRuling(p *printer, d *haechi.Decision) {
	end := "without end"
	if !d.Until.IsZero() {
		end = "until " + when(d.Until)
	}
	p.line("decision %s: %s %s (%s) from %s %s, by %s: %s", d.ID, d.Action, d.Scope, d.Mode, when(d.From), end, author(d), d.Reason)
	if d.Threshold > 0 {
		p.line("  observed %s against %s in %s", number(d.Observed), number(d.Threshold), d.Window)
	}
	if !d.LiftedAt.IsZero() {
		p.line("  lifted %s by %s: %s", when(d.LiftedAt), d.LiftedBy, d.LiftReason)
	}
}

func author(d *haechi.Decision) string {
	if d.By != "" {
		return d.By
	}
	return d.Origin.String() + " " + d.Rule
}

func printRefusal(p *printer, e *haechi.Event) {
	p.line("%s %s %s at %s: %s by %s, %d time(s)", when(e.Time), e.Kind, e.Verdict, e.Service, e.Reason, e.Rule, e.N())
	if e.Threshold > 0 {
		p.line("  observed %s against %s", number(e.Observed), number(e.Threshold))
	}
	who := e.Addr.String()
	if e.Device != "" {
		who += " as " + e.Device
	}
	p.line("  from %s (%s) %s %s%s %s", who, e.Assurance, e.Method, e.Host, e.Path, e.Text)
}
