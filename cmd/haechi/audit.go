package main

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
)

func auditCommand(o *options) *cobra.Command {
	var limit *rows
	cmd := &cobra.Command{Use: "audit", Short: "List who changed what; verify the chain; undo a change", Args: o.noArgs,
		Example: "  haechi audit\n  haechi audit verify\n  haechi audit undo 12",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			es, err := c.Audit(cmd.Context(), limit.n)
			if err != nil {
				return err
			}
			return o.print.show(es, func() { printAudit(o.print, es) })
		}}
	limit = o.limit(cmd, 50)
	cmd.AddCommand(verifyCommand(o), undoCommand(o))
	return cmd
}

func printAudit(p *printer, es []haechi.AuditEntry) {
	rows := make([][]string, 0, len(es))
	for _, e := range es {
		change := e.After
		if e.Before != "" {
			change = e.Before + " -> " + e.After
		}
		rows = append(rows, []string{strconv.FormatUint(e.Seq, 10), p.when(e.Time), e.By, e.Via, e.Action, e.Subject, change, e.Reason})
	}
	p.table([]string{"no", "time", "by", "via", "change_action", "subject", "change", "reason"}, rows)
}

// verifyCommand checks the chain of the running gateway, or, with --offline, of
// the state folder while nothing runs.
func verifyCommand(o *options) *cobra.Command {
	var offline bool
	cmd := &cobra.Command{Use: "verify", Short: "Check that no audit entry was changed, removed or put in between", Args: o.noArgs,
		Example: "  haechi audit verify\n  haechi audit verify --offline",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := verify(cmd, o, offline)
			if err != nil {
				return err
			}
			return o.print.show(map[string]uint64{"entries": n}, func() { o.print.say("cli.audit_whole", n) })
		}}
	cmd.Flags().BoolVar(&offline, "offline", false, "read the state folder instead of asking the running gateway")
	return cmd
}

// stateFile is what a state folder that was ever used holds: opening one that was
// not would make it, and find its empty chain intact.
const stateFile = "state.db"

func verify(cmd *cobra.Command, o *options, offline bool) (uint64, error) {
	if offline {
		conf, err := o.load()
		if err != nil {
			return 0, err
		}
		if conf.Records.Store.DSNFile != "" {
			return app.VerifyAudit(cmd.Context(), conf)
		}
		if _, err := os.Stat(filepath.Join(conf.State, stateFile)); err != nil {
			return 0, &haechi.Error{Kind: haechi.NotFound, Op: "verify the audit chain", Err: err, Hint: "state in the configuration names the folder of the records"}
		}
		return app.VerifyAudit(cmd.Context(), conf)
	}
	c, err := o.client()
	if err != nil {
		return 0, err
	}
	return c.VerifyAudit(cmd.Context())
}

func undoCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "undo NUMBER", Short: "Reverse a change of a device's status or a decision", Args: o.exactly(1),
		Example: "  haechi audit undo 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 63)
			if err != nil || seq == 0 {
				wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(args[0]), "NUMBER")
				wrong.hint = o.print.t("usage.entry", "haechi audit")
				return wrong
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Undo(cmd.Context(), seq); err != nil {
				return err
			}
			return o.print.show(map[string]uint64{"undone": seq}, func() { o.print.say("cli.undone", seq) })
		}}
}

func backupCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "backup PATH", Short: "Write a consistent copy of all records, while running; restore one", Args: o.exactly(1),
		Example: "  haechi backup /backup/haechi-monday.tar\n  haechi backup restore /backup/haechi-monday.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if err := noDatabase(o); err != nil {
				return err
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Backup(cmd.Context(), path); err != nil {
				return err
			}
			return o.print.show(map[string]string{"backup": path}, func() { o.print.say("cli.backup", path) })
		}}
	cmd.AddCommand(restoreCommand(o))
	return cmd
}

// noDatabase refuses to copy records that lie in a database: that is the work of its
// own tools, which know how to do it while it runs.
func noDatabase(o *options) error {
	conf, err := o.load()
	if err != nil || conf.Records.Store.DSNFile == "" {
		return err
	}
	return &haechi.Error{Kind: haechi.Conflict, Msg: o.print.t("cli.database_backup"), Hint: o.print.t("cli.database_backup_next")}
}

func restoreCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "restore PATH", Short: "Restore a backup into the configured state folder, which must be empty; the gateway must be stopped",
		Args: o.exactly(1), Example: "  haechi backup restore /backup/haechi-monday.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := o.load()
			if err != nil {
				return err
			}
			if err := noDatabase(o); err != nil {
				return err
			}
			if err := app.Restore(cmd.Context(), args[0], conf.State); err != nil {
				return err
			}
			return o.print.show(map[string]string{"restored": conf.State}, func() { o.print.say("cli.restored", conf.State) })
		}}
}
