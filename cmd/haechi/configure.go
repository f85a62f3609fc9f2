package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/config"
)

func initCommand(o *options) *cobra.Command {
	var toStdout bool
	cmd := &cobra.Command{Use: "init", Short: "Write a commented haechi.yaml; an existing file is left alone", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if toStdout {
				_, err := fmt.Fprint(o.print.out, config.Example)
				return err
			}
			path := o.path()
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
			if errors.Is(err, fs.ErrExist) {
				return &haechi.Error{Kind: haechi.Conflict, Op: "write " + path, Msg: "the file exists", Hint: "name another with --config, or print it with --stdout"}
			}
			if err != nil {
				return err
			}
			_, err = f.WriteString(config.Example)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			return o.print.show(map[string]string{"wrote": path}, func() { o.print.line("wrote %s; edit it, then: haechi check", path) })
		}}
	cmd.Flags().BoolVar(&toStdout, "stdout", false, "print it instead")
	return cmd
}

func checkCommand(o *options) *cobra.Command {
	var effective bool
	cmd := &cobra.Command{Use: "check", Short: "Find every mistake in the configuration at once; show every value and where it comes from", Args: noArgs,
		Example: "  haechi check\n  haechi check --effective",
		RunE: func(*cobra.Command, []string) error {
			c, err := o.load()
			if err != nil {
				return err
			}
			values := c.Effective()
			return o.print.show(values, func() {
				if effective {
					rows := make([][]string, 0, len(values))
					for _, v := range values {
						rows = append(rows, []string{v.Path, v.Value, v.Origin})
					}
					o.print.table([]string{"setting", "value", "from"}, rows)
				}
				o.print.line("%s is good: %d services, %d allowed networks", o.path(), len(c.Services), len(c.Allow))
			})
		}}
	cmd.Flags().BoolVar(&effective, "effective", true, "list every value with its origin")
	return cmd
}
