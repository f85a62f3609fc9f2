package record

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"haechi"
)

// session is the writing goroutine's own state.
type session struct {
	w       *Writer
	spare   pending // the half of the queue that is not being filled
	spool   *spool  // nil without a spool
	failing bool
	retryAt time.Time
	unseen  uint64 // lost observations that no system event has told of yet

	cramped bool // the disk had no room when it was last looked at
	looked  time.Time

	run string // names this run of the writer in the numbers of its batches
	seq uint64
}

// session opens the spool. Without one the writer still writes: records fail open.
func (w *Writer) session() *session {
	s := &session{w: w, run: strings.ToLower(rand.Text())}
	if w.cfg.SpoolPath == "" {
		return s
	}
	sp, err := openSpool(w.cfg.SpoolPath, w.cfg.SpoolMax)
	if err != nil {
		w.cfg.Log.Error("no spool: rows are dropped while the store fails", "err", err)
		w.setDegraded("the spool file cannot be used: " + err.Error())
		return s
	}
	s.spool, s.failing = sp, !sp.empty()
	w.count.spoolBytes.Store(sp.bytes())
	return s
}

func (s *session) close() error {
	if s.spool == nil {
		return nil
	}
	return s.spool.close()
}

// flush writes everything that waits, in batches.
func (s *session) flush(ctx context.Context) {
	p, dropped, unseen := s.w.queue.swap(&s.spare)
	s.drop(dropped, unseen)
	if s.failing {
		s.replay(ctx)
	}
	s.confess(&p)
	for rest := p; rest.rows() > 0; {
		var batch pending
		batch, rest = cut(rest, s.w.cfg.MaxBatch)
		s.write(ctx, &batch)
	}
	p.reset()
	s.spare = p
}

// cut splits off the first rows of p, at most limit; decisions and findings first.
func cut(p pending, limit int) (head, rest pending) {
	rest = p
	head.decisions, rest.decisions, limit = split(p.decisions, limit)
	head.Findings, rest.Findings, limit = split(p.Findings, limit)
	head.Incidents, rest.Incidents, limit = split(p.Incidents, limit)
	head.Devices, rest.Devices, limit = split(p.Devices, limit)
	head.Events, rest.Events, _ = split(p.Events, limit)
	return head, rest
}

func split[T any](rows []T, limit int) (head, rest []T, left int) {
	n := min(len(rows), limit)
	return rows[:n], rows[n:], limit - n
}

// confess puts a system event among the rows that says how many observations are
// missing from the records.
func (s *session) confess(p *pending) {
	if s.unseen == 0 || s.failing || !s.room() {
		return
	}
	p.Events = append(p.Events, haechi.Event{Time: s.w.cfg.Now().UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure,
		Severity: haechi.Medium, Reason: haechi.ReasonOverload, Count: s.unseen,
		Text: fmt.Sprintf("%d observations could not be recorded", s.unseen)})
	s.unseen = 0
}

// room reports whether events may be written.
func (s *session) room() bool {
	now := s.w.cfg.Now()
	if s.w.cfg.Room == nil || now.Sub(s.looked).Abs() < time.Second {
		return !s.cramped
	}
	was := s.cramped
	s.looked, s.cramped = now, !s.w.cfg.Room()
	switch {
	case s.cramped && !was:
		s.w.cfg.Log.Error("the disk is nearly full; events are counted and not recorded")
		s.w.setDegraded("the disk is nearly full: events are counted and not recorded; free some space or shorten the retention")
	case was && !s.cramped:
		s.w.cfg.Log.Info("the disk has room again")
		s.w.setDegraded("")
	}
	return !s.cramped
}

// spareDisk takes the events out of a batch that the disk has no room for.
func (s *session) spareDisk(p *pending) {
	var n uint64
	for i := range p.Events {
		n += p.Events[i].N()
	}
	s.drop(uint64(len(p.Events)), n)
	p.Events = nil
}

// write stores the batch, or spools it.
func (s *session) write(ctx context.Context, p *pending) {
	if len(p.Events) > 0 && !s.room() {
		s.spareDisk(p)
	}
	if p.rows() == 0 {
		return
	}
	s.seq++
	p.ID = BatchID{Run: s.run, Seq: s.seq}
	if s.failing {
		s.keep(rowsOf(p))
		return
	}
	n := p.rows()
	if err := s.store(ctx, p); err != nil {
		s.fail(err)
		s.keep(rowsOf(p)) // without the decisions, if those were stored
		return
	}
	s.w.count.written.Add(uint64(n))
}

// store writes decisions, then the rest. Decisions that were stored are taken out
// of p, so that they are not kept twice when the rest fails.
func (s *session) store(ctx context.Context, p *pending) error {
	if s.w.cfg.Attempt > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.w.cfg.Attempt)
		defer stop()
	}
	if len(p.decisions) > 0 {
		if s.w.cfg.Journal == nil {
			s.drop(uint64(len(p.decisions)), 0)
		} else if err := s.w.cfg.Journal.SaveDecisions(ctx, p.decisions); err != nil {
			return err
		}
		p.decisions = nil
	}
	if p.Len() == 0 {
		return nil
	}
	return s.w.store.Append(ctx, &p.Batch)
}

func (s *session) fail(err error) {
	s.w.count.failures.Add(1)
	s.retryAt = s.w.cfg.Now().Add(s.w.cfg.Retry)
	if !s.failing {
		s.w.cfg.Log.Error("the event store fails; rows are spooled", "err", err)
	}
	s.failing = true
	s.w.setState(State{Failing: true})
	s.w.setDegraded("the event store fails, rows are spooled: " + err.Error())
}

// keep puts rows into the spool and counts those that do not fit.
func (s *session) keep(rows []spooled) {
	kept := 0
	if s.spool != nil {
		var err error
		if kept, err = s.spool.add(rows); err != nil {
			s.w.cfg.Log.Debug("rows are lost", "err", err)
		}
		s.w.count.spoolBytes.Store(s.spool.bytes())
	}
	s.w.count.spooled.Add(uint64(kept))
	for _, r := range rows[kept:] {
		n := uint64(0)
		if r.Event != nil {
			n = r.Event.N()
		}
		s.drop(1, n)
	}
}

func (s *session) drop(rows, unseen uint64) {
	s.w.count.dropped.Add(rows)
	s.w.count.lost.Add(unseen)
	s.unseen += unseen
}

// rowsOf lists what goes to the spool. Each row knows its batch, since the store may
// hold the batch already: it failed, and nobody knows how far it came.
func rowsOf(p *pending) []spooled {
	rows := make([]spooled, 0, p.rows())
	add := func(r spooled) {
		r.Run, r.Seq = p.ID.Run, p.ID.Seq
		rows = append(rows, r)
	}
	for i := range p.decisions {
		add(spooled{Decision: &p.decisions[i]})
	}
	for i := range p.Findings {
		add(spooled{Finding: &p.Findings[i]})
	}
	for i := range p.Incidents {
		add(spooled{Incident: &p.Incidents[i]})
	}
	for i := range p.Devices {
		add(spooled{Device: &p.Devices[i]})
	}
	for i := range p.Events {
		add(spooled{Event: &p.Events[i]})
	}
	return rows
}
