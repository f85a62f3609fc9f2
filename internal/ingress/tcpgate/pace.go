package tcpgate

import (
	"haechi"
)

// unit is what bytes are charged in: the rest waits for more.
const unit = 1 << 10

// pace charges bytes against the client's rates, waits as long as they say, and
// refuses what would wait too long.
func (f *flow) pace(n int) bool {
	s, g := f.s, f.s.gate
	if !g.cfg.Paced || g.deps.Pacer == nil || s.conn.Actor.Allowed {
		return true
	}
	f.owed += n
	size := f.owed / unit * unit
	if size == 0 {
		return true
	}
	f.owed -= size
	v := g.deps.Pacer.Pace(g.cfg.Service, &s.conn.Actor, f.out, size, g.deps.Now())
	switch {
	case v.Action == haechi.Pass:
	case v.Shadow:
		s.shadow(fromVerdict(v))
	case v.Refuses():
		s.refuse(haechi.KindFlow, fromVerdict(v), &g.counts.rate)
		return false
	case v.Delay > 0:
		g.counts.delayed.Add(1)
		return s.pause(v.Delay)
	}
	return true
}
