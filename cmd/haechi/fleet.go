package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
)

// deviceStory is one device with what happened to it.
type deviceStory struct {
	Device  *haechi.Device      `json:"device,omitempty"` // nil: it is forgotten
	History []haechi.AuditEntry `json:"history"`
}

func showCommand(o *options) *cobra.Command {
	var limit *rows
	cmd := &cobra.Command{Use: "show DEVICE", Short: "Show one device and who changed what about it", Args: o.exactly(1),
		Long: `Shows one device with its keys, the identity that it is bound to, its clock, and
its history from the audit trail. The number of an entry is what haechi audit undo
takes. A device that was forgotten still has its history.`,
		Example: "  haechi devices show LOA.i/0123456789abcdef", ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			found, err := c.Devices(cmd.Context(), haechi.DeviceFilter{Key: args[0]})
			if err != nil {
				return err
			}
			var s deviceStory
			if len(found) > 0 {
				s.Device = &found[0]
			}
			if s.History, err = c.DeviceHistory(cmd.Context(), args[0], limit.n); err != nil {
				return err
			}
			if s.Device == nil && len(s.History) == 0 {
				return &haechi.Error{Kind: haechi.NotFound, Op: "find the device", Msg: "no device has this key", Hint: "haechi devices lists them as BOT/DEVICEID"}
			}
			return o.print.show(s, func() { printStory(o.print, &s) })
		}}
	limit = o.limit(cmd, 50)
	return cmd
}

func printStory(p *printer, s *deviceStory) {
	if d := s.Device; d != nil {
		p.head(d.Key)
		p.facts(fact{"head.label", d.Label}, fact{"head.status", p.word("status", d.Status)}, fact{"head.reason", d.Reason}, fact{"head.by", d.By},
			fact{"head.service", d.Service}, fact{"head.client", strings.TrimSpace(d.ClientType + " " + d.Version)}, fact{"head.address", d.Addr},
			fact{"head.first_seen", p.when(d.FirstSeen)}, fact{"head.last_seen", p.when(d.LastSeen)}, fact{"head.last_ping", p.when(d.LastPing)},
			fact{"head.bound", d.UUID}, fact{"head.skew", p.skew(&d.Skew)})
		var uses []haechi.KeyUse
		for _, k := range d.Keys {
			uses = append(uses, haechi.KeyUse{KeyInfo: k})
		}
		printKeys(p, uses, false)
	}
	printAudit(p, s.History)
}

// skew is the last, the lowest and the highest clock skew, empty for none.
func (p *printer) skew(s *haechi.ClockSkew) string {
	if s.At.IsZero() {
		return ""
	}
	return p.t("cli.skew", signed(s.Last), signed(s.Min), signed(s.Max), p.when(s.At))
}

// signed is a skew to the tenth of a second.
func signed(d time.Duration) string {
	d = d.Round(100 * time.Millisecond)
	if d > 0 {
		return "+" + d.String()
	}
	return d.String()
}

func unusedCommand(o *options) *cobra.Command {
	f, length := haechi.UnusedFilter{}, span(30*24*time.Hour)
	var revoke bool
	var number int
	var reason string
	cmd := &cobra.Command{Use: "unused", Short: "List approved devices that are not used; revoke them all at once", Args: o.noArgs,
		Long: `Lists the approved devices that were not heard for that long, nor approved since.
With --revoke it takes their approvals back in one step: --count has to be the
number that the list shows, so that nobody retires what they have not seen, and one
haechi audit undo takes back the whole.`,
		Example: "  haechi devices unused --for 90d\n  haechi devices unused --for 90d --never\n  haechi devices unused --for 90d --revoke --count 12 --reason 'monthly clean-up'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.For = time.Duration(length)
			c, err := o.client()
			if err != nil {
				return err
			}
			if !revoke {
				ds, err := c.UnusedDevices(cmd.Context(), f)
				if err != nil {
					return err
				}
				return o.print.show(ds, func() { printUnused(o.print, ds) })
			}
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			if number <= 0 {
				return o.print.misuse("usage.count", cmd.CommandPath())
			}
			done, err := c.RetireUnused(cmd.Context(), f, number, reason)
			if err != nil {
				return err
			}
			return o.print.show(done, func() {
				o.print.say("cli.bulk_done", len(done.Devices))
				o.print.say("cli.bulk_undo", count(done.Entry))
			})
		}}
	cmd.Flags().Var(&length, "for", "not heard, nor approved, for this long")
	cmd.Flags().BoolVar(&f.Never, "never", false, "only those that were never heard since their approval")
	cmd.Flags().StringVar(&f.Service, "service", "", "only those of this service")
	cmd.Flags().BoolVar(&revoke, "revoke", false, "take their approvals back; without it nothing is changed")
	cmd.Flags().IntVar(&number, "count", 0, "how many the list shows, to confirm it")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	return cmd
}

func printUnused(p *printer, ds []haechi.Device) {
	rows := make([][]string, 0, len(ds))
	for _, d := range ds {
		since, never, _ := d.Unused()
		heard := p.when(d.LastSeen)
		if never {
			heard = p.t("cli.never_since")
		}
		rows = append(rows, []string{d.Key, d.Label, d.Service, heard, p.when(d.ChangedAt), p.when(since), count(len(d.Keys))})
	}
	p.table([]string{"device", "label", "service", "last_seen", "approved", "unused_since", "keys"}, rows)
	if p.terminal && len(ds) > 0 {
		p.say("cli.unused", len(ds))
	}
}

