package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"haechi"
)

const deviceColumns = `key, bot, serial, service, status, reason, changed_by, changed_ns, client_type, version, addr,
	first_ns, seen_ns, ping_ns`

// Devices returns the whole registry, by key, with the keys' descriptions.
func (s *Store) Devices(ctx context.Context) ([]haechi.Device, error) {
	rows, err := s.state.r.QueryContext(ctx, "SELECT "+deviceColumns+" FROM devices ORDER BY key")
	if err != nil {
		return nil, failure("read devices", err)
	}
	defer rows.Close()
	out := []haechi.Device{}
	for rows.Next() {
		d, err := scanDevice(rows.Scan)
		if err != nil {
			return nil, failure("read devices", err)
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read devices", err)
	}
	return out, failure("read devices", s.describeKeys(ctx, out))
}

// describeKeys fills in Keys; both lists are sorted by device.
func (s *Store) describeKeys(ctx context.Context, devices []haechi.Device) error {
	rows, err := s.state.r.QueryContext(ctx, "SELECT device, id, created_ns, until_ns FROM device_keys ORDER BY device, created_ns")
	if err != nil {
		return err
	}
	defer rows.Close()
	at := 0
	for rows.Next() {
		var device string
		var k haechi.KeyInfo
		var created, until int64
		if err := rows.Scan(&device, &k.ID, &created, &until); err != nil {
			return err
		}
		k.Created, k.Until = moment(created), moment(until)
		for at < len(devices) && devices[at].Key < device {
			at++
		}
		if at < len(devices) && devices[at].Key == device {
			devices[at].Keys = append(devices[at].Keys, k)
		}
	}
	return rows.Err()
}

// device reads one registry entry without its keys; nil if there is none.
func (s *Store) device(ctx context.Context, key string) (*haechi.Device, error) {
	d, err := scanDevice(s.state.r.QueryRowContext(ctx, "SELECT "+deviceColumns+" FROM devices WHERE key = ?", key).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &d, err
}

func scanDevice(scan func(...any) error) (d haechi.Device, err error) {
	var status string
	var changed, first, seen, ping int64
	if err := scan(&d.Key, &d.Bot, &d.Serial, &d.Service, &status, &d.Reason, &d.By, &changed, &d.ClientType, &d.Version,
		&d.Addr, &first, &seen, &ping); err != nil {
		return d, err
	}
	d.ChangedAt, d.FirstSeen, d.LastSeen, d.LastPing = moment(changed), moment(first), moment(seen), moment(ping)
	d.Status, err = haechi.ParseDeviceStatus(status)
	return d, err
}

// SaveDevice inserts or replaces a registry entry; its keys are left alone. It is
// durable on return.
func (s *Store) SaveDevice(ctx context.Context, d *haechi.Device) error {
	return s.SaveDevices(ctx, []haechi.Device{*d})
}

// SaveDevices saves many in one durable step, for the times of their last ping.
func (s *Store) SaveDevices(ctx context.Context, devices []haechi.Device) error {
	err := s.inState(ctx, "save devices", func(tx *sql.Tx) error {
		for i := range devices {
			d := &devices[i]
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO devices ("+deviceColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
				d.Key, d.Bot, d.Serial, d.Service, d.Status.String(), d.Reason, d.By, nanos(d.ChangedAt), d.ClientType, d.Version,
				d.Addr, nanos(d.FirstSeen), nanos(d.LastSeen), nanos(d.LastPing)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range devices {
		s.mark(devices[i].Key)
	}
	return nil
}

// DeleteDevice takes a device and its keys out of the registry; one that is not
// there is no error. What was recorded about it goes with EraseDevice.
func (s *Store) DeleteDevice(ctx context.Context, key string) error {
	err := s.inState(ctx, "delete a device", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM device_keys WHERE device = ?", key); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM devices WHERE key = ?", key)
		return err
	})
	if err == nil {
		s.mark(key)
	}
	return err
}

// Keys returns a device's keys with their secrets, oldest first.
func (s *Store) Keys(ctx context.Context, device string) ([]haechi.Key, error) {
	rows, err := s.state.r.QueryContext(ctx,
		"SELECT id, secret, salt, created_ns, until_ns FROM device_keys WHERE device = ? ORDER BY created_ns, id", device)
	if err != nil {
		return nil, failure("read keys", err)
	}
	defer rows.Close()
	var out []haechi.Key
	for rows.Next() {
		var k haechi.Key
		var secret, salt []byte
		var created, until int64
		if err := rows.Scan(&k.ID, &secret, &salt, &created, &until); err != nil {
			return nil, failure("read keys", err)
		}
		k.Secret, k.Salt, k.Created, k.Until = secret, salt, moment(created), moment(until)
		out = append(out, k)
	}
	return out, failure("read keys", rows.Err())
}

// SaveKey inserts or replaces a key. It is durable on return.
func (s *Store) SaveKey(ctx context.Context, device string, k *haechi.Key) error {
	return s.inState(ctx, "save a key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO device_keys (device, id, secret, salt, created_ns, until_ns) VALUES (?,?,?,?,?,?)",
			device, k.ID, append([]byte{}, k.Secret...), append([]byte{}, k.Salt...), nanos(k.Created), nanos(k.Until))
		return err
	})
}

// DeleteKey takes a key away; one that is not there is no error.
func (s *Store) DeleteKey(ctx context.Context, device, id string) error {
	return s.inState(ctx, "delete a key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM device_keys WHERE device = ? AND id = ?", device, id)
		return err
	})
}
