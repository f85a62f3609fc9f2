package record

import (
	"context"
	"fmt"
)

// replayBatches is how many batches are written back before the writer looks at
// its queue again: a long spool must not make the queue overflow.
const replayBatches = 16

// replay writes the spool back, oldest first, once the store answers again. It
// ends the failing state when nothing is left in the file; until then new rows go
// to the file's end, so that an old state never overwrites a newer one.
func (s *session) replay(ctx context.Context) {
	if s.w.cfg.Now().Before(s.retryAt) {
		return
	}
	for n := 0; s.spool != nil && !s.spool.empty(); n++ {
		if n == replayBatches {
			s.catchingUp()
			return
		}
		rows, end, err := s.spool.next(s.w.cfg.MaxBatch)
		if err != nil {
			s.w.cfg.Log.Error("part of the spool is lost", "err", err)
		}
		p := unspool(rows)
		if err := s.store(ctx, &p); err != nil {
			s.fail(err)
			return
		}
		s.w.count.replayed.Add(uint64(len(rows)))
		if err := s.spool.done(end); err != nil {
			s.w.cfg.Log.Error("the spool cannot be moved on", "err", err)
			s.fail(err)
			return
		}
		s.w.count.spoolBytes.Store(s.spool.bytes())
	}
	s.failing = false
	s.w.setState(State{})
	s.w.setDegraded("")
	s.w.cfg.Log.Info("the event store answers")
}

// catchingUp says that the store answers and how much is left to write back.
func (s *session) catchingUp() {
	s.w.setState(State{CatchingUp: true})
	s.w.setDegraded(fmt.Sprintf("the event store answers again; %d KiB of spooled rows are being written back", s.spool.bytes()>>10))
}

func unspool(rows []spooled) (p pending) {
	if len(rows) > 0 {
		p.ID = rows[0].batch()
	}
	for _, r := range rows {
		switch {
		case r.Event != nil:
			p.Events = append(p.Events, *r.Event)
		case r.Finding != nil:
			p.Findings = append(p.Findings, *r.Finding)
		case r.Incident != nil:
			p.Incidents = append(p.Incidents, *r.Incident)
		case r.Device != nil:
			p.Devices = append(p.Devices, *r.Device)
		case r.Decision != nil:
			p.decisions = append(p.decisions, *r.Decision)
		}
	}
	return p
}
