package control

import (
	"context"
	"strings"

	"haechi"
)

// Devices lists registered devices.
func (c *Control) Devices(_ context.Context, f haechi.DeviceFilter) ([]haechi.Device, error) {
	return c.d.Registry.List(f), nil
}

// AddDevice registers a device before it has ever connected, as pending. Errors are
// of kind Invalid for a key that no device can have, Exhausted when no more pending
// ones are taken.
func (c *Control) AddDevice(ctx context.Context, op haechi.Operator, service, key string) (haechi.Device, error) {
	bot, serial, ok := haechi.SplitDeviceKey(key)
	if !ok {
		return haechi.Device{}, &haechi.Error{Kind: haechi.Invalid, Op: "add the device", Msg: "this is no device key", Hint: "write it as BOT/DEVICEID"}
	}
	d := haechi.Device{Key: key, Bot: bot, Serial: serial, Service: service, Status: haechi.Pending}
	err := c.audited(ctx, op, haechi.AuditEntry{Action: ActionDeviceAdd, Subject: key, After: d.Status.String()}, func(ctx context.Context) (err error) {
		d, err = c.d.Registry.Add(ctx, d, c.d.Now())
		return err
	})
	return d, err
}

// SetDeviceStatus moves a device through its life cycle. Live sessions of a device
// that is no longer approved are cut before it returns. Blocking, denying and
// revoking want a reason. Errors are of kind NotFound, Invalid or Unavailable.
func (c *Control) SetDeviceStatus(ctx context.Context, op haechi.Operator, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error) {
	before, err := c.device(key)
	if err != nil {
		return haechi.Device{}, err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" && s != haechi.Approved && s != haechi.Pending {
		return haechi.Device{}, &haechi.Error{Kind: haechi.Invalid, Op: "change a device", Msg: "a reason is missing",
			Hint: "say in a few words why"}
	}
	var after haechi.Device
	entry := haechi.AuditEntry{Action: ActionDeviceStatus, Subject: key, Before: before.Status.String(), After: s.String(), Reason: reason}
	err = c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		_, after, err = c.d.Registry.SetStatus(ctx, key, s, op.Name, reason, c.d.Now())
		return err
	})
	return after, err
}

// NewDeviceKey makes a key and returns its secret, the only time it is shown. The
// device's older key stays valid for the overlap.
func (c *Control) NewDeviceKey(ctx context.Context, op haechi.Operator, key string) (haechi.NewKey, error) {
	if _, err := c.device(key); err != nil {
		return haechi.NewKey{}, err
	}
	var made haechi.NewKey
	err := c.audited(ctx, op, haechi.AuditEntry{Action: ActionDeviceKey, Subject: key}, func(ctx context.Context) (err error) {
		made, err = c.d.Registry.NewKey(ctx, key, c.d.Now())
		return err
	})
	return made, err
}

// RetireDeviceKey ends a key at once.
func (c *Control) RetireDeviceKey(ctx context.Context, op haechi.Operator, key, id string) error {
	entry := haechi.AuditEntry{Action: ActionKeyRetire, Subject: key, Before: id}
	return c.audited(ctx, op, entry, func(ctx context.Context) error {
		return c.d.Registry.RetireKey(ctx, key, id)
	})
}

// DeleteDevice forgets a device, its keys and everything recorded about it; its
// session is cut. Decisions and the audit chain stay, since they say what was done
// to whom. It returns how many records were erased, and cannot be undone.
func (c *Control) DeleteDevice(ctx context.Context, op haechi.Operator, key, reason string) (rows int64, err error) {
	if _, err := c.device(key); err != nil {
		return 0, err
	}
	if strings.TrimSpace(reason) == "" {
		return 0, &haechi.Error{Kind: haechi.Invalid, Op: "delete the device", Msg: "a reason is missing", Hint: "say in a few words why"}
	}
	entry := haechi.AuditEntry{Action: ActionDeviceDelete, Subject: key, Reason: reason}
	err = c.audited(ctx, op, entry, func(ctx context.Context) error {
		// Once before, so that a failure leaves the device to be deleted again; once
		// after, for what its session did in between.
		before, err := c.d.Program.Erase(ctx, key)
		if err != nil {
			return err
		}
		if _, err := c.d.Registry.Delete(ctx, key); err != nil {
			return err
		}
		rest, err := c.d.Program.Erase(ctx, key)
		rows = before + rest
		return err
	})
	return rows, err
}

func (c *Control) device(key string) (haechi.Device, error) {
	for _, d := range c.d.Registry.List(haechi.DeviceFilter{Key: key}) {
		if d.Key == key {
			return d, nil
		}
	}
	return haechi.Device{}, &haechi.Error{Kind: haechi.NotFound, Op: "find the device", Msg: "no device has this key",
		Hint: "haechi devices lists them as BOT/DEVICEID"}
}
