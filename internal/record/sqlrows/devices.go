package sqlrows

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"haechi"
)

const deviceColumns = "`key`, bot, serial, service, status, reason, changed_by, changed_ns, client_type, version, addr, " +
	"first_ns, seen_ns, ping_ns, label, uuid, skew_ns, skew_min_ns, skew_max_ns, skew_at_ns"

// Devices returns the whole registry, by key, with the keys' descriptions.
func (s *Store) Devices(ctx context.Context) ([]haechi.Device, error) {
	rows, err := s.state.R.QueryContext(ctx, "SELECT "+deviceColumns+" FROM devices ORDER BY `key`")
	if err != nil {
		return nil, s.failure("read devices", err)
	}
	defer rows.Close()
	out := []haechi.Device{}
	for rows.Next() {
		d, err := scanDevice(rows.Scan)
		if err != nil {
			return nil, s.failure("read devices", err)
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failure("read devices", err)
	}
	return out, s.failure("read devices", s.describeKeys(ctx, out))
}

// describeKeys fills in Keys; both lists are sorted by device.
func (s *Store) describeKeys(ctx context.Context, devices []haechi.Device) error {
	rows, err := s.state.R.QueryContext(ctx, "SELECT device, id, created_ns, until_ns, code, used_ns FROM device_keys ORDER BY device, created_ns")
	if err != nil {
		return err
	}
	defer rows.Close()
	at := 0
	for rows.Next() {
		var device string
		var k haechi.KeyInfo
		var created, until, used int64
		if err := rows.Scan(&device, &k.ID, &created, &until, &k.Code, &used); err != nil {
			return err
		}
		k.Created, k.Until, k.LastUse = moment(created), moment(until), moment(used)
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
	d, err := scanDevice(s.state.R.QueryRowContext(ctx, "SELECT "+deviceColumns+" FROM devices WHERE `key` = ?", key).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &d, err
}

func scanDevice(scan func(...any) error) (d haechi.Device, err error) {
	var status string
	var changed, first, seen, ping, at int64
	if err := scan(&d.Key, &d.Bot, &d.Serial, &d.Service, &status, &d.Reason, &d.By, &changed, &d.ClientType, &d.Version,
		&d.Addr, &first, &seen, &ping, &d.Label, &d.UUID, &d.Skew.Last, &d.Skew.Min, &d.Skew.Max, &at); err != nil {
		return d, err
	}
	d.Skew.At = moment(at)
	d.ChangedAt, d.FirstSeen, d.LastSeen, d.LastPing = moment(changed), moment(first), moment(seen), moment(ping)
	d.Status, err = haechi.ParseDeviceStatus(status)
	return d, err
}

// SaveDevice inserts or replaces a registry entry; its keys are left alone. It is
// durable on return.
func (s *Store) SaveDevice(ctx context.Context, d *haechi.Device) error {
	return s.SaveDevices(ctx, []haechi.Device{*d})
}

// SaveDevices saves many in one durable step; their keys are left alone.
func (s *Store) SaveDevices(ctx context.Context, devices []haechi.Device) error {
	return s.changing(ctx, "save devices", devices, func(tx *sql.Tx) error {
		for part := range slices.Chunk(devices, rowsTogether) {
			if err := putDevices(ctx, tx, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// rowsTogether is how many devices one statement reads or writes: with a database at
// the other end of a connection a fleet would take long one by one.
const rowsTogether = 50

func putDevice(ctx context.Context, tx *sql.Tx, d *haechi.Device) error {
	return putDevices(ctx, tx, []haechi.Device{*d})
}

func putDevices(ctx context.Context, tx *sql.Tx, ds []haechi.Device) error {
	args := make([]any, 0, 20*len(ds))
	for i := range ds {
		d := &ds[i]
		args = append(args, d.Key, d.Bot, d.Serial, d.Service, d.Status.String(), d.Reason, d.By, nanos(d.ChangedAt), d.ClientType, d.Version,
			d.Addr, nanos(d.FirstSeen), nanos(d.LastSeen), nanos(d.LastPing), d.Label, d.UUID, int64(d.Skew.Last), int64(d.Skew.Min), int64(d.Skew.Max), nanos(d.Skew.At))
	}
	one := "(?" + strings.Repeat(",?", len(args)/len(ds)-1) + ")"
	_, err := exec(ctx, tx, "REPLACE INTO devices ("+deviceColumns+") VALUES "+one+strings.Repeat(","+one, len(ds)-1), args...)
	return err
}

// SaveSeen writes what was seen of devices and the last use of their keys.
func (s *Store) SaveSeen(ctx context.Context, devices []haechi.Device) error {
	return s.changing(ctx, "save sightings", devices, func(tx *sql.Tx) error {
		for part := range slices.Chunk(devices, rowsTogether) {
			if err := putSeen(ctx, tx, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// sighting columns of a device and their values.
func sightings() (columns []string, of func(d *haechi.Device) []any) {
	return []string{"client_type", "version", "addr", "seen_ns", "ping_ns", "skew_ns", "skew_min_ns", "skew_max_ns", "skew_at_ns"},
		func(d *haechi.Device) []any {
			return []any{d.ClientType, d.Version, d.Addr, nanos(d.LastSeen), nanos(d.LastPing), int64(d.Skew.Last), int64(d.Skew.Min),
				int64(d.Skew.Max), nanos(d.Skew.At)}
		}
}

// putSeen updates some devices in one statement, and the last use of their keys in
// another.
func putSeen(ctx context.Context, tx *sql.Tx, ds []haechi.Device) error {
	columns, of := sightings()
	var set []string
	var args, keys []any
	for c, name := range columns {
		set = append(set, name+" = CASE `key`"+strings.Repeat(" WHEN ? THEN ?", len(ds))+" END")
		for i := range ds {
			args = append(args, ds[i].Key, of(&ds[i])[c])
		}
	}
	for i := range ds {
		keys = append(keys, ds[i].Key)
	}
	among := "(?" + strings.Repeat(",?", len(ds)-1) + ")"
	if _, err := exec(ctx, tx, "UPDATE devices SET "+strings.Join(set, ", ")+" WHERE `key` IN "+among, append(args, keys...)...); err != nil {
		return err
	}
	used, cases := []any(nil), 0
	for i := range ds {
		for _, k := range ds[i].Keys {
			used, cases = append(used, ds[i].Key, k.ID, nanos(k.LastUse), nanos(k.LastUse)), cases+1
		}
	}
	if cases == 0 {
		return nil
	}
	_, err := exec(ctx, tx, "UPDATE device_keys SET used_ns = CASE"+strings.Repeat(" WHEN device = ? AND id = ? AND used_ns < ? THEN ?", cases)+
		" ELSE used_ns END WHERE device IN "+among, append(used, keys...)...)
	return err
}

// changing runs one durable step about devices and then marks their projection as
// behind.
func (s *Store) changing(ctx context.Context, op string, devices []haechi.Device, f func(tx *sql.Tx) error) error {
	if err := s.inState(ctx, op, f); err != nil {
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
		_, err := tx.ExecContext(ctx, "DELETE FROM devices WHERE `key` = ?", key)
		return err
	})
	if err == nil {
		s.mark(key)
	}
	return err
}
