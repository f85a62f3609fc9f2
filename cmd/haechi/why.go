package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/detect/rules"
	"haechi/internal/show/api"
	shipped "haechi/rules"
)

func whyCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "why REFERENCE|ADDRESS|NETWORK|DEVICE", Short: "Explain a refusal: rule, value against limit, evidence, end, how to lift it",
		Long: `Explains what was refused or decided: when, by which rule, limit or decision, what
was observed against what limit, on what evidence, about whom, until when, where it
is enforced and how to lift it.

Give the reference of a refusal, a decision, a finding or an incident, or an address,
a network or a device.`,
		Args:              o.exactly(1),
		Example:           "  haechi why 7K29Q-XM4TC\n  haechi why 203.0.113.7\n  haechi why 198.51.100.0/24\n  haechi why LOA.i/0123456789abcdef",
		ValidArgsFunction: o.offer(subjects),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			x, err := c.Why(cmd.Context(), args[0])
			if haechi.KindOf(err) == haechi.Invalid {
				wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(args[0]), "REFERENCE|ADDRESS|NETWORK|DEVICE")
				wrong.hint = "7K29Q-XM4TC, 203.0.113.7, 198.51.100.0/24, BOT/DEVICEID"
				return wrong
			}
			if err != nil {
				return err
			}
			if o.print.json {
				return o.print.encode(&x, "  ")
			}
			e := &explainer{printer: o.print, now: time.Now()}
			e.title, e.sentence = o.print.shipped()
			if e.held, err = held(cmd.Context(), c, &x, e.now); err != nil {
				return err
			}
			e.explain(&x)
			return nil
		}}
}

// explainer prints an explanation.
type explainer struct {
	*printer
	now   time.Time
	title func(id, fallback string) string
	// sentence says in words what a detector of the network found; empty for others.
	sentence func(*haechi.Finding) string
	held     map[haechi.Reference]bool // what was read back from the enforcers
}

// held asks which of the open decisions are found where they are enforced.
func held(ctx context.Context, c *api.Client, x *haechi.Explanation, now time.Time) (map[haechi.Reference]bool, error) {
	out := map[haechi.Reference]bool{}
	for i := range x.Decisions {
		d := &x.Decisions[i]
		if !d.Applies(now) {
			continue
		}
		found, err := c.Decisions(ctx, haechi.DecisionFilter{OpenAt: now, ID: d.ID, Limit: 1})
		if err != nil {
			return nil, err
		}
		out[d.ID] = len(found) > 0
	}
	return out, nil
}

// shipped names the shipped rules, and says what their detectors found, in the operator's
// language. The rules are read once, and only if one is asked for: nothing else that a
// command does takes as long.
func (p *printer) shipped() (title func(id, fallback string) string, sentence func(*haechi.Finding) string) {
	load := sync.OnceValues(func() (*rules.Set, error) { return rules.Load(shipped.FS, rules.Options{}) })
	title = func(id, fallback string) string {
		set, err := load()
		if err != nil {
			return fallback
		}
		return cmp.Or(set.Title(id, p.lang), fallback)
	}
	sentence = func(f *haechi.Finding) string {
		set, err := load()
		if err != nil {
			return ""
		}
		return set.Sentence(f, p.lang)
	}
	return title, sentence
}

// explain prints everything, the strongest statement first.
func (e *explainer) explain(x *haechi.Explanation) {
	e.head(x.Query)
	if x.Protected != "" {
		e.say("explain.protected", x.Protected)
	}
	if x.Device != nil {
		e.device(x.Device)
	}
	for i := range x.Incidents {
		e.incident(&x.Incidents[i])
	}
	for i := range x.Decisions {
		e.decision(&x.Decisions[i])
	}
	for i := range x.Findings {
		e.finding(&x.Findings[i])
	}
	for _, g := range group(x.Refusals) {
		e.refusal(g)
	}
	e.closing(x)
}

// closing says how to lift it all, and where the rest is.
func (e *explainer) closing(x *haechi.Explanation) {
	if len(x.Lift) > 0 {
		e.line("")
		e.head(e.t("explain.lift"))
		for _, l := range x.Lift {
			e.line("  " + l)
		}
	}
	if more := everything(x); more != "" {
		e.line("")
		e.say("explain.more", more)
	}
}

// everything is the command that lists all events of whom the explanation is about.
func everything(x *haechi.Explanation) string {
	switch {
	case len(x.Refusals) > 0 && x.Refusals[0].Addr.IsValid() && (x.Device == nil || x.Device.Key != x.Query):
		return "haechi events --source " + x.Refusals[0].Addr.String() + " --since 24h"
	case x.Device != nil:
		return "haechi events --device " + shell(x.Device.Key) + " --since 24h"
	}
	return ""
}

func (e *explainer) device(d *haechi.Device) {
	e.line("")
	e.say("explain.device", d.Key, e.word("status", d.Status))
	set, seen, keys := "", "", ""
	if !d.ChangedAt.IsZero() {
		set = e.when(d.ChangedAt)
		if d.By != "" {
			set = e.t("explain.since", set, d.By)
		}
	}
	if !d.LastSeen.IsZero() {
		seen = e.when(d.LastSeen)
		if d.Addr != "" {
			seen = e.t("explain.seen_at", seen, d.Addr)
		}
	}
	for i, k := range d.Keys {
		if i > 0 {
			keys += ", "
		}
		keys += k.ID
	}
	there := ""
	if d.Source != "" {
		there = source(e.printer, *d)
	}
	e.facts(fact{"explain.changed", set}, fact{"explain.there", there}, fact{"explain.reason_label", d.Reason}, fact{"explain.last_seen", seen},
		fact{"explain.keys", cmp.Or(keys, e.t("explain.no_key"))})
}

func (e *explainer) incident(in *haechi.Incident) {
	e.line("")
	e.say("explain.incident", in.ID, e.title(in.Rule, in.Rule), in.About)
	span := e.t("explain.going_on", e.when(in.Start))
	if !in.End.IsZero() {
		span = e.t("explain.span", e.when(in.Start), e.when(in.End))
	}
	e.facts(fact{"explain.by", e.t("explain.by_rule", in.Rule, e.word("mode", in.Mode))}, fact{"explain.measured", e.t("explain.peak", in.Findings, number(in.Peak))},
		fact{"explain.span_label", span}, fact{"explain.severity", e.word("severity", in.Severity)}, fact{"explain.decision_label", string(in.Decision)})
}
