package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func decisionsCommand(o *options) *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "decisions", Aliases: []string{"bans"}, Short: "List what is in force, as read back; add or lift decisions", Args: noArgs,
		Example: "  haechi decisions\n  haechi decisions add ip:203.0.113.7 --action deny --for 1h --reason 'scans the shop'\n  haechi decisions lift 7K29Q-XM4TC --reason 'our office'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			f := haechi.DecisionFilter{OpenAt: time.Now()}
			if all {
				f.OpenAt = time.Time{}
			}
			ds, err := c.Decisions(cmd.Context(), f)
			if err != nil {
				return err
			}
			return o.print.show(ds, func() { o.print.table(decisionHeader(), decisionRows(ds)) })
		}}
	cmd.Flags().BoolVar(&all, "all", false, "also those that ended or were lifted")
	cmd.AddCommand(addCommand(o), liftCommand(o))
	return cmd
}

func decisionHeader() []string {
	return []string{"id", "scope", "action", "mode", "by", "from", "until", "reason"}
}

func decisionRows(ds []haechi.Decision) [][]string {
	rows := make([][]string, 0, len(ds))
	for i := range ds {
		d := &ds[i]
		until := when(d.Until)
		if !d.LiftedAt.IsZero() {
			until = "lifted " + when(d.LiftedAt)
		}
		rows = append(rows, []string{string(d.ID), d.Scope.String(), d.Action.String(), d.Mode.String(), author(d), when(d.From), until, d.Reason})
	}
	return rows
}

func addCommand(o *options) *cobra.Command {
	var action, mode, reason, service string
	var length time.Duration
	cmd := &cobra.Command{Use: "add SCOPE", Short: "Rule about ip:, prefix:, device: or another scope", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := decisionRequest(args[0], action, mode)
			if err != nil {
				return usageError{err}
			}
			if strings.TrimSpace(reason) == "" {
				return usageError{fmt.Errorf("haechi decisions add: --reason is required")}
			}
			q.Reason, q.Service = reason, service
			if length > 0 {
				q.For = length.String()
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.AddDecision(cmd.Context(), q)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.line("decision %s: %s %s until %s", d.ID, d.Action, d.Scope, when(d.Until)) })
		}}
	cmd.Flags().StringVar(&action, "action", "deny", "watch, throttle, challenge, deny or drop")
	cmd.Flags().StringVar(&mode, "mode", "enforce", "enforce or shadow")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail and for whoever asks")
	cmd.Flags().StringVar(&service, "service", "", "only this service")
	cmd.Flags().DurationVar(&length, "for", 0, "how long, for example 1h; without it, until lifted")
	return cmd
}

func decisionRequest(scope, action, mode string) (q api.DecisionRequest, err error) {
	if q.Scope, err = haechi.ParseScope(scope); err != nil {
		return q, err
	}
	if q.Action, err = haechi.ParseAction(action); err != nil {
		return q, err
	}
	return q, q.Mode.UnmarshalText([]byte(mode))
}

func liftCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "lift REFERENCE", Short: "Take a decision back", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := haechi.ParseReference(args[0])
			if err != nil {
				return usageError{err}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.LiftDecision(cmd.Context(), id, reason)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.line("decision %s about %s is lifted", d.ID, d.Scope) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
