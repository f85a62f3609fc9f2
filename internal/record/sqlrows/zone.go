package sqlrows

import (
	"context"
	"database/sql"
	"time"
)

// zoneSpan is how far around the present the zone's offsets are kept.
const zoneSpan = 400 * 24 * time.Hour

// saveZone writes the offsets of the configured zone, so that a view can tell local
// hours, changes of the clocks included.
func (s *Store) saveZone(ctx context.Context) error {
	now := s.cfg.Now()
	return s.inEvents(ctx, "save the time zone", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM zone_offsets"); err != nil {
			return err
		}
		for at := now.Add(-zoneSpan); at.Before(now.Add(zoneSpan)); {
			from, until := at.In(s.cfg.Zone).ZoneBounds()
			name, seconds := at.In(s.cfg.Zone).Zone()
			if from.IsZero() {
				from = time.Unix(0, 0)
			}
			if until.IsZero() {
				until = time.Unix(1<<40, 0)
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO zone_offsets (from_unix, until_unix, seconds, name) VALUES (?,?,?,?)",
				from.Unix(), until.Unix(), seconds, name); err != nil {
				return err
			}
			at = until
		}
		return nil
	})
}
