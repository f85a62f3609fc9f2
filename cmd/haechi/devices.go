package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"haechi"
)

func devicesCommand(o *options) *cobra.Command {
	var status string
	cmd := &cobra.Command{Use: "devices", Short: "List devices; approve, deny, revoke or block them; make keys", Args: noArgs,
		Example: "  haechi devices --status pending\n  haechi devices approve LOA.i/0123456789abcdef\n  haechi devices key LOA.i/0123456789abcdef",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var f haechi.DeviceFilter
			if status != "" {
				s, err := haechi.ParseDeviceStatus(status)
				if err != nil {
					return usageError{err}
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
	cmd.Flags().StringVar(&status, "status", "", "only pending, approved, denied, revoked or blocked ones")
	cmd.AddCommand(
		addDeviceCommand(o),
		statusChange(o, "approve", haechi.Approved, "Let a device converse"),
		statusChange(o, "deny", haechi.DeniedDevice, "Refuse a device that waits for approval"),
		statusChange(o, "revoke", haechi.Revoked, "Take an approval back; its session is cut at once"),
		statusChange(o, "block", haechi.Blocked, "Block a device; its session is cut at once"),
		keyCommand(o), retireCommand(o),
	)
	return cmd
}

func printDevices(p *printer, ds []haechi.Device) {
	rows := make([][]string, 0, len(ds))
	for _, d := range ds {
		rows = append(rows, []string{d.Key, d.Status.String(), d.Service, d.Version, d.Addr, when(d.LastPing), fmt.Sprint(len(d.Keys)), d.Reason})
	}
	p.table([]string{"device", "status", "service", "version", "address", "last ping", "keys", "reason"}, rows)
}

func statusChange(o *options, verb string, to haechi.DeviceStatus, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: verb + " DEVICE", Short: short, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to != haechi.Approved && strings.TrimSpace(reason) == "" {
				return usageError{fmt.Errorf("haechi devices %s: --reason is required", verb)}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			d, err := c.SetDeviceStatus(cmd.Context(), args[0], to, reason)
			if err != nil {
				return err
			}
			return o.print.show(d, func() { o.print.line("%s is %s", d.Key, d.Status) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}

func keyCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "key DEVICE", Short: "Make a key and show it, this once; the older key stays valid for a while", Args: exactly(1),
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
				o.print.line("key %s of %s; it is not shown again", k.ID, k.Device)
				o.print.line("SECRET_KEY  %s", k.Secret)
				o.print.line("BOT_SALT    %s", k.Salt)
			})
		}}
}

func retireCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "retire DEVICE KEYID", Short: "End a key at once", Args: exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			if err := c.RetireDeviceKey(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			return o.print.show(map[string]string{"retired": args[1]}, func() { o.print.line("key %s of %s is retired", args[1], args[0]) })
		}}
}

func addDeviceCommand(o *options) *cobra.Command {
	var service string
	cmd := &cobra.Command{Use: "add DEVICE", Short: "Register a device before it ever connects; it is pending then", Args: exactly(1),
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
			return o.print.show(d, func() { o.print.line("%s is %s", d.Key, d.Status) })
		}}
	cmd.Flags().StringVar(&service, "service", "", "the service it belongs to")
	return cmd
}
