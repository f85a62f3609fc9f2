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
	for i := range s.silent {
		v.held.Add(-int64(s.silent[i].sweep(span, life, at)))
	}
}

// restAfter is how long a device must have proved nothing before [Verifier.Rest] takes it
// for silent.
const restAfter = 5 * time.Second

// Rest gives back the memory of what is made again from the keys once a silent device
// speaks. What it promises stays: the replay memory, and when each key was last used.
func (v *Verifier) Rest(now time.Time) {
	since := now.Add(-restAfter).UnixMilli()
	for i := range v.shards {
		s := &v.shards[i]
		s.mu.Lock()
		for _, d := range s.devices {
			d.rest(since)
		}
		s.hush(since)
		s.mu.Unlock()
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
		if q := s.quiet(name); q != nil && q.id.Value() == id && q.lastUse != 0 {
			return time.UnixMilli(q.lastUse).UTC()
		}
		return time.Time{}
	}
	for m := d.macs; m != nil; m = m.next {
		if m.id == id && m.lastUse != 0 {
			return time.UnixMilli(m.lastUse).UTC()
		}
	}
	return time.Time{}
}
