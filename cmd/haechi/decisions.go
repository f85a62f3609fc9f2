package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func decisionsCommand(o *options) *cobra.Command {
	var all bool
	var limit *rows
	cmd := &cobra.Command{Use: "decisions", Aliases: []string{"bans"}, Short: "List what is in force, as read back; add or lift decisions", Args: o.noArgs,
		Example: "  haechi decisions\n  haechi bans --all\n  haechi decisions add ip:203.0.113.7 --action deny --for 1h --reason 'scans the shop'\n  haechi decisions lift 7K29Q-XM4TC --reason 'our office'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			f := haechi.DecisionFilter{OpenAt: time.Now(), Limit: limit.n}
			if all {
				f.OpenAt = time.Time{}
			}
			ds, err := c.Decisions(cmd.Context(), f)
			if err != nil {
				return err
			}
			return o.print.show(ds, func() { printDecisions(o.print, ds) })
		}}
	cmd.Flags().BoolVar(&all, "all", false, "also those that ended or were lifted")
	limit = o.limit(cmd, 1000)
	cmd.AddCommand(addCommand(o), liftCommand(o), importCommand(o), withdrawCommand(o))
	return cmd
}

func printDecisions(p *printer, ds []haechi.Decision) {
	rows := make([][]string, 0, len(ds))
	for i := range ds {
		d := &ds[i]
		until := p.when(d.Until)
		switch {
		case !d.LiftedAt.IsZero():
			until = p.t("cli.lifted_at", p.when(d.LiftedAt))
		case d.Until.IsZero():
			until = p.t("cli.no_end")
		}
		rows = append(rows, []string{string(d.ID), d.Scope.String(), p.word("action", d.Action), p.word("mode", d.Mode), author(p, d), p.when(d.From), until, d.Reason})
	}
	p.table([]string{"id", "scope", "action", "mode", "by", "from", "until", "reason"}, rows)
}

// author is who decided: the operator's name, or what kind of rule and which.
func author(p *printer, d *haechi.Decision) string {
	if d.By != "" {
		return d.By
	}
	return strings.TrimSpace(p.word("origin", d.Origin) + " " + d.Rule)
}

// addFlags are the flags of `haechi decisions add`.
type addFlags struct {
	action, mode    *choice
	reason, service string
	peer            string
	length          span
}

func addCommand(o *options) *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{Use: "add SCOPE", Short: "Rule about ip:, prefix:, device: or another scope", Args: o.exactly(1),
		Example: "  haechi decisions add ip:203.0.113.7 --for 1h --reason 'scans the shop'\n" +
			"  haechi decisions add prefix:198.51.100.0/24 --action throttle --for 2d --reason 'bulk traffic'\n" +
			"  haechi decisions add device:LOA.i/0123456789abcdef --mode shadow --reason 'only look'",
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.request(o.print, cmd, args[0])
			if err != nil {
				return err
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if f.peer != "" {
				return o.handOver(cmd.Context(), c, f.peer, q)
			}
			d, err := c.AddDecision(cmd.Context(), q)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { sayDecided(o.print, &d) })
		}}
	f.action = o.choose(cmd, "action", haechi.Deny.String(), "what is done about it", "watch", "throttle", "challenge", "deny", "drop")
	f.mode = o.choose(cmd, "mode", haechi.Enforce.String(), "shadow only records what it would do", "enforce", "shadow")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the audit trail and for whoever asks")
	cmd.Flags().StringVar(&f.service, "service", "", "only this service")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	cmd.Flags().StringVar(&f.peer, "from", "", "the program that hands it over, for example fail2ban/sshd; haechi decisions withdraw takes it back")
	cmd.Flags().Var(&f.length, "for", "how long, for example 1h or 7d; without it, until lifted")
	return cmd
}

func (f *addFlags) request(p *printer, cmd *cobra.Command, scope string) (q api.DecisionRequest, err error) {
	if q.Scope, err = haechi.ParseScope(scope); err != nil || scope == "" {
		wrong := p.misuse("usage.value", cmd.CommandPath(), quoted(scope), "SCOPE")
		wrong.hint = p.t("usage.scope")
		return q, wrong
	}
	if strings.TrimSpace(f.reason) == "" {
		return q, p.misuse("usage.reason", cmd.CommandPath())
	}
	if f.peer != "" && (!api.PeerName(f.peer) || f.service != "" || f.mode.value != haechi.Enforce.String()) {
		wrong := p.misuse("usage.value", cmd.CommandPath(), quoted(f.peer), "--from")
		wrong.hint = p.t("usage.peer")
		return q, wrong
	}
	if q.Action, err = haechi.ParseAction(f.action.value); err != nil {
		return q, err
	}
	if err = q.Mode.UnmarshalText([]byte(f.mode.value)); err != nil {
		return q, err
	}
	q.Reason, q.Service, q.For = f.reason, f.service, f.length.String()
	return q, nil
}

func sayDecided(p *printer, d *haechi.Decision) {
	action := p.word("action", d.Action)
	if d.Until.IsZero() {
		p.say("cli.decided_open", d.ID, action, d.Scope)
	} else {
		p.say("cli.decided", d.ID, action, d.Scope, p.when(d.Until))
	}
	p.say("cli.next", "haechi decisions lift "+string(d.ID))
}

func liftCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "lift REFERENCE", Short: "Take a decision back", Args: o.exactly(1),
		Example: "  haechi decisions lift 7K29Q-XM4TC --reason 'our office'", ValidArgsFunction: o.offer(decisionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := haechi.ParseReference(args[0])
			if err != nil {
				wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(args[0]), "REFERENCE")
				wrong.hint = o.print.t("usage.reference", "haechi decisions")
				return wrong
			}
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.LiftDecision(cmd.Context(), id, reason)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.say("cli.lifted", d.ID, d.Scope) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
