package tcpgate

import (
	"sync"
	"time"

	"haechi"
)

// window is the stretch of time over which the least rate is measured.
type window struct {
	from  time.Duration // since the start
	moved int64         // bytes before it
}

// resume runs the session until it is over, then leaves, or until it is parked.
func (s *session) resume() {
	for !s.ended() {
		s.mu.Lock()
		s.quiet = false
		s.mu.Unlock()
		var other sync.WaitGroup
		other.Go(s.down.run)
		s.up.run()
		other.Wait()
		if s.park() {
			return
		}
	}
	s.leave()
}

// wait says that the flow is about to wait for bytes, and sets its deadline. False
// means that it must not.
func (s *session) wait(f *flow) bool {
	if f.from.read.IsZero() {
		f.from.until(time.Now().Add(s.patience()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting = s.over == nil && !s.quiet && !f.finished
	return f.waiting
}

// awake says that it does not wait any more.
func (s *session) awake(f *flow) {
	s.mu.Lock()
	f.waiting = false
	s.mu.Unlock()
}

// patience is how long a flow waits before it looks around.
func (s *session) patience() time.Duration {
	cfg := &s.gate.cfg
	d := cfg.Idle
	if s.gate.deps.Lot != nil {
		d = min(d, cfg.Quiet)
	}
	if cfg.MinRate > 0 {
		d = min(d, cfg.RateWindow)
	}
	return d
}

// expired looks what the end of a wait means. True means that the flow has to stop.
func (s *session) expired(f *flow, now time.Time) bool {
	if s.ended() || !s.fast(now) {
		return true
	}
	silent := now.Sub(s.start) - time.Duration(s.last.Load())
	if silent >= s.gate.cfg.Idle {
		s.silent(silent)
		return true
	}
	if s.settle(f, silent) {
		return true
	}
	next := min(s.patience(), s.gate.cfg.Idle-silent)
	if q := s.gate.cfg.Quiet; silent < q {
		next = min(next, q-silent)
	}
	f.from.until(now.Add(max(next, time.Millisecond)))
	return false
}

// settle stops both flows once neither has had anything to do for a while, so that the
// session can be parked.
func (s *session) settle(f *flow, silent time.Duration) bool {
	other := &s.down
	if f.out {
		other = &s.up
	}
	if s.gate.deps.Lot == nil || silent < s.gate.cfg.Quiet || !s.up.from.ready.Load() || !s.down.from.ready.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quiet {
		return true
	}
	if !other.waiting || s.over != nil {
		return false
	}
	s.quiet = true
	_ = other.from.conn.SetReadDeadline(past()) // it waits: nobody sets another
	return true
}

// silent ends a session in which nothing has moved for too long.
func (s *session) silent(d time.Duration) {
	e := ending{reason: haechi.ReasonTimeout, rule: RuleIdle, verdict: haechi.Deny,
		observed: d.Seconds(), threshold: s.gate.cfg.Idle.Seconds()}
	e.refer(s)
	if s.finish(e) {
		s.gate.counts.idle.Add(1)
	}
}

// touch notes that bytes came. False means that they came too slowly.
func (s *session) touch(now time.Time, n int) bool {
	at := now.Sub(s.start)
	if s.gate.cfg.MinRate > 0 {
		s.mu.Lock()
		if at-time.Duration(s.last.Load()) >= s.gate.cfg.RateWindow { // silent for a whole window
			s.window = window{at, s.up.bytes.Load() + s.down.bytes.Load() - int64(n)}
		}
		s.mu.Unlock()
	}
	s.last.Store(int64(at))
	return s.fast(now)
}

// fast looks at the end of each window whether enough was moved in it.
func (s *session) fast(now time.Time) bool {
	least := s.gate.cfg.MinRate
	if least <= 0 {
		return true
	}
	at, total := now.Sub(s.start), s.up.bytes.Load()+s.down.bytes.Load()
	s.mu.Lock()
	long := at - s.window.from
	if long < s.gate.cfg.RateWindow {
		s.mu.Unlock()
		return true
	}
	moved := total - s.window.moved
	s.window = window{at, total}
	s.mu.Unlock()
	rate := float64(moved) / long.Seconds()
	if moved == 0 || rate >= float64(least) {
		return true
	}
	e := ending{reason: haechi.ReasonTimeout, rule: RuleSlow, verdict: haechi.Deny,
		observed: rate, threshold: float64(least), window: s.gate.cfg.RateWindow}
	if s.gate.cfg.Shadow {
		s.shadow(e)
		return true
	}
	s.refuse(haechi.KindFlow, e, &s.gate.counts.slow)
	return false
}
