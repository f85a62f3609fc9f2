package foreign

import (
	"net/netip"
	"slices"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Idle      time.Duration `least:"1m"` // an incident is over after so long without an alert
	Incidents int           `least:"1" most:"10000"`
	Sources   int           `least:"16" most:"1000000"`
}

// Defaults are the parameters as shipped. More than one new incident a minute is more than
// anybody reads.
func Defaults() Config { return Config{Idle: time.Hour, Incidents: 60, Sources: 16384} }

// Detector takes over alerts. It is used by one goroutine.
type Detector struct {
	rule    detect.Rule
	site    detect.Site
	cfg     Config
	matters *lru.Table[matter, course]
	crowds  [haechi.High + 1]crowd // by severity
}

// matter is what an incident is about.
type matter struct {
	source   netip.Prefix
	category string
}

func (m matter) hash(h lru.Hash) lru.Hash { return h.Prefix(m.source).Text(m.category) }

// course is what was alerted about since first.
type course struct {
	attack     detect.Attack
	first      time.Time
	last       time.Time
	alerts     uint64
	blocked    uint64
	severity   haechi.Severity
	signatures []string     // at most maxKept
	targets    []netip.Addr // at most maxKept
}

const maxKept = 32

// crowd bounds the incidents of a severity.
type crowd struct {
	hour int64 // Unix hours
	told int   // incidents that began in it
	rest course
}

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, matters: lru.New[matter, course](cfg.Sources, int64(cfg.Idle), matter.hash)}
}

// Refused counts sources that found no room.
func (d *Detector) Refused() uint64 { return d.matters.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindAlert || !e.Client.IsValid() || d.site.Role(e.Addr)&detect.Scanner != 0 {
		return out
	}
	severity := min(e.Severity, haechi.High, d.rule.Severity)
	crowd := &d.crowds[severity]
	c, _ := d.matters.Use(matter{e.Client, e.Class}, e.Time.UnixNano())
	if c == nil || !c.attack.Open() && !crowd.room(e.Time, d.cfg.Incidents) {
		crowd.rest.note(e, severity)
		return d.tell(e, &crowd.rest, true, out)
	}
	c.note(e, severity)
	return d.tell(e, c, false, out)
}

// room reports whether another incident may begin, and counts it.
func (c *crowd) room(at time.Time, most int) bool {
	if hour := at.Unix() / 3600; hour != c.hour {
		c.hour, c.told = hour, 0
	}
	if c.told >= most {
		return false
	}
	c.told++
	return true
}

func (c *course) note(e *haechi.Event, severity haechi.Severity) {
	if c.alerts == 0 {
		c.first = e.Time
	}
	c.last = e.Time
	c.alerts += e.N()
	c.severity = max(c.severity, severity)
	if e.Outcome == haechi.Failure {
		c.blocked += e.N()
	}
	if len(c.signatures) < maxKept && !slices.Contains(c.signatures, e.Rule) {
		c.signatures = append(c.signatures, e.Rule)
	}
	if len(c.targets) < maxKept && !slices.Contains(c.targets, e.Target) {
		c.targets = append(c.targets, e.Target)
	}
}

// tell makes a finding where one is due: about the source, or about what many did.
func (d *Detector) tell(e *haechi.Event, c *course, many bool, out []haechi.Finding) []haechi.Finding {
	if !c.attack.Due(c.severity, float64(c.alerts)) {
		c.attack.Peak(float64(c.alerts), e.Time)
		return out
	}
	if many {
		f := d.finding(e, c, haechi.Actor{})
		f.About = haechi.Scope{Kind: haechi.ScopeService, Value: e.Sensor}
		return c.attack.Tell(f, "many "+c.severity.String(), f.Observed, out)
	}
	f := d.finding(e, c, haechi.Actor{Addr: e.Addr, Client: e.Client, Assurance: haechi.Seen})
	return c.attack.Tell(f, e.Class, f.Observed, out)
}

func (d *Detector) finding(e *haechi.Event, c *course, source haechi.Actor) haechi.Finding {
	f := d.rule.Finding(e.Time, source)
	if e.Type != "" {
		f.Technique = e.Type
	}
	f.Want, f.For, f.Spoofable = haechi.Pass, 0, true
	f.Severity, f.First, f.Last, f.Window = c.severity, c.first, e.Time, d.cfg.Idle
	if f.Targets = uint64(len(c.targets)); len(c.targets) == 1 && e.Target.IsValid() {
		f.Target = netip.PrefixFrom(e.Target, e.Target.BitLen())
	}
	f.Observed = float64(c.alerts)
	f.Reasons = [4]haechi.Fact{{Name: "alerts", Value: f.Observed}, {Name: "signatures", Value: float64(len(c.signatures))},
		{Name: "hosts", Value: float64(len(c.targets))}, {Name: "blocked", Value: float64(c.blocked)}}
	f.Evidence = []haechi.Event{*e}
	return f
}

// Tick implements the pipeline's detector.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	since := now.Add(-d.cfg.Idle)
	d.matters.Expire(since.UnixNano(), func(_ matter, c *course) { out = c.attack.End(now, out) })
	for i := range d.crowds {
		if c := &d.crowds[i].rest; c.attack.Open() && !c.last.After(since) {
			out = c.attack.End(now, out)
			*c = course{}
		}
	}
	return out
}
