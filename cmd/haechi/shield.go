package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
)

func shieldCommand(o *options) *cobra.Command {
	var level, format, sandbox *choice
	var name string
	cmd := &cobra.Command{Use: "shield", Short: "Change the kernel's packet filter for a gateway that may not", Args: o.noArgs,
		Long: `Needs root or CAP_NET_ADMIN, and shield.socket in the file. Only root and the user named
by --user may speak to it. What is in force in the kernel stays in force when it ends.`,
		Example: "  haechi shield --user haechi\n  haechi shield --config /etc/haechi/haechi.yaml --user haechi",
		RunE: func(cmd *cobra.Command, _ []string) error {
			uid, err := userID(name)
			if err != nil {
				return err
			}
			return app.RunShield(cmd.Context(), app.ShieldOptions{ConfigPath: o.path(), UID: uid, Open: sandbox.value == "off",
				Log: newLog(o.print.err, level.value, format.value),
				Started: func(socket string) {
					_ = o.print.show(struct {
						Socket string `json:"socket"`
					}{socket}, func() { o.print.say("start.shield", socket) })
				}})
		}}
	cmd.Flags().StringVar(&name, "user", "", "the gateway's user, by name or number; without it the own")
	sandbox = o.choose(cmd, "sandbox", "on", "give up files, capabilities and system calls that serving does not need", "on", "off")
	level = o.logLevel(cmd, "info")
	format = o.choose(cmd, "log-format", "text", "how the log is written", "text", "json")
	return cmd
}

// userID finds a user by name or number.
func userID(name string) (int, error) {
	if name == "" {
		return os.Getuid(), nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, &haechi.Error{Kind: haechi.Invalid, Op: "find the gateway's user", Msg: fmt.Sprintf("there is no user %q", name), Hint: "adduser --system " + name}
	}
	return strconv.Atoi(u.Uid)
}
