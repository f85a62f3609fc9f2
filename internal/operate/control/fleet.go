package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"haechi"
)

// maxBulk bounds how many devices one change may touch.
const maxBulk = 1000

// DeviceHistory lists the audit entries about a device, newest first; a limit of 0
// means 1,000. A device that was forgotten still has its history.
func (c *Control) DeviceHistory(ctx context.Context, key string, limit int) ([]haechi.AuditEntry, error) {
	return c.d.Chain.AuditAbout(ctx, key, limit)
}

// UnusedDevices lists the approved devices that the filter selects, those unused
// longest first. Errors are of kind Invalid for a length that is no length.
func (c *Control) UnusedDevices(_ context.Context, f haechi.UnusedFilter) ([]haechi.Device, error) {
	if f.For <= 0 {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "list unused devices", Msg: "it is not said for how long they were unused", Hint: "for example 90d"}
	}
	now := c.d.Now()
	list := c.d.Registry.List(haechi.DeviceFilter{Service: f.Service, Statuses: []haechi.DeviceStatus{haechi.Approved}})
	list = slices.DeleteFunc(list, func(d haechi.Device) bool {
		since, never, ok := d.Unused()
		return !ok || now.Sub(since) < f.For || f.Never && !never
	})
	slices.SortStableFunc(list, func(a, b haechi.Device) int {
		x, _, _ := a.Unused()
		y, _, _ := b.Unused()
		return cmp.Or(x.Compare(y), strings.Compare(a.Key, b.Key))
	})
	return list, nil
}

// RetireUnused revokes the devices that [Control.UnusedDevices] lists, in one step
// that one undo takes back, if there are exactly as many as the operator has seen.
// Errors are of kind Invalid, Conflict when the list is another by now, NotFound
// when it is empty.
func (c *Control) RetireUnused(ctx context.Context, op haechi.Operator, f haechi.UnusedFilter, count int, reason string) (haechi.Bulk, error) {
	const doing = "retire unused devices"
	list, err := c.UnusedDevices(ctx, f)
	if err != nil {
		return haechi.Bulk{}, err
	}
	switch reason = strings.TrimSpace(reason); {
	case reason == "":
		return haechi.Bulk{}, &haechi.Error{Kind: haechi.Invalid, Op: doing, Msg: "a reason is missing", Hint: "say in a few words why"}
	case len(list) == 0:
		return haechi.Bulk{}, &haechi.Error{Kind: haechi.NotFound, Op: doing, Msg: "no device is unused that long"}
	case len(list) != count:
		return haechi.Bulk{}, &haechi.Error{Kind: haechi.Conflict, Op: doing, Msg: fmt.Sprintf("%d devices are unused now, not %d", len(list), count),
			Hint: "look at the list again, then confirm its number"}
	}
	var moves []haechi.Move
	for _, d := range list[:min(len(list), maxBulk)] {
		moves = append(moves, haechi.Move{Device: d.Key, To: haechi.Revoked})
	}
	if len(moves) < len(list) {
		return haechi.Bulk{}, &haechi.Error{Kind: haechi.Invalid, Op: doing, Msg: fmt.Sprintf("%d devices are more than one change may touch (%d)", len(list), maxBulk),
			Hint: "choose a longer time, or one service at a time"}
	}
	return c.bulk(ctx, op, moves, reason)
}

// bulk moves many devices: one entry for the whole, one for each device that says
// what it was, then one durable step. Live sessions are cut before it returns.
func (c *Control) bulk(ctx context.Context, op haechi.Operator, moves []haechi.Move, reason string) (haechi.Bulk, error) {
	head := haechi.AuditEntry{Action: ActionBulk, Subject: fmt.Sprintf("%d devices", len(moves)), Reason: reason}
	done := haechi.Bulk{}
	err := c.auditedAs(ctx, op, &head, func(ctx context.Context) error {
		for _, m := range moves {
			before, err := c.device(m.Device)
			if err != nil {
				return err
			}
			e := haechi.AuditEntry{Time: head.Time, By: op.Name, Via: op.Via, Action: ActionBulkStatus, Subject: m.Device,
				Before: before.Status.String(), After: m.To.String(), Reason: reason + bulkMark(head.Seq)}
			if err := c.d.Chain.AppendAudit(ctx, &e); err != nil {
				return &haechi.Error{Kind: haechi.Unavailable, Op: e.Action, Msg: "an audit entry could not be written, so nothing was changed",
					Hint: "check the disk of the state folder", Err: err}
			}
			done.Devices = append(done.Devices, m.Device)
		}
		return c.d.Fleet.SetStatuses(ctx, moves, op.Name, reason, c.d.Now())
	})
	if err != nil {
		return haechi.Bulk{}, err
	}
	done.Entry = head.Seq
	return done, nil
}

