package sqlite

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
func project(ctx context.Context, tx *sql.Tx, p projected) error {
	for key, d := range p {
		if err := projectOne(ctx, tx, key, d); err != nil {
			return err
		}
	}
	return nil
}

func projectOne(ctx context.Context, tx *sql.Tx, key string, d *haechi.Device) error {
	if d == nil {
		_, err := tx.ExecContext(ctx, "DELETE FROM kb_bot_devices WHERE device_id = ?", key)
		return err
	}
	var reason, at any
	if d.Status == haechi.Blocked {
		reason, at = text(d.Reason), second(d.ChangedAt)
	}
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO kb_bot_devices (device_id, device_name, status, last_ping,
		blocked_reason, blocked_at, service, client_type, client_version, ip_address, changed_by, created_at, updated_at)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		key, text(d.Bot), d.Status.String(), second(d.LastPing), reason, at, text(d.Service), text(d.ClientType),
		text(d.Version), text(d.Addr), text(d.By), second(d.FirstSeen), second(d.ChangedAt))
	return err
}

func second(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// projectAll makes the projection anew at start: it may be behind after a kill, or
// somebody may have written to it.
func (s *Store) projectAll(ctx context.Context) error {
	devices, err := s.Devices(ctx)
	if err != nil {
		return err
	}
	return s.inEvents(ctx, "copy the device registry", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM kb_bot_devices"); err != nil {
			return err
		}
		for i := range devices {
			if err := projectOne(ctx, tx, devices[i].Key, &devices[i]); err != nil {
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
	err := s.inEvents(ctx, "copy the device registry", func(tx *sql.Tx) error { return project(ctx, tx, p) })
	if err != nil {
		s.touchAll(changed)
	}
	return err
}
