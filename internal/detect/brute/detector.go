package brute

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Failures int           `least:"2" most:"32"` // in a window, of one client by one protocol
	Window   time.Duration // over which failures and sources are counted
	Names    int           `least:"3" most:"64"` // different names in Slow
	Slow     time.Duration // over which names are counted
	Sources  int           `least:"3" most:"32"` // clients that fail at one name in a window
	Idle     time.Duration // an incident is over after so long without a failure
	Clients  int           `least:"16" most:"10000000"`
	Targets  int           `least:"16" most:"1000000"`
}

// Defaults are the parameters as shipped. Failures and window are the documents' (rows
// B91, B102). Ten names in a day are more than one person has. Eight clients that fail at
// one name within five minutes are no person with many devices.
func Defaults() Config {
	return Config{Failures: 5, Window: 5 * time.Minute, Names: 10, Slow: 24 * time.Hour, Sources: 8, Idle: 15 * time.Minute, Clients: 65536, Targets: 16384}
}

// key is one client by one protocol, at one path where that is all that is known.
type key struct {
	client   netip.Prefix
	protocol string
	path     uint64
}

// aim is one name at one server.
type aim struct {
	target   netip.Addr
	protocol string
	name     uint64
}

// Detector finds guessing. It is used by one goroutine.
type Detector struct {
	rule    detect.Rule
	cfg     Config
	clients *lru.Table[key, client]
	aims    *lru.Table[aim, victim]
	seed    maphash.Seed
}

// New returns a detector. Where the hosts are does not matter to it.
func New(rule detect.Rule, _ detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, cfg: cfg, seed: maphash.MakeSeed(), clients: lru.New[key, client](cfg.Clients, int64(cfg.Idle)),
		aims: lru.New[aim, victim](cfg.Targets, int64(cfg.Window))}
}

// Refused counts clients and names that found no room.
func (d *Detector) Refused() uint64 { return d.clients.Refused() + d.aims.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Sensor == "" || !e.Client.IsValid() {
		return out
	}
	switch {
	case e.Kind == haechi.KindAuth && e.Type != "publickey":
		return d.login(e, out)
	case e.Kind == haechi.KindRequest && e.Status == http.StatusUnauthorized:
		return d.challenged(e, out)
	}
	return out
}

func (d *Detector) login(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Outcome == haechi.Unknown {
		return out
	}
	c, _ := d.clients.Use(key{client: e.Client, protocol: e.Protocol}, e.Time.UnixNano())
	if c == nil {
		return out
	}
	name := d.hash(e.User)
	if e.Outcome == haechi.Success {
		return d.entered(e, c, name, out)
	}
	c.fail(e.Time, name, int(e.N()), &d.cfg)
	out = d.judge(e, c, d.rule.Severity, out)
	return d.aimed(e, name, out)
}

// challenged counts a request that was answered with 401 and of which no name is known.
func (d *Detector) challenged(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	c, _ := d.clients.Use(key{e.Client, e.Protocol, d.hash(e.Host + e.Path)}, e.Time.UnixNano())
	if c == nil {
		return out
	}
	c.fail(e.Time, 0, int(e.N()), &d.cfg)
	return d.judge(e, c, min(d.rule.Severity, haechi.Low), out)
}

func (d *Detector) hash(text string) uint64 {
	if text == "" {
		return 0
	}
	return maphash.String(d.seed, strings.ToLower(text)) | 1
}

// judge tells of a client with enough failures.
func (d *Detector) judge(e *haechi.Event, c *client, severity haechi.Severity, out []haechi.Finding) []haechi.Finding {
	fast := c.within(e.Time, d.cfg.Window) >= d.cfg.Failures
	slow := c.names.count() >= d.cfg.Names
	if !fast && !slow && !c.attack.Open() {
		return out
	}
	f := d.finding(e, c)
	f.Severity = severity
	if slow && !fast {
		f.Severity, f.Window = min(severity, haechi.Medium), d.cfg.Slow
		f.Observed, f.Threshold = float64(c.names.count()), float64(d.cfg.Names)
	}
	return c.attack.Tell(f, e.Protocol, float64(c.failures), out)
}

// entered is a success. After an incident it is what the incident was for.
func (d *Detector) entered(e *haechi.Event, c *client, name uint64, out []haechi.Finding) []haechi.Finding {
	if !c.attack.Open() {
		c.forgive(name)
		return out
	}
	f := d.finding(e, c)
	f.Severity = haechi.Critical
	f.Reasons[3] = haechi.Fact{Name: "entered", Value: 1}
	return c.attack.Tell(f, e.Protocol, float64(c.failures), out)
}

func (d *Detector) finding(e *haechi.Event, c *client) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	f.User = ""
	f.Spoofable = e.Assurance < haechi.Handshaken
	f.First, f.Last, f.Window = c.first, e.Time, d.cfg.Window
	f.Observed, f.Threshold = float64(c.failures), float64(d.cfg.Failures)
	if names := c.names.count(); names > 2 && 2*names >= c.failures {
		f.Technique = "T1110.003"
	}
	if e.Target.IsValid() {
		f.Target, f.Targets = netip.PrefixFrom(e.Target, e.Target.BitLen()), 1
	}
	f.Reasons = [4]haechi.Fact{{Name: "failures", Value: float64(c.failures)}, {Name: "names", Value: float64(c.names.count())},
		{Name: "time", Value: e.Time.Sub(c.first).Seconds(), Unit: "s"}}
	f.Evidence = []haechi.Event{*e}
	return f
}

// aimed counts the clients that fail at one name.
func (d *Detector) aimed(e *haechi.Event, name uint64, out []haechi.Finding) []haechi.Finding {
	if name == 0 {
		return out
	}
	v, _ := d.aims.Use(aim{e.Target, e.Protocol, name}, e.Time.UnixNano())
	if v == nil {
		return out
	}
	sources := v.add(d.hash(e.Client.String()), e.Time, d.cfg.Window)
	if sources < d.cfg.Sources {
		return out
	}
	f := d.rule.Finding(e.Time, haechi.Actor{})
	f.Technique, f.First, f.Last, f.Window = "T1110", v.first, e.Time, d.cfg.Window
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: e.Protocol}
	f.Spoofable = e.Assurance < haechi.Handshaken
	if e.Target.IsValid() {
		f.Target, f.Targets = netip.PrefixFrom(e.Target, e.Target.BitLen()), 1
	}
	f.Observed, f.Threshold = float64(sources), float64(d.cfg.Sources)
	f.Reasons = [4]haechi.Fact{{Name: "failures", Value: float64(v.failures)}, {Name: "names", Value: 1},
		{Name: "time", Value: e.Time.Sub(v.first).Seconds(), Unit: "s"}, {Name: "sources", Value: float64(sources)}}
	f.Evidence = []haechi.Event{*e}
	return v.attack.Tell(f, "distributed "+e.Protocol+" "+e.Target.String(), float64(v.failures), out)
}

// Tick implements the pipeline's detector.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, c := range d.clients.All() {
		if !c.attack.Open() {
			continue
		}
		if now.Sub(c.last) < d.cfg.Idle {
			break // those behind it were used later
		}
		out = c.attack.End(now, out)
		c.failures, c.ring = 0, [32]attempt{}
	}
	d.clients.Expire(now.Add(-max(d.cfg.Slow, d.cfg.Idle)).UnixNano(), func(_ key, c *client) { out = c.attack.End(now, out) })
	d.aims.Expire(now.Add(-d.cfg.Idle).UnixNano(), func(_ aim, v *victim) { out = v.attack.End(now, out) })
	return out
}
