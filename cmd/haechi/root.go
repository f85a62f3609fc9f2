package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// options are the flags that every command has.
type options struct {
	config string
	print  *printer
}

func rootCommand(p *printer) *cobra.Command {
	o := &options{print: p}
	root := &cobra.Command{
		Use:   "haechi",
		Short: "Security gateway and network detection and response, in one binary",
		Long: `Haechi stands in front of TCP device servers and HTTP services. It authenticates
and encrypts every connection, limits and inspects it, and can always say why.

Start with:  haechi demo            a guarded sample server, shop and attackers on loopback
             haechi init            write a commented haechi.yaml
             haechi check           find every mistake in it
             haechi run             guard
             haechi why REF         explain a refusal`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&o.config, "config", "c", "", "configuration file (default $HAECHI_CONFIG, ./haechi.yaml, /etc/haechi/haechi.yaml)")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		demoCommand(o), initCommand(o), checkCommand(o), runCommand(o), reloadCommand(o), statusCommand(o),
		whyCommand(o), devicesCommand(o), decisionsCommand(o), eventsCommand(o), rulesCommand(o),
		reportCommand(o), replayCommand(o), auditCommand(o), backupCommand(o), schemaCommand(o), versionCommand(o),
	)
	return root
}

// noArgs, exactly and atMost are cobra's checks as wrong use (exit code 2).
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("haechi %s: unknown command or argument %q", cmd.Name(), args[0])}
	}
	return nil
}

func exactly(n int) cobra.PositionalArgs { return usage(cobra.ExactArgs(n)) }

func atMost(n int) cobra.PositionalArgs { return usage(cobra.MaximumNArgs(n)) }

func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
		}
		return nil
	}
}

// path finds the configuration file.
func (o *options) path() string {
	if o.config != "" {
		return o.config
	}
	if env := os.Getenv("HAECHI_CONFIG"); env != "" {
		return env
	}
	const system = "/etc/haechi/haechi.yaml"
	if _, err := os.Stat("haechi.yaml"); err != nil {
		if _, err := os.Stat(system); err == nil {
			return system
		}
	}
	return filepath.Clean("haechi.yaml")
}
