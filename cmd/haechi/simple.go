package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/config"
)

func versionCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return o.print.show(v, func() { o.print.line("haechi %s, %s, %s", v["version"], v["go"], v["platform"]) })
		}}
}

func schemaCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "schema", Short: "Print the JSON Schema of haechi.yaml, for your editor", Args: noArgs,
		Example: "  haechi schema > haechi.schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(o.print.out, "%s\n", config.Schema())
			return err
		}}
}

func reloadCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "Load the configuration anew; on any error the running one stays", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Reload(cmd.Context()); err != nil {
				return err
			}
			return o.print.show(map[string]bool{"reloaded": true}, func() { o.print.line("reloaded; live connections go on") })
		}}
}

func rulesCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "rules", Short: "List the loaded rules, their mode, and how often they fired", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			rules, err := c.Rules(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(rules, func() {
				rows := make([][]string, 0, len(rules))
				for _, r := range rules {
					rows = append(rows, []string{r.ID, r.Mode.String(), r.Severity.String(), number(r.Threshold), r.Window.String(),
						r.Want.String(), r.Technique, strconv.FormatUint(r.Fired, 10), r.Title})
				}
				o.print.table([]string{"rule", "mode", "severity", "limit", "window", "action", "technique", "fired", "title"}, rows)
			})
		}}
}

func reportCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "report [NAME]", Short: "Run a report; without a name, list them", Args: atMost(1),
		Example: "  haechi report daily",
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
				return o.print.show(names, func() { o.print.line("%s", strings.Join(names, "\n")) })
			}
			t, err := c.Report(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return o.print.show(t, func() {
				o.print.head(clean(t.Name + ": " + t.Window))
				o.print.table(t.Columns, t.Rows)
			})
		}}
}

func replayCommand(o *options) *cobra.Command {
	var since time.Duration
	cmd := &cobra.Command{Use: "replay", Short: "Show what the present rules would have done with recorded events; changes nothing", Args: noArgs,
		Example: "  haechi replay --since 24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since <= 0 {
				return usageError{fmt.Errorf("haechi replay: --since must be positive")}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			r, err := c.Replay(cmd.Context(), time.Now().Add(-since))
			if err != nil {
				return err
			}
			return o.print.show(r, func() { printReplay(o.print, &r) })
		}}
	cmd.Flags().DurationVar(&since, "since", time.Hour, "how far back")
	return cmd
}

func printReplay(p *printer, r *haechi.Replay) {
	p.line("%d events since %s: %d findings, %d decisions", r.Events, when(r.Since), len(r.Findings), len(r.Decisions))
	rows := make([][]string, 0, len(r.Findings))
	for _, f := range r.Findings {
		rows = append(rows, []string{when(f.Time), f.Rule, f.Mode.String(), f.About.String(), number(f.Observed) + " of " + number(f.Threshold)})
	}
	p.table([]string{"time", "rule", "mode", "about", "observed"}, rows)
	if len(r.Decisions) > 0 {
		p.table(decisionHeader(), decisionRows(r.Decisions))
	}
}
