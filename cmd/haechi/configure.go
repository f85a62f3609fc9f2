package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
)

func initCommand(o *options) *cobra.Command {
	var toStdout bool
	cmd := &cobra.Command{Use: "init", Short: "Write a commented haechi.yaml; an existing file is left alone", Args: o.noArgs,
		Example: "  haechi init\n  haechi init --config /etc/haechi/haechi.yaml\n  haechi init --stdout",
		RunE: func(*cobra.Command, []string) error {
			if toStdout {
				_, err := fmt.Fprint(o.print.out, config.Example)
				return err
			}
			path := o.path()
			if err := writeNew(path, config.Example); err != nil {
				return err
			}
			return o.print.show(map[string]string{"wrote": path}, func() {
				check := "haechi check"
				if o.config != "" {
					check += " --config " + shell(path)
				}
				o.print.say("cli.wrote", path)
				o.print.say("cli.next", o.print.t("cli.wrote_next", check))
			})
		}}
	cmd.Flags().BoolVar(&toStdout, "stdout", false, "print it instead")
	return cmd
}

// writeNew writes a file that must not exist.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return &haechi.Error{Kind: haechi.Conflict, Op: "write " + path, Msg: "the file exists", Hint: "name another with --config, or print it with --stdout"}
	}
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "write the configuration", Err: err, Hint: "name a file in a folder that exists with --config"}
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// checked is the answer of `haechi check --json`.
type checked struct {
	Config   string         `json:"config"`
	Good     bool           `json:"good"`
	Problems []mistake      `json:"problems"`
	Omitted  int            `json:"omitted,omitempty"` // problems beyond those listed
	Settings []config.Value `json:"settings,omitempty"`
}

// mistake is one problem of the file; line and column count from 1 and are 0 for
// the file as a whole.
type mistake struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Excerpt string `json:"excerpt,omitempty"`
}

func checkCommand(o *options) *cobra.Command {
	var effective bool
	var target, plain, ca string
	cmd := &cobra.Command{Use: "check", Short: "Find every mistake in the configuration at once; show every value and where it comes from", Args: o.noArgs,
		Example: "  haechi check\n  haechi check --effective=false\n  haechi check --json\n  haechi check --live https://shop.example.com/",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target != "" {
				return runLive(cmd.Context(), o.print, target, plain, ca)
			}
			c, err := o.load()
			if wrong := (*config.Errors)(nil); errors.As(err, &wrong) && o.print.json {
				return errors.Join(o.print.encode(mistakes(wrong), "  "), reported{err})
			}
			if err != nil {
				return err
			}
			if err := app.Check(c, o.path()); err != nil {
				return err
			}
			values := c.Effective()
			return o.print.show(checked{Config: o.path(), Good: true, Problems: []mistake{}, Settings: values}, func() {
				if effective {
					printSettings(o.print, values)
					printBounds(o.print, c)
				}
				for _, w := range c.Warnings() {
					o.print.say("cli.warning", w)
				}
				o.print.say("cli.good", o.path(), len(c.Services), len(c.Allow))
			})
		}}
	cmd.Flags().BoolVar(&effective, "effective", true, "list every value with its origin")
	cmd.Flags().StringVar(&target, "live", "", "look at this https URL from outside instead: TLS, headers, cookies, redirect")
	cmd.Flags().StringVar(&plain, "plain", "", "with --live: the same place by plain HTTP, where it is not port 80")
	cmd.Flags().StringVar(&ca, "ca", "", "with --live: trust the CA in this PEM file instead of this machine's")
	return cmd
}

func mistakes(e *config.Errors) checked {
	out := checked{Config: e.Path, Omitted: e.Omitted}
	for _, p := range e.Problems {
		out.Problems = append(out.Problems, mistake{p.Line, p.Column, p.Key, p.Msg, p.Hint, p.Excerpt})
	}
	return out
}

// printBounds lists the limits that count for each service, in order of precedence.
func printBounds(p *printer, c *config.Config) {
	var rows [][]string
	for i := range c.Services {
		for _, b := range c.Bounds(&c.Services[i]) {
			rows = append(rows, []string{c.Services[i].Name, b.Of, b.Value, b.Level})
		}
	}
	p.table([]string{"service", "limit_of", "value", "level"}, rows)
}

func printSettings(p *printer, values []config.Value) {
	rows := make([][]string, 0, len(values))
	for _, v := range values {
		rows = append(rows, []string{v.Path, v.Value, v.Origin})
	}
	p.table([]string{"setting", "value", "origin"}, rows)
}