func keysCommand(o *options) *cobra.Command {
	var old bool
	cmd := &cobra.Command{Use: "keys", Short: "List which device signs with which key, and who still uses an old one", Args: o.noArgs,
		Long: `Lists the keys by which approved devices may sign. An old key is one beside which
the device has a newer one: in_use means that the device still signs with it, left
that it has signed with the newer one since, silent that it has not signed since it
got the newer one. When nobody is in_use or silent, the old keys can end:
haechi devices retire.`,
		Example: "  haechi devices keys\n  haechi devices keys --old",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			r, err := c.KeyReport(cmd.Context(), old)
			if err != nil {
				return err
			}
			return o.print.show(r, func() {
				printKeys(o.print, r.Keys, true)
				if o.print.terminal || old {
					o.print.say("cli.key_report", r.Devices, r.InUse, r.Silent, r.Shared)
				}
			})
		}}
	cmd.Flags().BoolVar(&old, "old", false, "only old keys, and keys that several devices share")
	return cmd
}

func printKeys(p *printer, keys []haechi.KeyUse, named bool) {
	heads := []string{"key", "created", "until", "last_use", "code"}
	if named {
		heads = append([]string{"device", "key_state"}, heads...)
	}
	rows := make([][]string, 0, len(keys))
	for _, k := range keys {
		until := p.t("cli.no_end")
		if !k.Until.IsZero() {
			until = p.when(k.Until)
		}
		code := k.Code
		if k.Shared {
			code = p.t("cli.shared", code)
		}
		row := []string{k.ID, p.when(k.Created), until, p.when(k.LastUse), code}
		if named {
			row = append([]string{k.Device, p.word("key_state", k.State)}, row...)
		}
		rows = append(rows, row)
	}
	p.table(heads, rows)
}

func skewCommand(o *options) *cobra.Command {
	var over span
	cmd := &cobra.Command{Use: "skew", Short: "List how far the devices' clocks are off, the worst first", Args: o.noArgs,
		Long: `Lists how far each device's clock is from the gateway's, by the times that it signed:
last, and lowest and highest of about a day. Positive is ahead. A frame that waited
in the phone's queue looks late by as much, so the highest is nearest to the truth.`,
		Example: "  haechi devices skew\n  haechi devices skew --over 1m",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			ds, err := c.Devices(cmd.Context(), haechi.DeviceFilter{})
			if err != nil {
				return err
			}
			ds = slices.DeleteFunc(ds, func(d haechi.Device) bool { return d.Skew.At.IsZero() || worst(&d.Skew) < time.Duration(over) })
			slices.SortStableFunc(ds, func(a, b haechi.Device) int { return cmp.Compare(worst(&b.Skew), worst(&a.Skew)) })
			return o.print.show(ds, func() { printSkew(o.print, ds) })
		}}
	cmd.Flags().Var(&over, "over", "only those that were off by at least this much, either way")
	return cmd
}

// notable is from when on the list of devices shows the clocks at all: a queue makes
// honest frames 30 s late.
const notable = 30 * time.Second

// skewOf is the last skew, "-" for none.
func skewOf(s *haechi.ClockSkew) string {
	if s.At.IsZero() {
		return "-"
	}
	return signed(s.Last)
}

// worst is how far a clock is off: frames are late, never early, so the highest skew
// is nearest to the truth.
func worst(s *haechi.ClockSkew) time.Duration { return s.Max.Abs() }

func printSkew(p *printer, ds []haechi.Device) {
	rows := make([][]string, 0, len(ds))
	for _, d := range ds {
		rows = append(rows, []string{d.Key, p.word("status", d.Status), signed(d.Skew.Last), signed(d.Skew.Min), signed(d.Skew.Max), p.when(d.Skew.At)})
	}
	p.table([]string{"device", "status", "skew_last", "skew_min", "skew_max", "measured"}, rows)
}

func devicePinCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "pin DEVICE [IDENTITY]", Short: "Bind a device to the identity that it signs, anew or to the one given", Args: o.between(1, 2),
		Long: `The first proved session of a device binds it to the identity that it signed
(deviceUUID of a messengerbot phone); a session that signs another is refused as
identity_mismatch. Without IDENTITY the next proved session binds it anew, as after
a factory reset of the phone.`,
		Example: "  haechi devices pin LOA.i/0123456789abcdef --reason 'the phone was reset'", ValidArgsFunction: o.offer(deviceKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return o.print.misuse("usage.reason", cmd.CommandPath())
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			id := ""
			if len(args) == 2 {
				id = args[1]
			}
			d, err := c.PinDevice(cmd.Context(), args[0], id, reason)
			if err != nil {
				return err
			}
			return o.print.show(d, func() {
				if d.UUID == "" {
					o.print.say("cli.unpinned", d.Key)
				} else {
					o.print.say("cli.pinned", d.Key, d.UUID)
				}
			})
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
