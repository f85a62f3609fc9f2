package main

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func packetsCommand(o *options) *cobra.Command {
	var out, reason string
	cmd := &cobra.Command{Use: "packets [ADDRESS]", Short: "List of whom packets are kept since a grave incident, or write them as a capture", Args: o.atMost(1),
		Long: `From an incident of severity high on, the live sensor keeps the newest packets of the
address that it is about, for 15 minutes after it was last told of: 1 MiB in memory, never
on disk. They hold what was said, so that who writes them out is in the audit trail.`,
		Example: "  haechi packets\n  haechi packets 203.0.113.7 --out scan.pcap --reason 'what did it find'",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return o.writePackets(cmd, c, args[0], out, reason)
			}
			all, err := c.Closeups(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(all, func() { printCloseups(o.print, all) })
		}}
	cmd.Flags().StringVar(&out, "out", "", "the capture to write (pcap); it must not exist")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func printCloseups(p *printer, all []haechi.Closeup) {
	if len(all) == 0 {
		p.say("cli.packets_none")
		return
	}
	rows := make([][]string, 0, len(all))
	for i := range all {
		c := &all[i]
		rows = append(rows, []string{c.About.String(), string(c.Incident), p.when(c.Since), p.when(c.Until), count(c.Seen), count(c.Kept), count(c.Bytes)})
	}
	p.table([]string{"scope", "incident", "from", "until", "packets_seen", "packets_kept", "bytes"}, rows)
}

// writtenPackets is what `haechi packets --json` says of a file.
type writtenPackets struct {
	About   haechi.Scope `json:"haechi.scope"`
	File    string       `json:"file"`
	Packets int          `json:"packets"`
}

func (o *options) writePackets(cmd *cobra.Command, c *api.Client, address, out, reason string) error {
	if out == "" {
		e := o.print.misuse("usage.out", cmd.CommandPath())
		e.hint = cmd.CommandPath() + " " + address + " --out packets.pcap"
		return e
	}
	about, err := haechi.ParseScope(address)
	if err != nil {
		about, err = haechi.ParseScope("ip:" + address)
	}
	if err != nil {
		return err
	}
	got, err := c.Packets(cmd.Context(), api.PacketsRequest{About: about, Reason: reason})
	if err != nil {
		return err
	}
	if err := createFile(out, got.Capture); err != nil {
		return err
	}
	return o.print.show(writtenPackets{about, out, got.Packets}, func() { o.print.say("cli.packets_written", strconv.Itoa(got.Packets), about.String(), out) })
}

// createFile writes a file that is not there yet, for its owner alone.
func createFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "write " + path, Err: err, Hint: "name a file that does not exist, in a folder that does"}
	}
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return &haechi.Error{Kind: haechi.Unavailable, Op: "write " + path, Err: err, Hint: "check the disk"}
	}
	return f.Close()
}
