package main

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func completionCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "completion SHELL", Short: "Print a completion script for bash, zsh or fish",
		Long: `Prints a script that completes commands, flags and their values, and, while the
gateway runs, device keys, decisions and services.`,
		Example: "  source <(haechi completion bash)\n" +
			"  haechi completion zsh > \"${fpath[1]}/_haechi\"\n" +
			"  haechi completion fish > ~/.config/fish/completions/haechi.fish",
		Args: o.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := o.print.misuse("usage.missing", cmd.CommandPath())
			e.hint = o.print.t("usage.one_of", "bash, zsh, fish")
			return e
		}}
	for shell, script := range map[string]func(*cobra.Command) error{
		"bash": func(root *cobra.Command) error { return root.GenBashCompletionV2(o.print.out, true) },
		"zsh":  func(root *cobra.Command) error { return root.GenZshCompletion(o.print.out) },
		"fish": func(root *cobra.Command) error { return root.GenFishCompletion(o.print.out, true) },
	} {
		cmd.AddCommand(&cobra.Command{Use: shell, Short: "Print the script for " + shell, Args: o.noArgs,
			Example: "  haechi completion " + shell,
			RunE:    func(cmd *cobra.Command, _ []string) error { return script(cmd.Root()) }})
	}
	return cmd
}

// completeFlag says how a flag's value is completed. The flag was just made, so the
// only error, an unknown flag, cannot be.
func completeFlag(cmd *cobra.Command, name string, how cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(name, how)
}

// completeWait bounds how long a shell waits for the gateway.
const completeWait = time.Second

// offer asks the running gateway for words to complete the first argument with. A
// gateway that does not run has none, and says nothing about it.
func (o *options) offer(ask func(context.Context, *api.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return o.askGateway(cmd, ask), cobra.ShellCompDirectiveNoFileComp
	}
}

// offerFlag is offer for a flag's value.
func (o *options) offerFlag(ask func(context.Context, *api.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return o.askGateway(cmd, ask), cobra.ShellCompDirectiveNoFileComp
	}
}

func (o *options) askGateway(cmd *cobra.Command, ask func(context.Context, *api.Client) []string) []string {
	c, err := o.client()
	if err != nil {
		return nil
	}
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completeWait)
	defer cancel()
	return ask(ctx, c)
}

// typable reports whether a word can be put on a shell's line as it is. A device
// names itself before anybody approves it: what the shell would act on is never
// offered.
func typable(s string) bool {
	return s != "" && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/@+", r)
	}) < 0
}

func words(ws []string) (out []string) {
	for _, w := range ws {
		if name, _, _ := strings.Cut(w, "\t"); typable(name) {
			out = append(out, w)
		}
	}
	return out
}

func deviceKeys(ctx context.Context, c *api.Client) (out []string) {
	ds, err := c.Devices(ctx, haechi.DeviceFilter{})
	if err != nil {
		return nil
	}
	for _, d := range ds {
		out = append(out, cobra.CompletionWithDesc(d.Key, d.Status.String()))
	}
	return words(out)
}

func decisionIDs(ctx context.Context, c *api.Client) (out []string) {
	ds, err := c.Decisions(ctx, haechi.DecisionFilter{OpenAt: time.Now()})
	if err != nil {
		return nil
	}
	for _, d := range ds {
		out = append(out, cobra.CompletionWithDesc(string(d.ID), d.Action.String()+" "+cell(d.Scope.String())))
	}
	return words(out)
}

func subjects(ctx context.Context, c *api.Client) []string {
	return append(decisionIDs(ctx, c), deviceKeys(ctx, c)...)
}

func reportNames(ctx context.Context, c *api.Client) []string {
	names, err := c.Reports(ctx)
	if err != nil {
		return nil
	}
	return words(names)
}

func serviceNames(ctx context.Context, c *api.Client) (out []string) {
	s, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	for _, v := range s.Services {
		out = append(out, v.Name)
	}
	return words(out)
}
