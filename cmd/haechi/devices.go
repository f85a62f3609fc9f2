package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"haechi"
)

func devicesCommand(o *options) *cobra.Command {
	var f haechi.DeviceFilter
	var status *choice
	cmd := &cobra.Command{Use: "devices", Short: "List devices; approve, deny, revoke or block them; make keys", Args: o.noArgs,
		Example: "  haechi devices --status pending\n  haechi devices approve LOA.i/0123456789abcdef\n  haechi devices key LOA.i/0123456789abcdef",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status.value != "" {
				s, err := haechi.ParseDeviceStatus(status.value)
				if err != nil {
					return err
				}
				f.Statuses = []haechi.DeviceStatus{s}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			ds, err := c.Devices(cmd.Context(), f)
			if err != nil {
				return err
			}
			return o.print.show(ds, func() { printDevices(o.print, ds) })
		}}
	status = o.choose(cmd, "status", "", "only those of this status", names[haechi.DeviceStatus]()...)
	cmd.Flags().StringVar(&f.Service, "service", "", "only those of this service")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	cmd.AddCommand(
		addDeviceCommand(o),
		statusChange(o, "approve", haechi.Approved, "Let a device converse"),
		statusChange(o, "deny", haechi.DeniedDevice, "Refuse a device that waits for approval"),
		statusChange(o, "revoke", haechi.Revoked, "Take an approval back; its session is cut at once"),
		statusChange(o, "block", haechi.Blocked, "Block a device; its session is cut at once"),
		keyCommand(o), retireCommand(o), deleteCommand(o),
		showCommand(o), unusedCommand(o), keysCommand(o), skewCommand(o), devicePinCommand(o), codeCommand(o),
	)
	return cmd
}

func printDevices(p *printer, ds []haechi.Device) {
	heads := []string{"device", "status", "service", "version", "address", "last_ping", "keys", "reason"}
	outside := slices.ContainsFunc(ds, func(d haechi.Device) bool { return d.Source != "" })
	if outside {
		heads = append(heads, "source")
	}
	off := slices.ContainsFunc(ds, func(d haechi.Device) bool { return worst(&d.Skew) >= notable })
	if off {
		heads = append(heads, "skew")
	}
	rows := make([][]string, 0, len(ds))
	for _, d := range ds {
		row := []string{d.Key, p.word("status", d.Status), d.Service, d.Version, d.Addr, p.when(d.LastPing), count(len(d.Keys)), d.Reason}
		if outside {
			row = append(row, source(p, d))
		}
		if off {
			row = append(row, skewOf(&d.Skew))
		}
		rows = append(rows, row)
	}
	p.table(heads, rows)
}

// source is who has the first word on the device, and what it says.
func source(p *printer, d haechi.Device) string {
	if d.Source == "" {
		return p.t("source.haechi")
	}
	return p.texts.Or(p.lang, "source."+d.Source, d.Source) + ": " + p.texts.Or(p.lang, "status."+d.There, d.There)
}

func statusChange(o *options, verb string, to haechi.DeviceStatus, short string) *cobra.Command {
	var reason string
	example := "  haechi devices " + verb + " LOA.i/0123456789abcdef"
	if to != haechi.Approved {
		example += " --reason 'the phone is lost'"
	}
	cmd := &cobra.Command{Use: verb + " DEVICE", Short: short, Args: o.exactly(1), Example: example,
		ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to != haechi.Approved && strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.SetDeviceStatus(cmd.Context(), args[0], to, reason)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.say("cli.device_is", d.Key, o.print.word("status", d.Status)) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func keyCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "key DEVICE", Short: "Make a key and show it, this once; the older key stays valid for a while", Args: o.exactly(1),
		Example: "  haechi devices key LOA.i/0123456789abcdef", ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			k, err := c.NewDeviceKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return o.print.show(k, func() {
				o.print.say("cli.key_made", k.ID, k.Device)
				o.print.line("  SECRET_KEY  " + k.Secret)
				o.print.line("  BOT_SALT    " + k.Salt)
			})
		}}
}

func retireCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "retire DEVICE KEYID", Short: "End a key at once", Args: o.exactly(2),
		Long:    "Ends a key at once. `haechi devices --json` and `haechi why DEVICE` list the ids of a device's keys.",
		Example: "  haechi devices retire LOA.i/0123456789abcdef k1", ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.RetireDeviceKey(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			return o.print.show(map[string]string{"retired": args[1]}, func() { o.print.say("cli.key_retired", args[1], args[0]) })
		}}
}

func addDeviceCommand(o *options) *cobra.Command {
	var service string
	cmd := &cobra.Command{Use: "add DEVICE", Short: "Register a device before it ever connects; it is pending then", Args: o.exactly(1),
		Example: "  haechi devices add LOA.i/0123456789abcdef --service bots",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.AddDevice(cmd.Context(), service, args[0])
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.say("cli.device_added", d.Key) })
		}}
	cmd.Flags().StringVar(&service, "service", "", "the service it belongs to")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	return cmd
}

func deleteCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "delete DEVICE", Short: "Forget a device, its keys and everything recorded about it, for good", Args: o.exactly(1),
		Long: `Forgets a device, its keys and everything recorded about it; its session is cut.
Decisions and the audit trail stay, since they say what was done to whom. It cannot
be undone; a device that connects again is a new one and waits for approval.`,
		Example: "  haechi devices delete LOA.i/0123456789abcdef --reason 'the user asked for it'", ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			rows, err := c.DeleteDevice(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return o.print.show(map[string]any{"deleted": args[0], "rows": rows}, func() { o.print.say("cli.device_deleted", args[0], rows) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
