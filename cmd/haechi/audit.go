package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
)

func auditCommand(o *options) *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "audit", Short: "List who changed what; verify the chain; undo a change", Args: noArgs,
		Example: "  haechi audit\n  haechi audit verify\n  haechi audit undo 12",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			es, err := c.Audit(cmd.Context(), limit)
			if err != nil {
				return err
			}
			return o.print.show(es, func() { printAudit(o.print, es) })
		}}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this many")
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
		rows = append(rows, []string{strconv.FormatUint(e.Seq, 10), when(e.Time), e.By, e.Via, e.Action, e.Subject, change, e.Reason})
	}
	p.table([]string{"no", "time", "by", "via", "action", "subject", "change", "reason"}, rows)
}

// verifyCommand checks the chain of the running gateway, or, with --offline, of
// the state folder while nothing runs.
func verifyCommand(o *options) *cobra.Command {
	var offline bool
	cmd := &cobra.Command{Use: "verify", Short: "Check that no audit entry was changed, removed or put in between", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := verify(cmd, o, offline)
			if err != nil {
				return err
			}
			return o.print.show(map[string]uint64{"entries": n}, func() { o.print.line("the audit chain is intact: %d entries", n) })
		}}
	cmd.Flags().BoolVar(&offline, "offline", false, "read the state folder instead of asking the running gateway")
	return cmd
}

func verify(cmd *cobra.Command, o *options, offline bool) (uint64, error) {
	if offline {
		conf, err := o.load()
		if err != nil {
			return 0, err
		}
		return app.VerifyAudit(cmd.Context(), conf.State)
	}
	c, err := o.client()
	if err != nil {
		return 0, err
	}
	return c.VerifyAudit(cmd.Context())
}

func undoCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "undo NUMBER", Short: "Reverse a change of a device's status or a decision", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("haechi audit undo: %q is no entry number", args[0])}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Undo(cmd.Context(), seq); err != nil {
				return err
			}
			return o.print.show(map[string]uint64{"undone": seq}, func() { o.print.line("audit entry %d is undone", seq) })
		}}
}

func backupCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "backup PATH", Short: "Write a consistent copy of all records, while running; restore one", Args: exactly(1),
		Example: "  haechi backup /backup/haechi-monday\n  haechi backup restore /backup/haechi-monday",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.Backup(cmd.Context(), path); err != nil {
				return err
			}
			return o.print.show(map[string]string{"backup": path}, func() { o.print.line("backed up to %s; it holds device keys, keep it safe", path) })
		}}
	cmd.AddCommand(&cobra.Command{Use: "restore PATH", Short: "Restore a backup into the configured state folder, which must be empty; the gateway must be stopped",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := o.load()
			if err != nil {
				return err
			}
			if err := app.Restore(cmd.Context(), args[0], conf.State); err != nil {
				return err
			}
			return o.print.show(map[string]string{"restored": conf.State}, func() { o.print.line("restored into %s, and its audit chain is intact", conf.State) })
		}})
	return cmd
}
