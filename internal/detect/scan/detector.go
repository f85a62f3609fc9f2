package scan

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Detector finds scans. It is used by one goroutine.
type Detector struct {
	rule    detect.Rule
	site    detect.Site
	cfg     Config
	step    float64
	high    float64
	low     float64
	sources *lru.Table[netip.Prefix, source]
}

// highest bounds the ratio's logarithm, so that a source that turned honest is seen so
// within some dozens of contacts.
const highest = 100

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, step: cfg.step(), high: cfg.high(), low: cfg.low(),
		sources: lru.New[netip.Prefix, source](cfg.Sources, int64(time.Minute), lru.Prefix)}
}

// Refused counts contacts of sources that found no room.
func (d *Detector) Refused() uint64 { return d.sources.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	c, o := read(e)
	if o == none || d.site.Role(e.Addr)&(detect.Monitoring|detect.Scanner) != 0 {
		return out
	}
	s, fresh := d.sources.Use(e.Client, e.Time.UnixNano())
	if s == nil {
		return out
	}
	c.ours = d.site.Internal(e.Target)
	at := e.Start
	if at.IsZero() {
		at = e.Time
	}
	m := met{c, at.UnixNano(), o}
	if fresh {
		s.addr, s.first = e.Addr, m
		return out
	}
	s.proved = s.proved || e.Assurance >= haechi.Handshaken
	if s.more == nil {
		if s.first.host == c.host && s.first.port == c.port {
			if s.first.out != good && o != open {
				s.first.out = o
			}
			return out
		}
		s.more = &track{}
		d.meet(s, s.first)
	}
	d.meet(s, m)
	if o != good {
		s.more.target = e.Target
	}
	d.settle(s, e.Time)
	return d.judge(e.Client, s, e, e.Time, out)
}

// meet notes a contact, or what became of a known one.
func (d *Detector) meet(s *source, m met) {
	t := s.more
	if old := t.find(m.contact); old != nil {
		d.change(s, old, m.out)
		return
	}
	if t.knows(m.contact) {
		if m.out == bad && t.attack.Open() { // the filter knows too much of a large scan
			t.amounts.add(m.contact)
			t.lastBad = max(t.lastBad, m.at)
		}
		return
	}
	place := t.place(m.contact)
	if place == nil {
		if m.out == open {
			return // it is met again when it ends
		}
		t.remember(m.contact)
		place = &t.spare
	}
	*place = met{m.contact, m.at, open}
	if t.pending++; t.pending == 1 {
		t.oldest = m.at
	}
	t.oldest = min(t.oldest, m.at)
	if m.out != open {
		d.change(s, place, m.out)
	}
}

// change moves the ratio when a contact turns good or bad. What was good stays good.
func (d *Detector) change(s *source, m *met, to outcome) {
	t := s.more
	if to == m.out || to == open || m.out == good {
		return
	}
	if m.out == open {
		t.pending--
	} else {
		t.add(m, bad, -d.step)
		t.bad = max(t.bad, 1) - 1
	}
	if m != &t.spare {
		t.badIn += count(to == bad) - count(m.out == bad)
	}
	m.out = to
	if to == good {
		t.add(m, good, -d.step)
		t.good++
		t.noteGood(m.at, int64(d.cfg.Answer/4))
		d.calm(t)
		return
	}
	t.host, t.ours = m.host, m.ours
	if t.since == 0 || m.at-t.lastBad > int64(d.cfg.Forget) && !t.attack.Open() {
		t.restart()
		before := t.goodAfter(m.at, int64(d.cfg.Answer/4))
		if t.ratio = -d.step * float64(before); t.ratio <= d.low {
			t.ratio = 0
			return
		}
		t.good, t.since = uint32(before), m.at
	}
	t.lastBad = max(t.lastBad, m.at)
	t.bad++
	t.add(m, bad, d.step)
	t.amounts.add(m.contact)
}

func count(is bool) uint8 {
	if is {
		return 1
	}
	return 0
}

func (t *track) add(m *met, of outcome, step float64) {
	if of == bad && m.weak {
		step /= 2
	}
	t.ratio = min(t.ratio+step, highest)
}

// calm begins anew for a source that is honest so far.
func (d *Detector) calm(t *track) {
	if t.ratio <= d.low && !t.attack.Open() {
		t.restart()
	}
}

// restart forgets what spoke for a scan.
func (t *track) restart() {
	t.ratio, t.since, t.bad, t.good = 0, 0, 0, 0
	t.amounts.hosts.Reset()
	t.amounts.ports.Reset()
	t.amounts.contacts.Reset()
}

func (c *counted) add(m contact) {
	c.hosts.Add(m.host)
	c.ports.Add(distinct.Mix(uint64(m.port)))
	c.contacts.Add(m.hash())
}

// settle makes contacts bad that nobody answered for too long, the oldest first.
func (d *Detector) settle(s *source, now time.Time) {
	t := s.more
	for t.pending > 0 && now.UnixNano()-t.oldest > int64(d.cfg.Answer) {
		var oldest *met
		for i := range t.ring {
			if m := &t.ring[i]; m.out == open && (oldest == nil || m.at < oldest.at) {
				oldest = m
			}
		}
		if oldest == nil {
			return
		}
		if t.oldest = oldest.at; now.UnixNano()-oldest.at <= int64(d.cfg.Answer) {
			return
		}
		d.change(s, oldest, bad)
	}
}
