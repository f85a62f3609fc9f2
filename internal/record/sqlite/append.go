package sqlite

import (
	"context"
	"database/sql"
	"math"
	"time"

	"haechi"
	"haechi/internal/record"
)

// rowsAtOnce is how many rows one insert statement takes: a third less time for a
// row than one at a time; more gains nothing.
const rowsAtOnce = 32

// appendState is what Append keeps between batches; it is used under Store.mu.
type appendState struct {
	inserts  [places][shapes]inserts
	seenStmt *sql.Stmt
	enc      encoder
	args     []any
	sorted   [places][shapes][]*haechi.Event
	roll     rollup
	seen     seenSet
}

// Shapes of a row: with the rare columns or without.
const (
	shapePlain = iota
	shapeFull
	shapes
)

// inserts are the statements of one place and shape.
type inserts struct{ one, many *sql.Stmt }

func (a *appendState) prepare(ctx context.Context, db *sql.DB) (err error) {
	for p := range places {
		for shape, columns := range [shapes][]string{p.usual(), p.columns()} {
			in := &a.inserts[p][shape]
			if in.one, err = db.PrepareContext(ctx, p.insert(columns, 1)); err != nil {
				return failure("prepare", err)
			}
			if in.many, err = db.PrepareContext(ctx, p.insert(columns, rowsAtOnce)); err != nil {
				return failure("prepare", err)
			}
		}
	}
	a.seenStmt, err = db.PrepareContext(ctx, "INSERT OR IGNORE INTO seen (subject, minute) VALUES (?, ?)")
	return failure("prepare", err)
}

// Append writes the batch in one transaction, or nothing of it. An event without a
// time gets the present one.
func (s *Store) Append(ctx context.Context, b *record.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, projection := s.stale(ctx, b.Devices)
	err := s.inEvents(ctx, "append events", func(tx *sql.Tx) error {
		if err := s.write.events(ctx, tx, b.Events, s); err != nil {
			return err
		}
		if err := s.concluded(ctx, tx, b); err != nil {
			return err
		}
		if err := s.write.roll.save(ctx, tx); err != nil {
			return err
		}
		return project(ctx, tx, projection)
	})
	if err != nil {
		s.write.seen.forget()
		s.write.roll.reset()
		s.touchAll(changed)
	}
	return err
}

// concluded writes findings and incidents.
func (s *Store) concluded(ctx context.Context, tx *sql.Tx, b *record.Batch) error {
	for i := range b.Findings {
		if err := insertFinding(ctx, tx, &b.Findings[i]); err != nil {
			return err
		}
		s.write.roll.finding(&b.Findings[i])
	}
	for i := range b.Incidents {
		if err := saveIncident(ctx, tx, &b.Incidents[i]); err != nil {
			return err
		}
	}
	return nil
}

// events writes each event into its place and counts it.
func (a *appendState) events(ctx context.Context, tx *sql.Tx, events []haechi.Event, s *Store) error {
	a.sort(events, s.cfg.Now)
	for p := range places {
		for shape := range shapes {
			if err := a.insert(ctx, tx, p, shape); err != nil {
				return err
			}
		}
	}
	return a.seen.save(ctx, tx, a.seenStmt)
}

// sort puts each event to its place and shape, and counts it.
func (a *appendState) sort(events []haechi.Event, now func() time.Time) {
	for p := range a.sorted {
		for shape := range shapes {
			a.sorted[p][shape] = a.sorted[p][shape][:0]
		}
	}
	for i := range events {
		e := &events[i]
		if e.Time.IsZero() {
			e.Time = now()
		}
		p, shape := placeOf(e), shapeFull
		if plain(e) {
			shape = shapePlain
		}
		a.sorted[p][shape] = append(a.sorted[p][shape], e)
		a.roll.event(e)
		a.seen.event(e, a.enc.addr(e.Addr))
	}
}

// insert writes the events of one place and shape: whole strides first, then one by
// one.
func (a *appendState) insert(ctx context.Context, tx *sql.Tx, p place, shape int) error {
	rest, in := a.sorted[p][shape], a.inserts[p][shape]
	if len(rest) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	stmt, stride := tx.StmtContext(ctx, in.many), rowsAtOnce
	for len(rest) > 0 {
		if len(rest) < stride {
			stmt, stride = tx.StmtContext(ctx, in.one), 1
		}
		a.args = a.args[:0]
		for _, e := range rest[:stride] {
			a.args = a.enc.usual(a.args, p, e)
			if shape == shapeFull {
				a.args = a.enc.rare(a.args, e)
			}
		}
		if _, err := stmt.ExecContext(ctx, a.args...); err != nil {
			return err
		}
		rest = rest[stride:]
	}
	return nil
}

// finite keeps a number that JSON and a NOT NULL column can hold.
func finite(f float64) float64 {
	switch {
	case math.IsNaN(f):
		return 0
	case math.IsInf(f, 0):
		return math.Copysign(math.MaxFloat64, f)
	}
	return f
}
