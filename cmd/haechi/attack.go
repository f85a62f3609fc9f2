package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func attackCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "attack", Short: "Say how the gateway stands against a flood, take a stage, or release it", Args: o.noArgs,
		Long: `While a flood goes on, the gateway takes stages by itself and steps down by itself
(attack.mode: enforce), or only shows them (shadow). Each holds what those before it hold:

  watch    everything as usual
  tighten  what each client may begin is limited, the same for each
  cookies  the kernel answers SYNs by cookies, and drops answers that nobody asked for
  known    only clients that came before the attack
  closed   only the allow list and proved devices; never taken by itself`,
		Example: "  haechi attack status\n  haechi attack stage tighten --for 30m --reason 'sale begins'\n  haechi attack release",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(attackStatusCommand(o), attackStageCommand(o), attackReleaseCommand(o))
	return cmd
}

func attackStatusCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say at which stage the gateway is, why, and what of it is in force", Args: o.noArgs,
		Example: "  haechi attack status\n  haechi attack status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			s, err := c.Attack(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(s, func() { printAttack(o.print, &s) })
		}}
}

// stageNames are the stages that an operator may take.
func stageNames() []string { return []string{"watch", "tighten", "cookies", "known", "closed"} }

func attackStageCommand(o *options) *cobra.Command {
	length := span(10 * time.Minute)
	var reason string
	cmd := &cobra.Command{Use: "stage NAME", Short: "Take a stage for some time, whatever floods ask for", Args: o.exactly(1), ValidArgs: stageNames(),
		Example: "  haechi attack stage tighten\n  haechi attack stage known --for 30m --reason 'they come from everywhere'\n  haechi attack stage watch --for 1h",
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := haechi.ParseStage(args[0])
			if err != nil {
				wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(args[0]), "NAME")
				wrong.hint = strings.Join(stageNames(), ", ")
				return wrong
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			s, err := c.SetStage(cmd.Context(), api.StageRequest{Stage: stage, For: time.Duration(length).String(), Reason: reason})
			if err != nil {
				return err
			}
			return o.print.show(s, func() { printAttack(o.print, &s) })
		}}
	cmd.Flags().Var(&length, "for", "how long, at most a day")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func attackReleaseCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "release", Short: "End the stage, and what the present floods ask for", Args: o.noArgs,
		Example: "  haechi attack release --reason 'it was our own load test'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			s, err := c.ReleaseStage(cmd.Context(), api.ReleaseRequest{Reason: reason})
			if err != nil {
				return err
			}
			return o.print.show(s, func() { o.print.say("cli.stage_released", o.print.word("stage", s.Stage)) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func printAttack(p *printer, s *haechi.AttackStatus) {
	note := ""
	switch {
	case s.Stage == haechi.StageWatch && len(s.Attacks) == 0:
		note = p.t("cli.stage_calm")
	case s.Mode != haechi.Enforce && s.Stage > haechi.StageWatch:
		note = p.t("cli.stage_shadow")
	}
	p.say("cli.stage", p.word("stage", s.Stage), note)
	switch {
	case !s.Until.IsZero():
		p.say("cli.stage_until", p.when(s.Until), p.word("stage", s.Raised))
	case s.By != "":
		p.say("cli.stage_by", p.when(s.Since), s.By)
	}
	if !s.Next.IsZero() {
		p.say("cli.stage_next", p.when(s.Next))
	}
	p.say("cli.stage_cookies", p.t(cookiesKey(s.Cookies)))
	printAttacks(p, s.Attacks)
	printMeasures(p, s)
}

func printAttacks(p *printer, all []haechi.Attack) {
	rows := make([][]string, 0, len(all))
	for i := range all {
		a := &all[i]
		rows = append(rows, []string{string(a.ID), a.Rule, p.word("severity", a.Severity), p.when(a.Start), number(a.Peak), p.word("stage", a.Asks)})
	}
	if len(rows) > 0 {
		p.table([]string{"attack", "rule", "severity", "from", "peak", "asks"}, rows)
	}
}

func printMeasures(p *printer, s *haechi.AttackStatus) {
	rows := make([][]string, 0, len(s.Held))
	for _, m := range s.Held {
		state := p.t("measure.off")
		switch {
		case m.On:
			state = p.t("measure.on")
		case s.Mode != haechi.Enforce:
			state = p.t("measure.shadow")
		}
		rows = append(rows, []string{p.t("measure." + m.Name), state, m.Note})
	}
	if len(rows) > 0 {
		p.table([]string{"measure", "status", "note"}, rows)
	}
	rows = rows[:0]
	for _, c := range s.Dropped {
		if c.Value > 0 {
			rows = append(rows, []string{c.Name, count(c.Value)})
		}
	}
	if len(rows) > 0 {
		p.table([]string{"counter", "value"}, rows)
	}
}

func cookiesKey(n int) string {
	switch n {
	case 0:
		return "cli.cookies_never"
	case 1:
		return "cli.cookies_full"
	case 2:
		return "cli.cookies_always"
	}
	return "cli.cookies_unknown"
}
