package sqlrows

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"haechi"
)

// projected is what the projection of one device becomes; nil takes it away.
type projected map[string]*haechi.Device

// mark notes that a registry entry changed; the next batch brings it over.
func (s *Store) mark(key string) { s.touchAll([]string{key}) }

func (s *Store) touchAll(keys []string) {
	s.dirtyMu.Lock()
	defer s.dirtyMu.Unlock()
	for _, k := range keys {
		s.dirty[k] = struct{}{}
	}
}

func (s *Store) takeDirty() []string {
	s.dirtyMu.Lock()
	defer s.dirtyMu.Unlock()
	if len(s.dirty) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(s.dirty))
	clear(s.dirty)
	return keys
}

// stale says what the projection lacks: the registry's present state of every
// changed device. Devices given by the caller count only where the registry does
// not know them. A registry that cannot be read leaves the projection for later:
// events do not wait for it.
func (s *Store) stale(ctx context.Context, given []haechi.Device) (changed []string, out projected) {
	changed = s.takeDirty()
	if len(changed)+len(given) == 0 {
		return changed, nil
	}
	out = projected{}
	keys := changed
	for i := range given {
		out[given[i].Key] = &given[i]
		keys = append(keys, given[i].Key)
	}
	known, err := s.devicesByKey(ctx, keys)
	if err != nil {
		s.cfg.Log.Warn("the copy of the device registry is behind", "err", err)
		s.touchAll(keys)
		return nil, nil
	}
	for _, k := range keys {
		if d := known[k]; d != nil || out[k] == nil {
			out[k] = d
		}
	}
	return changed, out
}

// few is how many devices are read one by one rather than all at once.
const few = 32

func (s *Store) devicesByKey(ctx context.Context, keys []string) (projected, error) {
	out := projected{}
	if len(keys) > few {
		all, err := s.Devices(ctx)
		for i := range all {
			out[all[i].Key] = &all[i]
		}
		return out, err
	}
	for _, k := range keys {
		d, err := s.device(ctx, k)
		if err != nil {
			return nil, err
		}
		out[k] = d
	}
	return out, nil
}

// project writes kb_bot_devices.
func (s *Store) project(ctx context.Context, tx *sql.Tx, p projected) error {
	for key, d := range p {
		if err := s.projectOne(ctx, tx, key, d); err != nil {
			return err
		}
	}
	return nil
}

const projectedFields = `device_name = ?, status = ?, written_status = ?, last_ping = ?, blocked_reason = ?, blocked_at = ?,
	service = ?, client_type = ?, client_version = ?, ip_address = ?, changed_by = ?, created_at = ?, updated_at = ?`

// projectOne writes the row of one device, or takes it away. A row whose status
// somebody changed by hand is left until that change is taken up or put back; see
// HandChanges.
func (s *Store) projectOne(ctx context.Context, tx *sql.Tx, key string, d *haechi.Device) error {
	if d == nil {
		_, err := exec(ctx, tx, "DELETE FROM kb_bot_devices WHERE device_id = ?", key)
		return err
	}
	values := s.projection(d)
	n, err := exec(ctx, tx, "UPDATE kb_bot_devices SET "+projectedFields+" WHERE device_id = ? AND (status = written_status OR status = ?)",
		append(values, key, d.Status.String())...)
	if err != nil || n > 0 {
		return err
	}
	_, err = exec(ctx, tx, `INSERT INTO kb_bot_devices (device_name, status, written_status, last_ping, blocked_reason, blocked_at,
		service, client_type, client_version, ip_address, changed_by, created_at, updated_at, device_id)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`+s.d.Keep("device_id"), append(values, key)...)
	return err
}

// projection lists the values of projectedFields.
func (s *Store) projection(d *haechi.Device) []any {
	var reason, at any
	if d.Status == haechi.Blocked {
		reason, at = text(s.d.fit(d.Reason, maxLong)), s.second(d.ChangedAt)
	}
	status := d.Status.String()
	return []any{text(d.Bot), status, status, s.second(d.LastPing), reason, at, text(d.Service), text(d.ClientType),
		text(d.Version), text(d.Addr), text(d.By), s.second(d.FirstSeen), s.second(d.ChangedAt)}
}

func (s *Store) second(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return s.d.stamp(t)
}

// projectAll makes the projection anew at start: it may be behind after a kill. What
// somebody changed in it by hand meanwhile stays for HandChanges.
func (s *Store) projectAll(ctx context.Context) error {
	devices, err := s.Devices(ctx)
	if err != nil {
		return err
	}
	return s.inEvents(ctx, "copy the device registry", func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, "DELETE FROM kb_bot_devices WHERE status = written_status"); err != nil {
			return err
		}
		for i := range devices {
			if err := s.projectOne(ctx, tx, devices[i].Key, &devices[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// catchUp brings the projection up to date before a report reads it.
func (s *Store) catchUp(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, p := s.stale(ctx, nil)
	if len(p) == 0 {
		return nil
	}
	err := s.inEvents(ctx, "copy the device registry", func(tx *sql.Tx) error { return s.project(ctx, tx, p) })
	if err != nil {
		s.touchAll(changed)
	}
	return err
}
