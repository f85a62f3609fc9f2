package hostflood

import (
	"time"

	"haechi"
	"haechi/internal/detect"
)

// The numbers that one detector adds up; each has its own few.
const most = 6

// machine is a detector of what the kernel counted for the whole machine.
type machine struct {
	rule   detect.Rule
	about  string
	window time.Duration
	quiet  time.Duration
	types  [most]string // what it adds up
	sums   [most]seconds
	read   func(n *[most]float64) reading
	attack ongoing
}

// Observe implements the pipeline's detector.
func (m *machine) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindCounted || e.Type == "" {
		return out
	}
	if e.Type == haechi.CountedAll { // what speaks against a flood was read as well
		return m.judge(e, out)
	}
	for i := range m.types {
		if m.types[i] == e.Type {
			m.sums[i].add(e.Time.Unix(), e.Duration, float64(e.N()))
		}
	}
	return out
}

func (m *machine) judge(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	var n [most]float64
	for i := range m.types {
		n[i] = m.sums[i].sum(e.Time.Unix(), m.window)
	}
	r := m.read(&n)
	r.severity = severity(&m.rule, r.observed, r.threshold)
	return m.attack.judge(&m.rule, m.about, m.window, r, e, out)
}

// Tick implements the pipeline's detector.
func (m *machine) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	return m.attack.tick(now, m.quiet, out)
}

// SYN finds handshakes that nobody completes.
type SYN struct{ machine }

// repeats is how often a SYN-ACK is sent again that nobody answers
// (net.ipv4.tcp_synack_retries), and dials how often a SYN (tcp_syn_retries).
const (
	repeats = 5
	dials   = 6
)

// NewSYN returns a detector of host_syn.
func NewSYN(rule detect.Rule, _ detect.Site, cfg SYNConfig) *SYN {
	d := &SYN{machine{rule: rule, about: "host:syn", window: cfg.Window, quiet: cfg.Quiet, types: [most]string{
		haechi.CountedCookiesSent, haechi.CountedCookiesValid, haechi.CountedSYNDropped, haechi.CountedSYNRepeated, haechi.CountedTCPDialed, haechi.CountedTCPAccepted}}}
	d.read = func(n *[most]float64) reading {
		cookies, dropped, waiting := max(n[0]-n[1], 0), n[2], max(n[3]-dials*n[4], 0)/repeats
		open := cookies + dropped + waiting
		r := reading{observed: open, threshold: float64(cfg.Syns), kind: "waiting"}
		switch {
		case cookies >= dropped && cookies >= waiting:
			r.kind = "cookies"
		case dropped >= waiting:
			r.kind = "dropped"
		}
		share := open / max(open+n[5], 1)
		r.facts = [3]haechi.Fact{{Name: "cookies", Value: cookies}, {Name: "dropped", Value: dropped}, {Name: "unfinished_share", Value: share, Unit: "share"}}
		if share < cfg.Share {
			r.observed = min(r.observed, r.threshold)
		}
		return r
	}
	return d
}

// UDP finds datagrams that nobody takes.
type UDP struct{ machine }

// NewUDP returns a detector of host_udp.
func NewUDP(rule detect.Rule, _ detect.Site, cfg UDPConfig) *UDP {
	d := &UDP{machine{rule: rule, about: "host:udp", window: cfg.Window, quiet: cfg.Quiet, types: [most]string{haechi.CountedUDPClosed, haechi.CountedUDPOverrun}}}
	d.read = func(n *[most]float64) reading {
		seconds := cfg.Window.Seconds()
		r := reading{observed: (n[0] + n[1]) / seconds, threshold: float64(cfg.Packets), kind: "closed",
			facts: [3]haechi.Fact{{Name: "closed", Value: n[0] / seconds}, {Name: "overrun", Value: n[1] / seconds}}}
		if n[1] > n[0] {
			r.kind = "overrun"
		}
		return r
	}
	return d
}

// ICMP finds floods of pings, and of answers to pings of others.
type ICMP struct{ machine }

// NewICMP returns a detector of host_icmp.
func NewICMP(rule detect.Rule, _ detect.Site, cfg ICMPConfig) *ICMP {
	d := &ICMP{machine{rule: rule, about: "host:icmp", window: cfg.Window, quiet: cfg.Quiet, types: [most]string{
		haechi.CountedEchoRequests, haechi.CountedEchoReplies, haechi.CountedEchoSent}}}
	d.read = func(n *[most]float64) reading {
		seconds := cfg.Window.Seconds()
		pings, unasked := n[0]/seconds, max(n[1]-n[2], 0)/seconds
		r := reading{observed: pings, threshold: float64(cfg.Packets), kind: "echo",
			facts: [3]haechi.Fact{{Name: "pings", Value: pings}, {Name: "unasked", Value: unasked}}}
		if over := unasked / float64(cfg.Replies) * r.threshold; over > pings {
			r.kind, r.observed = "smurf", over
		}
		return r
	}
	return d
}

// Fragments finds floods of fragments.
type Fragments struct{ machine }

// ofOne is how many fragments an honest datagram has at most: 65,535 bytes in packets of
// 1,500.
const ofOne = 45

// NewFragments returns a detector of host_fragments.
func NewFragments(rule detect.Rule, _ detect.Site, cfg FragmentConfig) *Fragments {
	d := &Fragments{machine{rule: rule, about: "host:fragments", window: cfg.Window, quiet: cfg.Quiet, types: [most]string{
		haechi.CountedFragments, haechi.CountedReassembled, haechi.CountedReassemblyFailed, haechi.CountedReassemblyLate, haechi.CountedOverlaps}}}
	d.read = func(n *[most]float64) reading {
		loose, odd := max(n[0]-ofOne*n[1], 0)/cfg.Window.Seconds(), max(n[2]-n[3], 0)+n[4]
		r := reading{observed: loose, threshold: float64(cfg.Packets), kind: "fragments",
			facts: [3]haechi.Fact{{Name: "loose", Value: loose}, {Name: "malformed", Value: odd}}}
		if over := odd / float64(cfg.Malformed) * r.threshold; over > loose {
			r.kind, r.observed = "malformed", over
		}
		return r
	}
	return d
}
