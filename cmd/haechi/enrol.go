package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/brick/qr"
	"haechi/internal/show/api"
)

func codeCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "code", Short: "List enrolment codes; make one, end one early", Args: o.noArgs,
		Long: `A device that signs with an enrolment code is approved at once, with the code as its
first key: put the code into the script's SECRET_KEY and leave BOT_SALT empty. Codes
are shown once, when they are made.`,
		Example: "  haechi devices code\n  haechi devices code new --service bots --for 1h\n  haechi devices code end 7K29Q --reason 'sent to the wrong person'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			codes, err := c.EnrolCodes(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(codes, func() { printCodes(o.print, codes) })
		}}
	cmd.AddCommand(newCodeCommand(o), endCodeCommand(o))
	return cmd
}

func printCodes(p *printer, codes []haechi.EnrolCode) {
	rows := make([][]string, 0, len(codes))
	for _, c := range codes {
		state := p.t("code.over")
		switch {
		case c.Open(time.Now()):
			state = p.t("code.open")
		case !c.EndedAt.IsZero():
			state = p.t("code.ended")
		case c.Used >= c.Uses:
			state = p.t("code.used")
		}
		rows = append(rows, []string{c.ID, state, c.Service, c.Bot, c.Label, fmt.Sprintf("%d/%d", c.Used, c.Uses), p.when(c.Created), p.when(c.Until), c.By})
	}
	p.table([]string{"code", "code_state", "service", "bot", "label", "uses", "created", "until", "by"}, rows)
}

func newCodeCommand(o *options) *cobra.Command {
	q, length := api.CodeRequest{Uses: 1}, span(time.Hour)
	var plain bool
	cmd := &cobra.Command{Use: "new", Short: "Make an enrolment code and show it, this once, as text and QR", Args: o.noArgs,
		Long: `Makes a code that lets devices in without an administrator's approval of each. Put it
into the phone's script as SECRET_KEY, with an empty BOT_SALT, and start the script.
A code for several devices is a key that all of them share until each gets its own:
haechi devices keys --old lists them, haechi devices key makes one.`,
		Example: "  haechi devices code new --service bots\n  haechi devices code new --service bots --bot LOA.i --label '3F counter' --for 2d --uses 5",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Service == "" {
				return o.print.misuse("usage.service", cmd.CommandPath())
			}
			q.For = time.Duration(length).String()
			c, err := o.client()
			if err != nil {
				return err
			}
			made, err := c.NewEnrolCode(cmd.Context(), q)
			if err != nil {
				return err
			}
			return o.print.show(made, func() { printNewCode(o.print, &made, plain) })
		}}
	cmd.Flags().StringVar(&q.Service, "service", "", "the service that it lets devices in to")
	cmd.Flags().StringVar(&q.Bot, "bot", "", "only devices of this bot name")
	cmd.Flags().StringVar(&q.Label, "label", "", "a name for the devices that it lets in, for lists")
	cmd.Flags().IntVar(&q.Uses, "uses", 1, "how many devices it lets in, up to 100")
	cmd.Flags().Var(&length, "for", "how long it is open, up to 30d")
	cmd.Flags().BoolVar(&plain, "no-qr", false, "print the text only")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	return cmd
}

func printNewCode(p *printer, made *haechi.NewCode, plain bool) {
	p.say("cli.code_made", made.ID, made.Uses, p.when(made.Until))
	p.line("  SECRET_KEY  " + made.Code)
	p.line("  BOT_SALT    " + `""`)
	if plain {
		return
	}
	drawn, err := qr.Encode(made.Code)
	if err != nil { // the text is there; the drawing is a convenience
		return
	}
	lines := drawn.Lines(false)
	if p.color { // colours make it readable on a light terminal too
		for i, l := range lines {
			lines[i] = "\x1b[97;40m" + l + "\x1b[0m"
		}
	}
	fmt.Fprintln(p.out, strings.Join(lines, "\n"))
}

func endCodeCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "end CODEID", Short: "End an enrolment code early; the devices that it let in stay", Args: o.exactly(1),
		Example: "  haechi devices code end 7K29Q --reason 'sent to the wrong person'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			ended, err := c.EndEnrolCode(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return o.print.show(ended, func() { o.print.say("cli.code_ended", ended.ID, ended.Used) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
