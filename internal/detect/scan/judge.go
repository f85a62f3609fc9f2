package scan

import (
	"net/netip"
	"time"

	"haechi"
)

// quiet is the shortest silence that ends an incident; patience is how many of the
// mean pauses between its contacts do.
const (
	quiet    = 10 * time.Minute
	patience = 8
)

// many is how many bad contacts make a scan from outside more than a weak signal: the
// Internet is full of those that try a handful.
const many = 30

// judge tells of a source that is a scanner, or whose scan has grown. e is the event
// that it was seen with, if there was one.
func (d *Detector) judge(client netip.Prefix, s *source, e *haechi.Event, now time.Time, out []haechi.Finding) []haechi.Finding {
	t := s.more
	if t == nil || !d.scans(s) {
		return out
	}
	size := float64(t.amounts.contacts.Count())
	if !t.attack.Due(d.severity(s), size) {
		t.attack.Touch(time.Unix(0, t.lastBad))
		return out
	}
	f := d.finding(client, s, now)
	if e != nil {
		f.Evidence = []haechi.Event{*e}
	}
	return t.attack.Tell(f, "contacts", size, out)
}

// scans reports whether the source's contacts are a scan.
func (d *Detector) scans(s *source) bool {
	t := s.more
	if t.attack.Open() {
		return true
	}
	if t.bad == 0 {
		return false
	}
	if 2*int(t.badIn) > d.cfg.Ports { // else there cannot be so many, half of them bad
		if ports, wrong := t.portsOf(t.host, t.lastBad-int64(d.cfg.Window)); ports > d.cfg.Ports && 2*wrong >= ports {
			return true
		}
	}
	need := d.high
	if t.ratio < need {
		return false
	}
	if d.site.Internal(s.addr) && !t.ours {
		need *= 2
	}
	if a := &t.amounts; a.contacts.Count() < 2*min(a.hosts.Count(), a.ports.Count()) {
		if need *= 2; t.good > 0 {
			return false
		}
	}
	return t.ratio >= need
}

// severity is the rule's for a scanner of ours, less for one of the many outside.
func (d *Detector) severity(s *source) haechi.Severity {
	switch t := s.more; {
	case d.site.Internal(s.addr):
		return d.rule.Severity
	case t.amounts.contacts.Count() >= many:
		return min(d.rule.Severity, haechi.Medium)
	}
	return min(d.rule.Severity, haechi.Low)
}

func (d *Detector) finding(client netip.Prefix, s *source, now time.Time) haechi.Finding {
	t := s.more
	actor := haechi.Actor{Addr: s.addr, Client: client}
	if s.proved {
		actor.Assurance = haechi.Handshaken
	}
	f := d.rule.Finding(now, actor)
	f.Severity = d.severity(s)
	f.First, f.Last, f.Window, f.Spoofable = time.Unix(0, t.since).UTC(), time.Unix(0, t.lastBad).UTC(), d.cfg.Window, !s.proved
	contacts, hosts, ports := t.amounts.contacts.Count(), t.amounts.hosts.Count(), t.amounts.ports.Count()
	f.Observed, f.Threshold, f.Targets = float64(contacts), float64(d.cfg.Ports), hosts
	if hosts == 1 && t.target.IsValid() {
		f.Target = netip.PrefixFrom(t.target, t.target.BitLen())
	}
	f.Reasons = [4]haechi.Fact{{Name: "contacts", Value: float64(contacts)}, {Name: "ports", Value: float64(ports)}, {Name: "hosts", Value: float64(hosts)},
		{Name: "failed_share", Value: float64(t.bad) / float64(max(t.bad+t.good, 1)), Unit: "share"}}
	return f
}

// Tick implements the pipeline's detector: it judges contacts that nobody answered, and
// tells of what is over.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for client, s := range d.sources.All() {
		t := s.more
		if t == nil {
			continue
		}
		d.settle(s, now)
		if t.pending > 0 || t.attack.Open() || t.bad > 0 {
			out = d.judge(client, s, nil, now, out)
		}
		if t.attack.Open() && now.UnixNano()-t.lastBad > int64(d.silence(t)) {
			out = d.end(client, s, now, out)
		}
	}
	d.sources.Expire(now.Add(-d.cfg.Forget).UnixNano(), func(client netip.Prefix, s *source) {
		if s.more != nil && s.more.attack.Open() {
			out = d.end(client, s, now, out)
		}
	})
	return out
}

// silence is how long a scan must pause to be over.
func (d *Detector) silence(t *track) time.Duration {
	pause := time.Duration(t.lastBad-t.since) / time.Duration(max(t.bad, 1))
	return min(max(quiet, patience*pause), max(quiet, d.cfg.Forget))
}

// end tells of a scan that is over and forgets what led to it.
func (d *Detector) end(client netip.Prefix, s *source, now time.Time, out []haechi.Finding) []haechi.Finding {
	t := s.more
	t.attack.Note(d.finding(client, s, now))
	out = t.attack.End(now, out)
	t.restart()
	return out
}
