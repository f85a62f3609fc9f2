package flood

import (
	"haechi"
	"haechi/internal/detect"
)

// Datagrams finds floods of UDP.
type Datagrams struct{ *engine }

// NewUDP returns a detector of udp_flood.
func NewUDP(rule detect.Rule, _ detect.Site, cfg RateConfig) *Datagrams {
	return &Datagrams{newEngine(rule, "udp", cfg.Window, 0, cfg.calm, cfg.judge)}
}

// judge compares the means of the window. What is observed is the number of packets, or
// of the volume in packets of the size that makes both limits one.
func (c RateConfig) judge(v *victim, sum cell, _, _ uint64) (verdict, bool) {
	return c.of(v, sum.packets, sum.bytes), true
}

func (c RateConfig) calm(v *victim, l amount, _ float64) bool { return c.within(v, l.packets, l.bytes) }

// within reports whether amounts of a window are none that is told of.
func (c RateConfig) within(v *victim, packets, bytes uint64) bool {
	r := c.of(v, packets, bytes)
	return r.observed <= r.threshold
}

func (c RateConfig) of(v *victim, packets, bytes uint64) verdict {
	seconds := c.Window.Seconds()
	rate, volume := float64(packets)/seconds, float64(bytes)/seconds
	r := verdict{observed: rate, threshold: float64(c.Packets), facts: [2]haechi.Fact{
		{Name: "port", Value: float64(v.port)}, {Name: "volume", Value: volume, Unit: "bytes"}}}
	if over := volume / float64(c.Bytes) * r.threshold; over > rate {
		r.observed = over
	}
	return r
}

// Observe implements the pipeline's detector.
func (d *Datagrams) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || e.Transport != haechi.UDP || !e.Target.IsValid() || e.Target.IsMulticast() || e.State == haechi.FlowAnswerOnly ||
		e.State == haechi.FlowUnknown { // nobody knows whether it was answered
		return out
	}
	if e.Before == haechi.FlowEstablished {
		return out // it was answered, and nothing more counts
	}
	s := see(e)
	if s.first {
		return d.begin(&s, e, out)
	}
	s.settled = e.Before != haechi.FlowUnknown && e.State == haechi.FlowEstablished && e.PacketsOut > 0
	return d.goOn(&s, e.PacketsOut > 0 && e.State != haechi.FlowRejected, e.State == haechi.FlowRejected, e, out)
}

// Pings finds floods of ICMP.
type Pings struct{ *engine }

// smurf is how many hosts must answer an echo that nobody sent.
const smurf = 100

// NewICMP returns a detector of icmp_flood.
func NewICMP(rule detect.Rule, _ detect.Site, cfg RateConfig) *Pings {
	calm := func(v *victim, l amount, _ float64) bool { return l.odd == 0 && l.begun < smurf && cfg.calm(v, l, 1) }
	return &Pings{newEngine(rule, "icmp", cfg.Window, 0, calm, func(v *victim, sum cell, _, _ uint64) (verdict, bool) {
		r := cfg.of(v, sum.packets, sum.bytes)
		r.facts[0] = haechi.Fact{Name: "type", Value: float64(v.port)}
		switch n := float64(v.from()); {
		case sum.odd > 0:
			// A datagram that cannot be put together is an attack at once.
			r.kind = "death"
			r.observed = max(r.observed, r.threshold*(1+1/float64(1+cfg.Packets)))
		case v.port == 0 && n >= smurf && r.observed <= r.threshold && float64(sum.begun) >= n:
			r.kind = "smurf"
			r.observed = r.threshold * n / (smurf - 1)
		}
		return r, true
	})}
}

// Observe implements the pipeline's detector. A victim's port is the type of what it is
// sent.
func (d *Pings) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || e.Transport != haechi.ICMP && e.Transport != haechi.ICMPv6 || !e.Target.IsValid() || !echo(e) {
		return out
	}
	s := see(e)
	if s.port = uint16(e.First); e.First == 129 {
		s.port = 0 // an echo reply, as in IPv4
	}
	if s.first {
		return d.begin(&s, e, out)
	}
	return d.goOn(&s, false, false, e, out)
}

// echo reports requests of echo, time stamp and mask, and replies that nobody asked for.
// Other types are answers to something else.
func echo(e *haechi.Event) bool {
	switch e.First {
	case 8, 13, 15, 17, 128:
		return true
	case 0, 129:
		return e.State == haechi.FlowAnswerOnly
	}
	return false
}

// Fragments finds floods of fragments.
type Fragments struct{ *engine }

// NewFragments returns a detector of fragment_flood.
func NewFragments(rule detect.Rule, _ detect.Site, cfg RateConfig) *Fragments {
	calm := func(v *victim, l amount, _ float64) bool {
		return l.odd <= uint32(cfg.Packets) && cfg.within(v, uint64(l.fragments), 0)
	}
	return &Fragments{newEngine(rule, "fragments", cfg.Window, 0, calm, func(v *victim, sum cell, _, _ uint64) (verdict, bool) {
		r := cfg.of(v, uint64(sum.fragments), 0)
		r.facts[1] = haechi.Fact{Name: "malformed", Value: float64(sum.odd)}
		if sum.odd > uint32(cfg.Packets) { // as many in a window as are allowed of honest ones in a second
			r.kind = "malformed"
			r.observed = max(r.observed, r.threshold*float64(sum.odd)/float64(cfg.Packets))
		}
		return r, true
	})}
}

// Observe implements the pipeline's detector. Fragments of conversations with answers
// are honest: NFS over UDP has little else.
func (d *Fragments) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || e.Fragments == 0 && e.Malformed == 0 || !e.Target.IsValid() || e.Target.IsMulticast() {
		return out
	}
	s := see(e)
	if s.total.fragments == 0 {
		s.total.fragments = s.total.odd
	}
	if s.first {
		return d.begin(&s, e, out)
	}
	return d.goOn(&s, e.PacketsOut > 0 && e.Malformed == 0 && e.State != haechi.FlowRejected, false, e, out)
}