// bulkMark ties the entry of a device to that of the whole.
func bulkMark(seq uint64) string { return fmt.Sprintf(" [bulk %d]", seq) }

// undoBulk takes back what has not changed since.
func (c *Control) undoBulk(ctx context.Context, op haechi.Operator, head *haechi.AuditEntry, reason string) error {
	parts, err := c.bulkParts(ctx, head)
	if err != nil {
		return err
	}
	var moves []haechi.Move
	for i := range parts {
		before, err := haechi.ParseDeviceStatus(parts[i].Before)
		if err != nil {
			return err
		}
		if d, err := c.device(parts[i].Subject); err == nil && d.Status.String() == parts[i].After {
			moves = append(moves, haechi.Move{Device: d.Key, To: before})
		}
	}
	if len(moves) == 0 {
		return &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: "every one of the devices was changed since", Hint: "haechi devices show says by whom"}
	}
	_, err = c.bulk(ctx, op, moves, reason)
	return err
}

// bulkParts finds the entries of the devices that belong to a whole. They follow
// it, with others between them at most.
func (c *Control) bulkParts(ctx context.Context, head *haechi.AuditEntry) (parts []haechi.AuditEntry, err error) {
	var n int
	if _, err := fmt.Sscanf(head.Subject, "%d devices", &n); err != nil || n > maxBulk {
		return nil, &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: "the entry does not say how many devices it changed"}
	}
	mark := bulkMark(head.Seq)
	for from, read := head.Seq+1, 0; len(parts) < n && read < 2*maxBulk+auditLimit; {
		page, err := c.d.Chain.AuditEntries(ctx, from, auditLimit)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Action == ActionBulkStatus && strings.HasSuffix(e.Reason, mark) {
				parts = append(parts, e)
			}
		}
		from, read = page[len(page)-1].Seq+1, read+len(page)
	}
	return parts, nil
}

// PinDevice binds a device to the identity that it has to sign; an empty one means
// that its next proved session binds it anew.
func (c *Control) PinDevice(ctx context.Context, op haechi.Operator, key, id, reason string) (haechi.Device, error) {
	before, err := c.device(key)
	if err != nil {
		return haechi.Device{}, err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return haechi.Device{}, &haechi.Error{Kind: haechi.Invalid, Op: "pin the device", Msg: "a reason is missing", Hint: "say in a few words why"}
	}
	var after haechi.Device
	entry := haechi.AuditEntry{Action: ActionPin, Subject: key, Before: before.UUID, After: id, Reason: reason}
	err = c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		_, after, err = c.d.Fleet.SetPin(ctx, key, id, c.d.Now())
		return err
	})
	return after, err
}

// KeyReport says which approved device signs with which key; with old, only old
// keys and shared ones are listed. The counts are of all.
func (c *Control) KeyReport(_ context.Context, old bool) (haechi.KeyReport, error) {
	list := c.d.Registry.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}})
	now, report := c.d.Now(), haechi.KeyReport{Keys: []haechi.KeyUse{}}
	holders := map[string]int{}
	for i := range list {
		list[i].Keys = slices.DeleteFunc(slices.Clone(list[i].Keys), func(k haechi.KeyInfo) bool { return !k.Until.IsZero() && !now.Before(k.Until) })
		slices.SortStableFunc(list[i].Keys, func(a, b haechi.KeyInfo) int { return b.Created.Compare(a.Created) })
		for _, k := range list[i].Keys {
			if k.Code != "" {
				holders[k.Code]++
			}
		}
	}
	for i := range list {
		reportKeys(&report, &list[i], holders, old)
	}
	return report, nil
}

// reportKeys adds one device, whose valid keys are newest first.
func reportKeys(r *haechi.KeyReport, d *haechi.Device, holders map[string]int, old bool) {
	if len(d.Keys) > 0 {
		r.Devices++
	}
	worst, shared := haechi.KeyCurrent, false
	for i, k := range d.Keys {
		use := haechi.KeyUse{KeyInfo: k, Device: d.Key, Label: d.Label, Shared: k.Code != "" && holders[k.Code] > 1}
		if i > 0 {
			use.State = stateOf(&k, &d.Keys[0])
			worst = use.State
		}
		shared = shared || use.Shared
		if !old || use.State != haechi.KeyCurrent || use.Shared {
			r.Keys = append(r.Keys, use)
		}
	}
	switch worst {
	case haechi.KeyInUse:
		r.InUse++
	case haechi.KeySilent:
		r.Silent++
	}
	if shared {
		r.Shared++
	}
}

// stateOf compares an old key with the newest.
func stateOf(old, newest *haechi.KeyInfo) haechi.KeyState {
	switch {
	case newest.LastUse.After(old.LastUse):
		return haechi.KeyLeft
	case old.LastUse.After(newest.Created):
		return haechi.KeyInUse
	}
	return haechi.KeySilent
}
