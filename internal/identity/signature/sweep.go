package signature

import "time"

// sweepOnce gives back the memory of devices that fell silent, once a span. It
// must run before a device is locked.
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
	life := time.Duration(v.past+v.future) * time.Millisecond
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.devices {
		d.mu.Lock()
		freed := d.sweep(span, life, now)
		d.mu.Unlock()
		v.held.Add(-int64(freed))
	}
}

// LastUse is when a key last proved a new frame, in steps of a millisecond; zero
// if it never did in this run. It tells whether an old key may be retired.
func (v *Verifier) LastUse(device, id string) time.Time {
	d := v.known(device)
	if d == nil {
		return time.Time{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.macs {
		if m.id == id && m.lastUse != 0 {
			return time.UnixMilli(m.lastUse).UTC()
		}
	}
	return time.Time{}
}
