package app

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/detect"
	"haechi/internal/detect/baseline"
	"haechi/internal/detect/beacon"
	"haechi/internal/detect/brute"
	"haechi/internal/detect/credentials"
	"haechi/internal/detect/dnstunnel"
	"haechi/internal/detect/exfil"
	"haechi/internal/detect/flood"
	"haechi/internal/detect/foreign"
	"haechi/internal/detect/hostflood"
	"haechi/internal/detect/lateral"
	"haechi/internal/detect/rules"
	"haechi/internal/detect/scan"
	"haechi/internal/pipeline"
)

// networkKinds are the detectors of the network that a file in rules/network/ may
// name, each with the kinds of events that it looks at, and of flows over which transports and
// at which parts of them, if not all; a new one is one line here.
func networkKinds() []networkKind {
	return []networkKind{
		kind("dns_tunnel", dnstunnel.Defaults(), dnstunnel.New, haechi.KindLookup, haechi.KindFlow).at(ends),
		kind("c2_beacon", beacon.Defaults(), beacon.New, haechi.KindLookup, haechi.KindHello, haechi.KindRequest, haechi.KindFlow, haechi.KindTurn).over(haechi.TCP, haechi.TransportNone),
		kind("exfiltration", exfil.Defaults(), exfil.New, haechi.KindLookup, haechi.KindHello, haechi.KindRequest, haechi.KindFlow).at(opens, goesOn, ends),
		kind("anomaly", baseline.Defaults(), baseline.New, haechi.KindFlow, haechi.KindMessage, haechi.KindRequest, haechi.KindAuth, haechi.KindConnect).at(fails, ends),
		kind("lateral_movement", lateral.Defaults(), lateral.New, haechi.KindCall, haechi.KindFlow).at(begins, opens, goesOn, ends),
		kind("brute_force", brute.Defaults(), brute.New, haechi.KindAuth, haechi.KindRequest),
		kind("default_credentials", credentials.Defaults(), credentials.New, haechi.KindAuth),
		kind("telnet", credentials.TelnetDefaults(), credentials.NewTelnet, haechi.KindFlow, haechi.KindAuth).at(fails, ends),
		kind("port_scan", scan.Defaults(), scan.New, haechi.KindFlow),
		kind("syn_flood", flood.SYNDefaults(), flood.NewSYN, haechi.KindFlow).over(haechi.TCP).at(begins, waits, fails, opens),
		kind("udp_flood", flood.UDPDefaults(), flood.NewUDP, haechi.KindFlow).over(haechi.UDP).at(begins, waits, fails, opens),
		kind("icmp_flood", flood.ICMPDefaults(), flood.NewICMP, haechi.KindFlow).over(haechi.ICMP, haechi.ICMPv6),
		kind("fragment_flood", flood.FragmentDefaults(), flood.NewFragments, haechi.KindFlow).at(),
		kind("amplification", flood.AmplificationDefaults(), flood.NewAmplification, haechi.KindFlow).over(haechi.TCP, haechi.UDP).at(waits, fails, opens, goesOn, ends),
		kind("http_flood", flood.HTTPDefaults(), flood.NewHTTP, haechi.KindRequest),
		kind("foreign_alert", foreign.Defaults(), foreign.New, haechi.KindAlert),
		kind("slow_http", flood.SlowDefaults(), flood.NewSlow, haechi.KindFlow).over(haechi.TCP).at(opens, goesOn, ends),
	}
}

// hostKinds are the detectors of what the kernel counts that a file in rules/network/ may
// name; a new one is one line here.
func hostKinds() []networkKind {
	return []networkKind{
		kind("host_syn", hostflood.SYNDefaults(), hostflood.NewSYN, haechi.KindCounted),
		kind("host_udp", hostflood.UDPDefaults(), hostflood.NewUDP, haechi.KindCounted),
		kind("host_icmp", hostflood.ICMPDefaults(), hostflood.NewICMP, haechi.KindCounted),
		kind("host_fragments", hostflood.FragmentDefaults(), hostflood.NewFragments, haechi.KindCounted),
		kind("bandwidth", hostflood.BandwidthDefaults(), hostflood.NewBandwidth, haechi.KindCounted),
	}
}

// networkSite is what the configuration says about the networks that are ours.
func networkSite(s *config.Site) *detect.Ours {
	return detect.NewSite(s.Networks, map[detect.Role][]netip.Prefix{detect.Monitoring: s.Monitoring, detect.Backup: s.Backup,
		detect.Directory: s.Directory, detect.Scanner: s.Scanner, detect.Admin: s.Admin})
}

// networkKind is a detector with what its file may set.
type networkKind struct {
	name     string
	defaults any   // its Config
	hears    sorts // of events that it looks at
	build    func(detect.Rule, detect.Site, any) pipeline.Detector
}

func kind[C any, D pipeline.Detector](name string, defaults C, build func(detect.Rule, detect.Site, C) D, kinds ...haechi.Kind) networkKind {
	hears := sorts(0)
	for _, k := range kinds {
		hears |= ofKind(k)
	}
	return networkKind{name, defaults, hears, func(r detect.Rule, s detect.Site, cfg any) pipeline.Detector {
		if c, ok := cfg.(C); ok {
			return build(r, s, c)
		}
		return build(r, s, defaults)
	}}
}

// networkDefaults are the parameters of every detector, for [rules.Options].
func networkDefaults() map[string]any {
	out := map[string]any{}
	for _, k := range append(networkKinds(), hostKinds()...) {
		out[k.name] = k.defaults
	}
	return out
}

// networkDetectors makes fresh detectors of the rules that are not off, in the order of
// their ids. They belong to one goroutine.
func networkDetectors(set *rules.Set, site detect.Site) []pipeline.Detector {
	return detectorsOf(networkKinds(), set, site)
}

func detectorsOf(kinds []networkKind, set *rules.Set, site detect.Site) (out []pipeline.Detector) {
	for _, n := range set.Named() {
		for _, k := range kinds {
			if k.name == n.Detector {
				d := k.build(n.Rule, site, n.Config)
				_, remembers := d.(interface{ Keep(func([]byte)) })
				out = append(out, &counted{d, n, k.hears, !remembers})
			}
		}
	}
	return out
}

// counted tells the rule how much its detector found, and keeps from it what it does not
// look at: most detectors look at one kind of event in five.
type counted struct {
	pipeline.Detector
	rule  rules.Named
	hears sorts
	// idle says that it never saw an event and brought nothing with it, so that nothing can
	// be over: in a log most detectors have nothing to look at.
	idle bool
}

// Observe implements pipeline.Detector.
func (c *counted) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if !c.hears.has(e) {
		return out
	}
	before := len(out)
	c.idle = false
	out = c.Detector.Observe(e, out)
	if n := len(out) - before; n > 0 {
		c.rule.Fired(n)
	}
	return out
}

// Tick implements pipeline.Detector.
func (c *counted) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	if c.idle {
		return out
	}
	before := len(out)
	out = c.Detector.Tick(now, out)
	if n := len(out) - before; n > 0 {
		c.rule.Fired(n)
	}
	return out
}
