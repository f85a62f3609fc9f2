package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/operate/banlist"
	"haechi/internal/show/api"
)

// importFlags are the flags of `haechi decisions import`.
type importFlags struct {
	action       *choice
	peer, reason string
	length       span
	only         bool
}

func importCommand(o *options) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{Use: "import FILE|-", Short: "Take over who other programs ban: fail2ban, CrowdSec, a list", Args: o.exactly(1),
		Long: `Reads the answer of fail2ban-client banned, CrowdSec's cscli decisions list (-o json or
-o raw), or a list of addresses and networks with an optional time each. All of it is
taken over in one step, or nothing. Addresses on the allow list and protected ones are
refused and told. A list taken over again replaces what it said before. For example
fail2ban-client banned | haechi decisions import - --for 1h`,
		Example: "  haechi decisions import banned.txt --for 1h --dry-run\n" +
			"  haechi decisions import - --from crowdsec\n" +
			"  haechi decisions import scanners.txt --from scanners --for 7d --reason 'list of the provider'",
		RunE: func(cmd *cobra.Command, args []string) error { return o.importList(cmd, &f, args[0]) }}
	f.action = o.choose(cmd, "action", haechi.Deny.String(), "what is done about them", "watch", "throttle", "deny", "drop")
	cmd.Flags().StringVar(&f.peer, "from", "", "what the list is called, to withdraw it (default: fail2ban, crowdsec or list)")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why (default: imported)")
	cmd.Flags().Var(&f.length, "for", "how long, for those of which the list does not say; without it, until withdrawn")
	cmd.Flags().BoolVar(&f.only, "dry-run", false, "say what would become of them, and change nothing")
	return cmd
}

// imported is the answer of an import; Left counts what the list holds and nobody takes.
type imported struct {
	haechi.Import
	Format banlist.Format `json:"format"`
	Left   int            `json:"left_out"`
}

func (o *options) importList(cmd *cobra.Command, f *importFlags, path string) error {
	list, err := readList(cmd, path)
	if err != nil {
		return err
	}
	q, err := f.request(o.print, cmd, &list)
	if err != nil {
		return err
	}
	out := imported{Format: list.Format, Left: list.Left}
	if len(q.Entries) == 0 {
		return &haechi.Error{Kind: haechi.Invalid, Op: "import", Msg: o.print.t("cli.import_none")}
	}
	c, err := o.client()
	if err != nil {
		return err
	}
	if out.Import, err = c.ImportDecisions(cmd.Context(), q); err != nil {
		return err
	}
	return o.print.show(&out, func() { sayImported(o.print, &out, q.Entries[0].Peer) })
}

func readList(cmd *cobra.Command, path string) (banlist.List, error) {
	in := io.Reader(cmd.InOrStdin())
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return banlist.List{}, &haechi.Error{Kind: haechi.NotFound, Op: "import", Err: err, Hint: "name a file, or - for the standard input"}
		}
		defer file.Close()
		in = file
	}
	return banlist.Read(in, time.Now(), time.Local)
}

// request is the list as what is asked of the gateway. Each jail of fail2ban is a peer of
// its own, so that one can be withdrawn without the others.
func (f *importFlags) request(p *printer, cmd *cobra.Command, list *banlist.List) (q api.ImportRequest, err error) {
	if q.Action, err = haechi.ParseAction(f.action.value); err != nil {
		return q, err
	}
	name := f.peer
	if name == "" {
		name = string(list.Format)
	}
	q.DryRun, q.Reason = f.only, strings.TrimSpace(f.reason)
	if q.Reason == "" {
		q.Reason = "imported"
	}
	for _, e := range list.Entries {
		entry := api.ImportEntry{Scope: e.Scope, Peer: name, For: f.length.String()}
		if e.Jail != "" {
			entry.Peer += "/" + e.Jail
		}
		if e.For > 0 {
			entry.For = e.For.String()
		}
		if !api.PeerName(entry.Peer) {
			wrong := p.misuse("usage.value", cmd.CommandPath(), quoted(entry.Peer), "--from")
			wrong.hint = p.t("usage.peer")
			return q, wrong
		}
		q.Entries = append(q.Entries, entry)
	}
	return q, nil
}

func sayImported(p *printer, out *imported, peer string) {
	rows := make([][]string, 0, len(out.Refusals))
	for _, r := range out.Refusals {
		rows = append(rows, []string{r.Scope.String(), r.Why})
	}
	if len(rows) > 0 {
		p.table([]string{"scope", "refused_why"}, rows)
	}
	if out.DryRun {
		p.say("cli.would_import", out.Added, out.Changed, out.Same, out.Refused, out.Left)
		return
	}
	p.say("cli.imported", out.Added, out.Changed, out.Same, out.Refused, out.Left)
	p.say("cli.import_takes_back", peer)
}

// handOver adds one decision as that of another program. A refusal is an error, so that
// the program learns of it.
func (o *options) handOver(ctx context.Context, c *api.Client, peer string, q api.DecisionRequest) error {
	out, err := c.ImportDecisions(ctx, api.ImportRequest{Action: q.Action, Reason: q.Reason,
		Entries: []api.ImportEntry{{Scope: q.Scope, Peer: peer, For: q.For}}})
	if err != nil {
		return err
	}
	if out.Refused > 0 {
		why := ""
		for _, r := range out.Refusals {
			why = r.Why
		}
		return &haechi.Error{Kind: haechi.Denied, Op: "decide", Msg: o.print.t("cli.import_refused", q.Scope, why)}
	}
	return o.print.show(&out, func() {
		if out.Same > 0 {
			o.print.say("cli.covered", q.Scope)
			return
		}
		o.print.say("cli.handed_over", q.Scope, o.print.word("action", q.Action), peer)
	})
}

func withdrawCommand(o *options) *cobra.Command {
	var q api.WithdrawRequest
	cmd := &cobra.Command{Use: "withdraw [SCOPE]", Short: "Take back what another program handed over, or what was imported", Args: o.atMost(1),
		Example: "  haechi decisions withdraw ip:203.0.113.7 --from fail2ban/sshd\n  haechi decisions withdraw --all --from crowdsec",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if q.Scope, err = haechi.ParseScope(args[0]); err != nil || args[0] == "" {
					wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(args[0]), "SCOPE")
					wrong.hint = o.print.t("usage.scope")
					return wrong
				}
			}
			if q.All == (len(args) == 1) {
				return o.print.misuse("usage.all", cmd.CommandPath())
			}
			if !api.PeerName(q.Peer) {
				wrong := o.print.misuse("usage.value", cmd.CommandPath(), quoted(q.Peer), "--from")
				wrong.hint = o.print.t("usage.peer")
				return wrong
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			lifted, err := c.WithdrawDecisions(cmd.Context(), q)
			if err != nil {
				return err
			}
			return o.print.show(lifted, func() { o.print.say("cli.withdrawn", q.Peer, len(lifted)) })
		}}
	cmd.Flags().StringVar(&q.Peer, "from", "", "the program, for example fail2ban/sshd")
	cmd.Flags().StringVar(&q.Reason, "reason", "withdrawn", "why, for the audit trail")
	cmd.Flags().BoolVar(&q.All, "all", false, "everything of it")
	return cmd
}
