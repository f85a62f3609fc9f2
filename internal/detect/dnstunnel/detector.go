package dnstunnel

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/brick/tally"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Window time.Duration `least:"1m" most:"24h"`     // over which names are counted
	Names  int           `least:"5" most:"1000"`     // so many different names of a domain are needed for a finding
	Points int           `least:"1" most:"12"`       // so many points are needed, see the package
	Idle   time.Duration `least:"10s" most:"24h"`    // an attack is over after so long without a name
	Flow   int64         `unit:"bytes" least:"1KiB"` // sent to port 53 by something that is no DNS, in a window
	Keys   int           `least:"16" most:"1000000"` // pairs of client and domain held at once
}

// Defaults are the parameters as shipped. Twenty names are more than a page or a mail
// needs of one domain in types that carry bytes, and what the slowest known tunnel asks
// within half a minute. Five points need at least three properties.
func Defaults() Config {
	return Config{Window: 15 * time.Minute, Names: 20, Points: 5, Idle: 10 * time.Minute, Flow: 1 << 20, Keys: 8192}
}

// Detector finds tunnels. It is used by one goroutine.
type Detector struct {
	rule  detect.Rule
	site  detect.Site
	cfg   Config
	keys  *lru.Table[key, carrier]
	flows *lru.Table[netip.Prefix, carrier]
}

// key is one client and one domain, or one client and one server.
type key struct {
	client netip.Prefix
	server netip.Addr // only without a domain
	domain uint64
}

func (k key) hash(h lru.Hash) lru.Hash { return h.Prefix(k.client).Addr(k.server).Number(k.domain) }

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, keys: lru.New[key, carrier](cfg.Keys, int64(cfg.Window), key.hash),
		flows: lru.New[netip.Prefix, carrier](max(cfg.Keys/8, 1), int64(cfg.Window), lru.Prefix)}
}

// Refused counts the lookups of pairs that found no room.
func (d *Detector) Refused() uint64 { return d.keys.Refused() + d.flows.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	switch e.Kind {
	case haechi.KindLookup:
		return d.lookup(e, out)
	case haechi.KindFlow:
		return d.flow(e, out)
	}
	return out
}

func (d *Detector) lookup(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if !e.Client.IsValid() || ordinary(e) {
		return out
	}
	k, sub := key{client: e.Client}, e.Name
	if at := detect.Domain(e.Name); at > 0 {
		k.domain, sub = tally.Hash(0, e.Name[at:], true), e.Name[:at-1]
	} else if at == 0 {
		return out // the domain itself carries nothing
	} else {
		k.server = e.Target
	}
	c, fresh := d.keys.Use(k, e.Time.UnixNano())
	if c == nil {
		return out
	}
	c.turn(e.Time, d.cfg.Window, fresh)
	c.add(e, sub)
	return d.judge(e, c, out)
}

// judge tells of the pair when it has enough names and points.
func (d *Detector) judge(e *haechi.Event, c *carrier, out []haechi.Finding) []haechi.Finding {
	names := c.seen.Count()
	if names < d.cfg.Names {
		return out
	}
	points := c.points(names)
	if points < d.cfg.Points {
		return out
	}
	severity := min(d.rule.Severity, severityOf(points-d.cfg.Points))
	if !c.attack.Due(severity, float64(c.lookups)) {
		c.attack.Touch(e.Time)
		return out
	}
	f := d.finding(e, c, severity)
	f.Observed, f.Threshold = float64(names), float64(d.cfg.Names)
	f.Reasons = [4]haechi.Fact{{Name: "names", Value: float64(names)}, {Name: "length", Value: c.length(), Unit: "bytes"},
		{Name: "carrying", Value: c.carrying(), Unit: "share"}, {Name: "points", Value: float64(points)}}
	return c.attack.Tell(f, "dns", float64(c.lookups), out)
}

// severityOf grades by the points above what is needed.
func severityOf(more int) haechi.Severity { return min(haechi.Low+haechi.Severity(more), haechi.High) }

func (d *Detector) finding(e *haechi.Event, c *carrier, s haechi.Severity) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	f.Severity, f.First, f.Last, f.Window = s, c.begin, e.Time, d.cfg.Window
	f.Spoofable = !c.proved
	if e.Target.IsValid() {
		f.Target, f.Targets = netip.PrefixFrom(e.Target, e.Target.BitLen()), 1
	}
	if d.site.Role(e.Addr)&detect.Directory != 0 {
		f.Want, f.For = haechi.Pass, 0 // it asks for others; cutting it off hits all of them
	}
	f.Evidence = []haechi.Event{*e}
	return f
}

// flow adds up what is sent to port 53 without being DNS.
func (d *Detector) flow(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.LocalPort != 53 || e.Phase != haechi.FlowEnd || e.Protocol == "dns" || e.State < haechi.FlowEstablished || !e.Client.IsValid() {
		return out
	}
	c, fresh := d.flows.Use(e.Client, e.Time.UnixNano())
	if c == nil {
		return out
	}
	c.turn(e.Time, d.cfg.Window, fresh)
	c.lookups++
	c.bytes += uint64(max(e.BytesIn, 0))
	c.proved = c.proved || e.Assurance >= haechi.Handshaken
	if c.bytes < uint64(d.cfg.Flow) || !c.attack.Due(haechi.Low, float64(c.bytes)) {
		return out
	}
	f := d.finding(e, c, min(d.rule.Severity, haechi.Medium))
	f.Observed, f.Threshold = float64(c.bytes), float64(d.cfg.Flow)
	f.Reasons[0] = haechi.Fact{Name: "bytes", Value: float64(c.bytes), Unit: "bytes"}
	return c.attack.Tell(f, "port 53", float64(c.bytes), out)
}

// Tick implements the pipeline's detector: it tells of what is over.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	until := now.Add(-d.cfg.Idle)
	for _, c := range d.keys.All() {
		if c.attack.Open() && c.attack.Last().Before(until) {
			out = c.attack.End(now, out)
		}
	}
	for _, c := range d.flows.All() {
		if c.attack.Open() && c.attack.Last().Before(until) {
			out = c.attack.End(now, out)
		}
	}
	old := now.Add(-max(d.cfg.Window, d.cfg.Idle)).UnixNano()
	d.keys.Expire(old, func(_ key, c *carrier) { out = c.attack.End(now, out) })
	d.flows.Expire(old, func(_ netip.Prefix, c *carrier) { out = c.attack.End(now, out) })
	return out
}
