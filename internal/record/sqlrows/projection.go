package sqlrows

import (
	"context"
	"database/sql"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
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

// projectAtOnce bounds how many changed entries one batch brings over, so that a change
// of the whole fleet holds up no events.
const projectAtOnce = 500

func (s *Store) takeDirty() []string {
	s.dirtyMu.Lock()
	defer s.dirtyMu.Unlock()
	if len(s.dirty) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(s.dirty))
	keys = keys[:min(len(keys), projectAtOnce)]
	for _, k := range keys {
		delete(s.dirty, k)
	}
	if len(s.dirty) == 0 {
		s.dirty = map[string]struct{}{} // a map never shrinks
	}
	return keys
}

// stale says what the projection lacks: the registry's present state of changed
// devices. Devices given by the caller count only where the registry does not know
// them. A registry that cannot be read leaves the projection for later: events do not
// wait for it.
func (s *Store) stale(ctx context.Context, given []haechi.Device) (changed []string, out projected) {
	changed = s.takeDirty()
	if len(changed)+len(given) == 0 {
		return changed, nil
	}
	out = projected{}
	keys := slices.Clone(changed)
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

func (s *Store) devicesByKey(ctx context.Context, keys []string) (projected, error) {
	out := projected{}
	for part := range slices.Chunk(keys, rowsTogether) {
		args := make([]any, len(part))
		for i, k := range part {
			args[i] = k
		}
		rows, err := s.state.R.QueryContext(ctx, "SELECT "+deviceColumns+" FROM devices WHERE `key` IN (?"+strings.Repeat(",?", len(part)-1)+")", args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			d, err := scanDevice(rows.Scan)
			if err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			out[d.Key] = &d
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// project writes kb_bot_devices. A row whose status somebody changed by hand is left
// until that change is taken up or put back; see HandChanges. What was written there
// last is not written again.
func (s *Store) project(ctx context.Context, tx *sql.Tx, p projected) error {
	var rows []projection
	for key, d := range p {
		if d == nil {
			if _, err := exec(ctx, tx, "DELETE FROM kb_bot_devices WHERE device_id = ?", key); err != nil {
				return err
			}
		} else if row := s.projection(d); !s.isProjected(key, row) {
			rows = append(rows, row)
		}
	}
	return strides(ctx, tx, s.write.project, rows, &s.write.args, s.write.breathe, func(args []any, row projection) []any { return append(args, row[:]...) })
}

// imprint stands for a projection that was written, which takes many times as much
// and would be held for every device. Its seeds are secret and random, so no two
// projections of one device share both halves but by a chance in 2^128.
type imprint [2]uint64

func (s *Store) imprint(row projection) imprint {
	return imprint{maphash.Comparable(s.write.seeds[0], row), maphash.Comparable(s.write.seeds[1], row)}
}

// isProjected reports whether the row is as it was last written. The caller holds mu.
func (s *Store) isProjected(key string, row projection) bool {
	last, ok := s.write.projected[key]
	return ok && last == s.imprint(row)
}

// projectedDone remembers what was written. The caller holds mu.
func (s *Store) projectedDone(p projected) {
	if s.write.projected == nil {
		s.write.projected = map[string]imprint{}
	}
	for key, d := range p {
		if d == nil {
			delete(s.write.projected, key)
		} else {
			s.write.projected[key] = s.imprint(s.projection(d))
		}
	}
}

// forgetProjected is for rows that somebody else wrote.
func (s *Store) forgetProjected(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.write.projected, key)
}

// The columns of a projection, those that the condition for writing over it reads last.
func projectedColumns() []string {
	return []string{"device_id", "device_name", "last_ping", "blocked_reason", "blocked_at", "service", "client_type", "client_version",
		"ip_address", "changed_by", "created_at", "updated_at", "status", "written_status"}
}

// projection are the values of projectedColumns.
type projection [14]any

func projectStatement(d *Dialect, rows int) string {
	c := projectedColumns()
	one := "(?" + strings.Repeat(",?", len(c)-1) + ")"
	return "INSERT INTO kb_bot_devices (" + strings.Join(c, ",") + ") VALUES " + one + strings.Repeat(","+one, rows-1) +
		d.Merge("kb_bot_devices", c[0], c[1:], "OLD.status = OLD.written_status OR OLD.status = NEW.status")
}

func (s *Store) projection(d *haechi.Device) projection {
	var reason, at any
	if d.Status == haechi.Blocked {
		reason, at = text(s.d.fit(d.Reason, maxLong)), s.second(d.ChangedAt)
	}
	status := d.Status.String()
	return projection{d.Key, text(d.Bot), s.second(d.LastPing), reason, at, text(d.Service), text(d.ClientType), text(d.Version),
		text(d.Addr), text(d.By), s.second(d.FirstSeen), s.second(d.ChangedAt), status, status}
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
		all := projected{}
		for i := range devices {
			all[devices[i].Key] = &devices[i]
		}
		return s.project(ctx, tx, all)
	})
}

// catchUp brings the projection up to date before a report reads it.
func (s *Store) catchUp(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		changed, p := s.stale(ctx, nil)
		if len(p) == 0 {
			return nil
		}
		if err := s.inEvents(ctx, "copy the device registry", func(tx *sql.Tx) error { return s.project(ctx, tx, p) }); err != nil {
			s.touchAll(changed)
			return err
		}
		s.projectedDone(p)
	}
}
