package sqlrows

import (
	"context"
	"database/sql"
	"hash/maphash"
	"math"
	"strings"
	"time"

	"haechi"
	"haechi/internal/record"
)

// rowsAtOnce is how many rows one insert statement takes: with SQLite a third less
// time for a row than one at a time, and more gains nothing; with a database at the
// other end of a connection far less.
const rowsAtOnce = 32

// appendState is what Append keeps between batches; it is used under Store.mu.
type appendState struct {
	inserts  [places][shapes]inserts
	seenStmt inserts
	enc      encoder
	args     []any
	calm     bool // the batch is small enough to leave pauses in it
	blocks   blockWriter
	sorted   [places][shapes][]*haechi.Event
	roll     rollup
	seen     seenSet

	project   inserts
	projected map[string]imprint // as last written, by the seeds
	seeds     [2]maphash.Seed
}

// Shapes of a row: with the rare columns or without.
const (
	shapePlain = iota
	shapeFull
	shapes
)

// inserts are the statements of one place and shape.
type inserts struct{ one, many *sql.Stmt }

func (s *Store) prepare(ctx context.Context) (err error) {
	a := &s.write
	a.enc.d, a.seeds = &s.d, [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	for p := range places {
		for shape, columns := range [shapes][]string{p.usual(), p.columns()} {
			a.inserts[p][shape], err = prepareInserts(ctx, s.events.W, func(rows int) string { return p.insert(columns, rows) })
			if err != nil {
				return err
			}
		}
	}
	if s.d.Blocks {
		if a.blocks.stmt, err = s.events.W.PrepareContext(ctx, blockInsert); err != nil {
			return err
		}
	}
	a.seenStmt, err = prepareInserts(ctx, s.events.W, func(rows int) string {
		return "INSERT INTO seen (subject, minute) VALUES (?,?)" + strings.Repeat(",(?,?)", rows-1) + s.d.Keep("subject")
	})
	if err != nil {
		return err
	}
	a.project, err = prepareInserts(ctx, s.events.W, func(rows int) string { return projectStatement(&s.d, rows) })
	return err
}

func prepareInserts(ctx context.Context, db *sql.DB, text func(rows int) string) (in inserts, err error) {
	if in.one, err = db.PrepareContext(ctx, text(1)); err != nil {
		return in, err
	}
	in.many, err = db.PrepareContext(ctx, text(rowsAtOnce))
	return in, err
}

// Append writes the batch in one transaction, or nothing of it. An event without a
// time gets the present one. A batch with a number that is there already is not
// written again.
func (s *Store) Append(ctx context.Context, b *record.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, projection := s.stale(ctx, b.Devices)
	s.write.gather(b, s.cfg.Now)
	within := s.d.steady(ctx)
	err := s.inEvents(ctx, "append events", func(tx *sql.Tx) error {
		if known, err := s.arrived(within, tx, b.ID); known || err != nil {
			return err
		}
		if err := s.write.save(within, tx); err != nil {
			return err
		}
		if err := s.concluded(within, tx, b); err != nil {
			return err
		}
		return s.project(within, tx, projection)
	})
	s.write.settle(err)
	if err != nil {
		s.touchAll(changed)
		return err
	}
	s.projectedDone(projection)
	return nil
}

// arrived notes the batch's number, and reports whether it was there already: then
// everything in the batch is.
func (s *Store) arrived(ctx context.Context, tx *sql.Tx, id record.BatchID) (known bool, err error) {
	if id.Run == "" {
		return false, nil
	}
	n, err := exec(ctx, tx, "UPDATE batches SET seq = ?, arrived_ns = ? WHERE run = ? AND seq < ?",
		int64(id.Seq), s.cfg.Now().UnixNano(), id.Run, int64(id.Seq))
	if err != nil || n > 0 {
		return false, err
	}
	n, err = exec(ctx, tx, "INSERT INTO batches (run, seq, arrived_ns) VALUES (?,?,?)"+s.d.Keep("run"),
		id.Run, int64(id.Seq), s.cfg.Now().UnixNano())
	return n == 0, err
}

// concluded writes findings and incidents.
func (s *Store) concluded(ctx context.Context, tx *sql.Tx, b *record.Batch) error {
	for i := range b.Findings {
		if err := s.insertFinding(ctx, tx, &b.Findings[i]); err != nil {
			return err
		}
	}
	for i := range b.Incidents {
		if err := s.saveIncident(ctx, tx, &b.Incidents[i]); err != nil {
			return err
		}
	}
	return nil
}

// gather sorts, packs and counts a batch, before its transaction, which may run twice.
func (a *appendState) gather(b *record.Batch, now func() time.Time) {
	a.calm = len(b.Events) < hurry
	a.sort(b.Events, now)
	for i := range b.Findings {
		a.roll.finding(&b.Findings[i])
	}
}

// save writes each event into its place, what was seen, and the counts.
func (a *appendState) save(ctx context.Context, tx *sql.Tx) error {
	for p := range places {
		for shape := range shapes {
			if err := a.insert(ctx, tx, p, shape); err != nil {
				return err
			}
		}
	}
	if err := a.insertBlocks(ctx, tx); err != nil {
		return err
	}
	if err := a.seen.save(ctx, tx, a.seenStmt, &a.args, a.breathe); err != nil {
		return err
	}
	return a.roll.save(ctx, tx, a.enc.d)
}

// settle makes ready for the next batch. What is kept for it points to nothing of this
// one: a pointer to one event holds all that were queued with it.
func (a *appendState) settle(err error) {
	a.roll.reset()
	a.blocks.reset()
	for p := range a.sorted {
		for shape := range shapes {
			clear(a.sorted[p][shape])
			a.sorted[p][shape] = a.sorted[p][shape][:0]
		}
	}
	clear(a.args[:cap(a.args)])
	if err != nil {
		a.seen.forget()
		return
	}
	a.seen.saved()
}

// sort puts each event into a block, or to its place and shape, and counts it.
func (a *appendState) sort(events []haechi.Event, now func() time.Time) {
	for i := range events {
		e := &events[i]
		if e.Time.IsZero() {
			e.Time = now()
		}
		if a.enc.d.Blocks && ordinary(e) {
			a.add(e)
			continue
		}
		a.place(e)
		a.roll.event(e)
		a.seen.event(e, a.enc.addr(e.Addr), a.enc.d)
	}
	a.endBlocks()
}

// place puts an event to its place and shape.
func (a *appendState) place(e *haechi.Event) {
	p, shape := placeOf(e), shapeFull
	if plain(e) {
		shape = shapePlain
	}
	a.sorted[p][shape] = append(a.sorted[p][shape], e)
}

// insert writes the events of one place and shape: whole strides first, then one by
// one.
func (a *appendState) insert(ctx context.Context, tx *sql.Tx, p place, shape int) error {
	return strides(ctx, tx, a.inserts[p][shape], a.sorted[p][shape], &a.args, a.breathe, func(args []any, e *haechi.Event) []any {
		args = a.enc.usual(args, p, e)
		if shape == shapeFull {
			args = a.enc.rare(args, e)
		}
		return args
	})
}

// strides writes rows, many at once as long as there are many, with a pause after those.
// The slice of values is kept for the next time.
func strides[T any](ctx context.Context, tx *sql.Tx, in inserts, rest []T, args *[]any, pause func(), values func(args []any, row T) []any) error {
	if len(rest) == 0 {
		return nil
	}
	stmt, stride := tx.StmtContext(ctx, in.many), rowsAtOnce
	for len(rest) > 0 {
		if len(rest) < stride {
			stmt, stride = tx.StmtContext(ctx, in.one), 1
		}
		*args = (*args)[:0]
		for _, row := range rest[:stride] {
			*args = values(*args, row)
		}
		if _, err := stmt.ExecContext(ctx, *args...); err != nil {
			return err
		}
		if rest = rest[stride:]; stride > 1 {
			pause()
		}
	}
	return nil
}

// A batch of fewer rows than hurry is written with a breath after every rowsAtOnce of
// them, which take two to three times as long: else all who wait for an answer wait for
// the whole batch where there is one processor. Who has more to write than that has no
// time for pauses.
const (
	hurry  = 512
	breath = 50 * time.Microsecond
)

// breathe lets others have the processor. To yield would not do: Go asks what the network
// brought only once nothing else could run.
func (a *appendState) breathe() {
	if a.calm {
		time.Sleep(breath)
	}
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
