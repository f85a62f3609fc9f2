package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/show/api"
)

func versionCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: o.noArgs,
		Example: "  haechi version\n  haechi version --json",
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return o.print.show(v, func() { o.print.line(strings.Join([]string{"haechi " + version, v["go"], v["platform"]}, ", ")) })
		}}
}

func schemaCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "schema", Short: "Print the JSON Schema of haechi.yaml, for your editor", Args: o.noArgs,
		Example: "  haechi schema > haechi.schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(o.print.out, "%s", config.Schema())
			return err
		}}
}

func reloadCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "Load the configuration anew; on any error the running one stays", Args: o.noArgs,
		Long: `Makes the running gateway load its configuration anew, as SIGHUP does. Live
connections go on. On any error the running configuration stays, and every mistake
is listed.`,
		Example: "  haechi reload",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Reload(cmd.Context()); err != nil {
				return err
			}
			return o.print.show(map[string]bool{"reloaded": true}, func() { o.print.say("cli.reloaded") })
		}}
}

func loginLinkCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "login-link", Short: "Make a one-time link that makes an account of the console, or sets its password anew", Args: o.noArgs,
		Long: `Makes a link to the console that works once and for 15 minutes. Whoever opens it
makes an account, or sets the password of one anew. A link made earlier is void.`,
		Example: "  haechi login-link",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			link, err := c.LoginLink(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(map[string]string{"login_link": link}, func() {
				o.print.say("cli.link")
				o.print.line("  " + link)
			})
		}}
}

func rulesCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "rules", Short: "List the loaded rules, their mode, and how often they fired", Args: o.noArgs,
		Example: "  haechi rules\n  haechi rules --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			rules, err := c.Rules(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(rules, func() { printRules(o.print, rules) })
		}}
}

func printRules(p *printer, rules []haechi.RuleInfo) {
	title, _ := p.shipped()
	rows := make([][]string, 0, len(rules))
	for _, r := range rules {
		limit, window := number(r.Threshold), p.length(r.Window)
		if r.Detector != "" { // it has parameters, which --json lists
			limit, window = "", ""
		}
		rows = append(rows, []string{r.ID, p.word("mode", r.Mode), p.word("severity", r.Severity), limit, window,
			p.word("action", r.Want), r.Technique, count(r.Fired), title(r.ID, r.Title)})
	}
	p.table([]string{"rule", "mode", "severity", "limit", "window", "action", "technique", "fired", "title"}, rows)
}

func reportCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "report [NAME]", Short: "Run a report; without a name, list them", Args: o.atMost(1),
		Example: "  haechi report\n  haechi report daily\n  haechi report ips --json", ValidArgsFunction: o.offer(reportNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				names, err := c.Reports(cmd.Context())
				if err != nil {
					return err
				}
				return o.print.show(names, func() {
					for _, n := range names {
						o.print.line(n)
					}
				})
			}
			t, err := c.Report(cmd.Context(), args[0])
			if haechi.KindOf(err) == haechi.NotFound {
				return o.noReport(cmd, c, args[0])
			}
			if err != nil {
				return err
			}
			return o.print.show(t, func() { printReport(o.print, &t) })
		}}
}

// noReport says which reports there are, and which one was most likely meant.
func (o *options) noReport(cmd *cobra.Command, c *api.Client, name string) error {
	wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(name), "NAME")
	all, err := c.Reports(cmd.Context())
	if err != nil {
		return err
	}
	wrong.hint = o.print.t("usage.one_of", strings.Join(all, ", "))
	if meant := nearest(name, all); meant != "" {
		wrong.hint = o.print.t("usage.meant", meant)
	}
	return wrong
}

func printReport(p *printer, t *haechi.Table) {
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = p.texts.Or(p.lang, "column."+c, c)
	}
	p.head(p.t("cli.window", t.Name, t.Window))
	p.grid(titles, t.Rows)
}

func printReplay(p *printer, r *haechi.Replay) {
	p.say("cli.replayed", r.Events, p.when(r.Since), len(r.Findings), len(r.Decisions))
	rows := make([][]string, 0, len(r.Findings))
	for _, f := range r.Findings {
		rows = append(rows, []string{p.when(f.Time), f.Rule, p.word("mode", f.Mode), f.About.String(), p.t("cli.of", number(f.Observed), number(f.Threshold))})
	}
	p.table([]string{"time", "rule", "mode", "about", "observed"}, rows)
	printDecisions(p, r.Decisions)
	if r.WAF.Examined > 0 {
		p.say("cli.waf_replayed", r.WAF.Examined, r.WAF.Changed, r.WAF.Passed, r.WAF.Refused)
		printEffects(p, r.WAF.Effects)
	}
}
