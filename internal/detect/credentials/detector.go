package credentials

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Attempts int           `least:"2" most:"100"` // default pairs of one source in a window
	Window   time.Duration // over which they are counted
	Idle     time.Duration // a source's incident is over after so long without a try
	Again    time.Duration // a host's incident is over after so long without a success
	Sources  int           `least:"16" most:"1000000"`
	Hosts    int           `least:"16" most:"1000000"`
}

// Defaults are the parameters as shipped. The worm of rows B10 and B11 tries about ten
// pairs in a row; who set up a device knows the one that it came with.
func Defaults() Config {
	return Config{Attempts: 3, Window: 5 * time.Minute, Idle: 15 * time.Minute, Again: 24 * time.Hour, Sources: 16384, Hosts: 16384}
}

// Detector finds default credentials. It is used by one goroutine.
type Detector struct {
	rule    detect.Rule
	site    detect.Site
	cfg     Config
	sources *lru.Table[netip.Prefix, source]
	hosts   *lru.Table[host, weak]
}

// source is who tries.
type source struct {
	attack   detect.Attack
	first    time.Time
	recent   []int64 // when it tried, Unix nanoseconds: the newest of the window
	attempts int     // since first
	entered  int
	hosts    []netip.Addr // tried, at most maxHosts
}

const maxHosts = 64

// host is one service of a host of ours, weak that it let a default pair in.
type host struct {
	addr     netip.Addr
	protocol string
}

func (k host) hash(h lru.Hash) lru.Hash { return h.Addr(k.addr).Text(k.protocol) }

type weak struct {
	attack  detect.Attack
	entered int
}

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, sources: lru.New[netip.Prefix, source](cfg.Sources, int64(cfg.Idle), lru.Prefix),
		hosts: lru.New[host, weak](cfg.Hosts, int64(cfg.Again), host.hash)}
}

// Refused counts sources and hosts that found no room.
func (d *Detector) Refused() uint64 { return d.sources.Refused() + d.hosts.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindAuth || !strings.HasPrefix(e.Type, "default:") || !e.Client.IsValid() || !e.Target.IsValid() {
		return out
	}
	if e.Outcome == haechi.Success && d.site.Internal(e.Target) {
		out = d.weak(e, out)
	}
	if d.site.Role(e.Addr)&detect.Scanner != 0 {
		return out
	}
	return d.tried(e, out)
}

// weak tells of a host of ours with a default password.
func (d *Detector) weak(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	w, _ := d.hosts.Use(host{e.Target, e.Protocol}, e.Time.UnixNano())
	if w == nil {
		return out
	}
	w.entered++
	f := d.finding(e, e.Time)
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: e.Target.String()}
	f.Want, f.For = haechi.Pass, 0
	f.Targets, f.Observed, f.Window = 1, float64(w.entered), d.cfg.Again
	f.Severity = min(d.rule.Severity, haechi.Medium)
	if !d.site.Internal(e.Addr) {
		f.Severity = min(d.rule.Severity, haechi.High)
	}
	f.Reasons = facts(w.entered, 1, w.entered)
	return w.attack.Tell(f, "host "+e.Target.String()+" "+e.Protocol, float64(w.entered), out)
}

// tried counts what a source tries.
func (d *Detector) tried(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	s, _ := d.sources.Use(e.Client, e.Time.UnixNano())
	if s == nil {
		return out
	}
	s.note(e, &d.cfg)
	if !s.attack.Open() && len(s.recent) < d.cfg.Attempts || s.entered == s.attempts {
		return out // who is always let in has the password
	}
	f := d.finding(e, s.first)
	f.Severity = min(d.rule.Severity, d.severity(e, s))
	if s.entered == 0 {
		f.Technique = "T1110.001"
	}
	f.Targets, f.Observed, f.Threshold, f.Window = uint64(len(s.hosts)), float64(s.attempts), float64(d.cfg.Attempts), d.cfg.Window
	f.Reasons = facts(s.attempts, len(s.hosts), s.entered)
	return s.attack.Tell(f, "tries", float64(s.attempts), out)
}

// note adds tries to the window, which slides, and to what the source did in all.
func (s *source) note(e *haechi.Event, cfg *Config) {
	from := e.Time.Add(-cfg.Window).UnixNano()
	kept := s.recent[:0]
	for _, at := range s.recent {
		if at > from {
			kept = append(kept, at)
		}
	}
	if len(kept) == 0 && !s.attack.Open() {
		*s = source{first: e.Time, recent: kept, hosts: s.hosts[:0]}
	}
	n := int(min(e.N(), uint64(cfg.Attempts)))
	for range n {
		kept = append(kept, e.Time.UnixNano())
	}
	s.recent = kept[max(0, len(kept)-cfg.Attempts):]
	s.attempts += int(e.N())
	if e.Outcome == haechi.Success {
		s.entered++
	}
	if len(s.hosts) < maxHosts && !slices.Contains(s.hosts, e.Target) {
		s.hosts = append(s.hosts, e.Target)
	}
}

// severity is one step higher once the source was let in.
func (d *Detector) severity(e *haechi.Event, s *source) haechi.Severity {
	severity := haechi.Medium
	if len(s.hosts) > 1 || !d.site.Internal(e.Addr) || !d.site.Internal(e.Target) {
		severity = haechi.High
	}
	if s.entered > 0 {
		severity++
	}
	return severity
}

func (d *Detector) finding(e *haechi.Event, first time.Time) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	f.User = ""
	f.First, f.Last = first, e.Time
	f.Target = netip.PrefixFrom(e.Target, e.Target.BitLen())
	f.Spoofable = e.Assurance < haechi.Handshaken
	f.Evidence = []haechi.Event{*e}
	return f
}

func facts(attempts, hosts, entered int) [4]haechi.Fact {
	return [4]haechi.Fact{{Name: "attempts", Value: float64(attempts)}, {Name: "hosts", Value: float64(hosts)}, {Name: "entered", Value: float64(entered)}}
}

// Tick implements the pipeline's detector.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	d.sources.Expire(now.Add(-d.cfg.Idle).UnixNano(), func(_ netip.Prefix, s *source) { out = s.attack.End(now, out) })
	d.hosts.Expire(now.Add(-d.cfg.Again).UnixNano(), func(_ host, w *weak) { out = w.attack.End(now, out) })
	return out
}
