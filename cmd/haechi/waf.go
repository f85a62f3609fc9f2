package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func wafCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "waf", Short: "Except a false alarm of the WAF; list, end and propose exceptions; show what parameters usually hold", Args: o.noArgs,
		Example: "  haechi waf except 7K29Q-XM4TC --reason 'search for red shoes'\n  haechi waf propose --since 7d\n  haechi waf exceptions",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(exceptCommand(o), exceptionsCommand(o), endExceptionCommand(o), proposeCommand(o), usualCommand(o))
	return cmd
}

func exceptCommand(o *options) *cobra.Command {
	length, since := span(90*24*time.Hour), span(7*24*time.Hour)
	var q api.ExceptRequest
	var only bool
	cmd := &cobra.Command{Use: "except REF", Short: "Show what an exception for a refused request would have changed, and make it", Args: o.exactly(1),
		Long: `Takes the request that the WAF refused under the reference, or would have refused in
shadow, and makes the fewest exceptions with which it would pass: each one rule, one
path and one variable. First it shows what they change among the recorded requests.
They count from the next request on; haechi audit undo takes them back.`,
		Example: "  haechi waf except 7K29Q-XM4TC --dry-run\n  haechi waf except 7K29Q-XM4TC --owner kim --for 30d --reason 'search for red shoes'",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			preview, err := c.PreviewException(cmd.Context(), args[0], time.Now().Add(-time.Duration(since)))
			if err != nil {
				return err
			}
			if only {
				return o.print.show(preview, func() { printPreview(o.print, &preview) })
			}
			q.Ref, q.For = args[0], time.Duration(length).String()
			made, err := c.AddException(cmd.Context(), q)
			if err != nil {
				return err
			}
			preview.Exceptions = made
			return o.print.show(preview, func() {
				printPreview(o.print, &preview)
				o.print.say("cli.excepted", len(made), o.print.when(made[0].Expires))
			})
		}}
	cmd.Flags().StringVar(&q.Owner, "owner", "", "who answers for it (default: you)")
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, for the audit trail")
	cmd.Flags().Var(&length, "for", "how long it lasts, at most a year")
	cmd.Flags().Var(&since, "since", "how far back the preview looks")
	cmd.Flags().BoolVar(&only, "dry-run", false, "show what it would change, and make nothing")
	return cmd
}

func printPreview(p *printer, v *haechi.ExceptionPreview) {
	printExceptions(p, v.Exceptions)
	p.say("cli.waf_preview", v.Examined, p.when(v.Since), v.Changed, v.Passed, v.Clients)
	if v.Cut {
		p.say("cli.waf_cut", v.Examined)
	}
	printEffects(p, v.Effects)
}

func printEffects(p *printer, effects []haechi.ExceptionEffect) {
	rows := make([][]string, 0, len(effects))
	for i := range effects {
		e := &effects[i]
		becomes := p.t("waf.same")
		switch {
		case e.Passes:
			becomes = p.t("waf.passes")
		case e.Refused:
			becomes = p.t("waf.refused")
		}
		rows = append(rows, []string{p.when(e.Time), e.Service, e.Path, e.Client.String(), string(e.Ref), strconv.FormatUint(e.Count, 10),
			fmt.Sprintf("%d -> %d / %d", e.Before, e.After, e.Threshold), becomes})
	}
	p.table([]string{"time", "service", "path", "client", "reference", "count", "score", "becomes"}, rows)
}

func printExceptions(p *printer, all []haechi.Exception) {
	rows := make([][]string, 0, len(all))
	for i := range all {
		x := &all[i]
		id := x.ID
		if id == "" {
			id = p.t("waf.configured")
		}
		rows = append(rows, []string{id, x.Service, x.Rules(), x.Path, x.Where, x.Owner, p.when(x.Expires), x.Reason})
	}
	p.table([]string{"exception", "service", "rule", "path", "variable", "owner", "until", "reason"}, rows)
}

func exceptionsCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "exceptions", Short: "List the exceptions in force, with those of the configuration", Args: o.noArgs,
		Example: "  haechi waf exceptions\n  haechi waf exceptions --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			all, err := c.Exceptions(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(all, func() { printExceptions(o.print, all) })
		}}
}

func endExceptionCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "end ID", Short: "End an exception early", Args: o.exactly(1),
		Example: "  haechi waf end 7K29Q-XM4TC --reason 'the page is gone'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			ended, err := c.EndException(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return o.print.show(ended, func() { o.print.say("cli.waf_ended", ended.Rule, ended.Path, ended.Where) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func proposeCommand(o *options) *cobra.Command {
	since := span(7 * 24 * time.Hour)
	cmd := &cobra.Command{Use: "propose", Short: "Propose exceptions for what known clients and several that behave like people trigger", Args: o.noArgs,
		Long: `Looks at the recorded requests that the WAF refused, or would have refused in shadow,
and proposes exceptions for those of clients that proved who they are, and of at least
three that behave like people: each triggers at most three rules. Nothing is changed.`,
		Example: "  haechi waf propose\n  haechi waf propose --since 30d",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			all, err := c.ProposeExceptions(cmd.Context(), time.Now().Add(-time.Duration(since)))
			if err != nil {
				return err
			}
			return o.print.show(all, func() { printProposals(o.print, all) })
		}}
	cmd.Flags().Var(&since, "since", "how far back to look")
	return cmd
}

func printProposals(p *printer, all []haechi.ExceptionProposal) {
	rows := make([][]string, 0, len(all))
	message := messages()
	for i := range all {
		x := &all[i]
		rows = append(rows, []string{string(x.Ref), x.Service, strconv.Itoa(x.Rule), x.Path, x.Where, strconv.FormatUint(x.Requests, 10), strconv.Itoa(x.Clients), message(x.Rule)})
	}
	p.table([]string{"reference", "service", "rule", "path", "variable", "requests", "clients", "rule_message"}, rows)
	if len(all) > 0 {
		p.say("cli.waf_proposed")
	}
}
