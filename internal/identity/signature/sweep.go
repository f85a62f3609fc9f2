package signature

import "time"

// sweepOnce gives back the memory of devices that fell silent, once a span. It
// must run before a shard is locked.
func (v *Verifier) sweepOnce(now time.Time) {
	span, last := now.UnixMilli()/v.span, v.swept.Load()
	if span == last || !v.swept.CompareAndSwap(last, span) {
		return
	}
	for i := range v.shards {
		v.sweepShard(&v.shards[i], span, now)
	}
}

func (v *Verifier) sweepShard(s *shard, span int64, now time.Time) {
	life, at := time.Duration(v.past+v.future)*time.Millisecond, v.since(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		v.held.Add(-int64(d.sweep(span, life, at)))
	}
}

// LastUse is when a key last proved a new frame, in steps of a millisecond; zero
// if it never did in this run. It tells whether an old key may be retired.
func (v *Verifier) LastUse(device, id string) time.Time {
	s, name := v.shard(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[name]
	if d == nil {
		return time.Time{}
	}
	for m := d.macs; m != nil; m = m.next {
		if m.id == id && m.lastUse != 0 {
			return time.UnixMilli(m.lastUse).UTC()
		}
	}
	return time.Time{}
}
