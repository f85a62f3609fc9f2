package main

import (
	"os"
	"path/filepath"
	"strings"

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

Exit codes: 0 done, 1 failed, 2 wrong use. Messages are in the language of
LC_ALL, LC_MESSAGES or LANG, or of --lang; help and JSON are English.`,
		Example: `  haechi demo            a guarded sample server, shop and attackers on loopback
  haechi init            write a commented haechi.yaml
  haechi check           find every mistake in it
  haechi run             guard
  haechi why REF         explain a refusal`,
		SilenceUsage: true, SilenceErrors: true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:                       o.noArgs,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&o.config, "config", "c", "", "configuration file (default $HAECHI_CONFIG, ./haechi.yaml, /etc/haechi/haechi.yaml)")
	flags.BoolVar(&p.json, "json", false, "print JSON")
	flags.Var(newTongue(p), "lang", "language of messages instead of the locale's")
	completeFlag(root, "lang", cobra.FixedCompletions(p.texts.Languages(), cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(p.flagError)
	root.AddCommand(
		demoCommand(o), initCommand(o), checkCommand(o), runCommand(o), shieldCommand(o), reloadCommand(o), statusCommand(o),
		whyCommand(o), devicesCommand(o), decisionsCommand(o), eventsCommand(o), rulesCommand(o),
		reportCommand(o), replayCommand(o), simulateCommand(o), wafCommand(o), attackCommand(o), serversCommand(o), packetsCommand(o), auditCommand(o), backupCommand(o), schemaCommand(o), profileCommand(o), signCommand(o), verifyFramesCommand(o), versionCommand(o),
		loginLinkCommand(o), pinCommand(o), completionCommand(o),
	)
	root.SetHelpCommand(helpCommand(o))
	return root
}

// helpCommand replaces the library's, which calls an unknown topic a success.
func helpCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Help about a command", Example: "  haechi help decisions add",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, c := range about.Commands() {
				out = append(out, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || about.Name() == "help" && len(args) == 0 {
				about, rest = cmd.Root(), args
			}
			if len(rest) > 0 {
				return o.unknown(about, rest[0])
			}
			return about.Help()
		}}
}

// unknown is wrong use of a command that has no such command below it.
func (o *options) unknown(cmd *cobra.Command, word string) error {
	if !cmd.HasSubCommands() {
		return o.print.misuse("usage.argument", cmd.CommandPath(), quoted(word))
	}
	e := o.print.misuse("usage.command", cmd.CommandPath(), quoted(word))
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if found := cmd.SuggestionsFor(word); len(found) > 0 {
		e.hint = o.print.t("usage.meant", cmd.CommandPath()+" "+found[0])
	}
	return e
}

// noArgs, exactly and atMost check the arguments; a wrong number is wrong use.
func (o *options) noArgs(cmd *cobra.Command, args []string) error { return o.atMost(0)(cmd, args) }

func (o *options) exactly(n int) cobra.PositionalArgs { return o.between(n, n) }

func (o *options) between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			e := o.print.misuse("usage.missing", cmd.CommandPath())
			e.hint = cmd.CommandPath() + strings.TrimPrefix(cmd.Use, cmd.Name())
			return e
		}
		return o.atMost(most)(cmd, args)
	}
}

func (o *options) atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return o.unknown(cmd, args[n])
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
