package brute

import (
	"hash/maphash"
	"math/rand/v2"
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
	Sources  int           `least:"3" most:"32"` // clients that fail at one name, or one server, in a window
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

func (k key) hash(h lru.Hash) lru.Hash { return h.Prefix(k.client).Number(k.path).Text(k.protocol) }

// door is one protocol of one server.
type door struct {
	target   netip.Addr
	protocol string
}

func (k door) hash(h lru.Hash) lru.Hash { return h.Addr(k.target).Text(k.protocol) }

// aim is one name at a door.
type aim struct {
	door
	name uint64
}

func (k aim) hash(h lru.Hash) lru.Hash { return k.door.hash(h).Number(k.name) }

// guest is a client that was let in at a door.
type guest struct {
	door
	client netip.Prefix
}

func (k guest) hash(h lru.Hash) lru.Hash { return k.door.hash(h).Prefix(k.client) }

// Detector finds guessing. It is used by one goroutine.
type Detector struct {
	rule     detect.Rule
	cfg      Config
	clients  *lru.Table[key, client]
	services *lru.Table[door, service]
	aims     *lru.Table[aim, crowd]
	guests   *lru.Table[guest, struct{}]
	seed     maphash.Seed
	keyed    lru.Hash // as the seed, of addresses
}

// New returns a detector. Where the hosts are does not matter to it.
func New(rule detect.Rule, _ detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, cfg: cfg, seed: maphash.MakeSeed(), keyed: lru.Hash(rand.Uint64()), clients: lru.New[key, client](cfg.Clients, int64(cfg.Idle), key.hash),
		services: lru.New[door, service](cfg.Targets/4, int64(cfg.Idle), door.hash), aims: lru.New[aim, crowd](cfg.Targets, int64(cfg.Window), aim.hash),
		guests: lru.New[guest, struct{}](cfg.Clients, 0, guest.hash)}
}

// Refused counts clients and names that found no room.
func (d *Detector) Refused() uint64 {
	return d.clients.Refused() + d.services.Refused() + d.aims.Refused()
}

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Sensor == "" || !e.Client.IsValid() {
		return out
	}
	switch {
	case e.Kind == haechi.KindAuth && e.Type != "publickey":
		return d.login(e, e.Outcome, out)
	case e.Kind == haechi.KindRequest && e.Headers == 0:
		return d.request(e, out) // on the wire, what was sent with it is known, and told as a login
	}
	return out
}

func (d *Detector) login(e *haechi.Event, outcome haechi.Outcome, out []haechi.Finding) []haechi.Finding {
	switch outcome {
	case haechi.Success:
		return d.entered(e, out)
	case haechi.Failure:
		c, _ := d.clients.Use(key{client: e.Client, protocol: e.Protocol}, e.Time.UnixNano())
		if c == nil {
			return out
		}
		name := d.hash(e.User)
		c.fail(e.Time, name, int(e.N()), &d.cfg)
		c.servers.add(d.server(e.Target), e.Time.UnixNano(), d.cfg.Slow)
		if c.who == 0 {
			c.who = d.client(e.Client)
		}
		out = d.judge(e, c, d.rule.Severity, out)
		return d.crowded(e, name, c.who, out)
	}
	return out
}

// request judges a line of a web server's log. One with a name is a login. Of another, 401
// is a question that a browser may answer: it counts until the path is given out.
func (d *Detector) request(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	refused, given := e.Status == http.StatusUnauthorized, e.Status >= 200 && e.Status < 400
	switch {
	case e.User != "" && refused:
		return d.login(e, haechi.Failure, out)
	case e.User != "" && given:
		return d.login(e, haechi.Success, out)
	case !refused && !given:
		return out
	}
	k := key{e.Client, e.Protocol, d.hash(e.Host + e.Path)}
	if given {
		if c := d.clients.Peek(k); c != nil && !c.attack.Open() {
			c.reset()
		}
		return out
	}
	c, _ := d.clients.Use(k, e.Time.UnixNano())
	if c == nil {
		return out
	}
	c.fail(e.Time, 0, int(e.N()), &d.cfg)
	c.servers.add(d.server(e.Target), e.Time.UnixNano(), d.cfg.Slow)
	return d.judge(e, c, min(d.rule.Severity, haechi.Low), out)
}

func (d *Detector) hash(text string) uint64 {
	if text == "" {
		return 0
	}
	return maphash.String(d.seed, strings.ToLower(text)) | 1
}

// client is never 0.
func (d *Detector) client(p netip.Prefix) uint64 { return uint64(d.keyed.Prefix(p)) | 1 }

// server is 0 where none is known.
func (d *Detector) server(a netip.Addr) uint64 {
	if !a.IsValid() {
		return 0
	}
	return uint64(d.keyed.Addr(a)) | 1
}

// judge tells of a client with enough failures. Nearly every failure of an attack that is
// known is nothing new, at whatever severity.
func (d *Detector) judge(e *haechi.Event, c *client, severity haechi.Severity, out []haechi.Finding) []haechi.Finding {
	if !c.attack.Due(severity, float64(c.failures)) {
		c.attack.Touch(e.Time)
		return out
	}
	fast := c.within(e.Time, d.cfg.Window, d.cfg.Failures)
	slow := c.names.count() >= d.cfg.Names
	if !fast && !slow && !c.attack.Open() {
		return out
	}
	if slow && !fast {
		severity = min(severity, haechi.Medium)
	}
	if !c.attack.Due(severity, float64(c.failures)) { // a finding is dear to make
		c.attack.Touch(e.Time)
		return out
	}
	f := d.finding(e, c)
	f.Severity = severity
	if slow && !fast {
		f.Window = d.cfg.Slow
		f.Observed, f.Threshold = float64(c.names.count()), float64(d.cfg.Names)
	}
	return c.attack.Tell(f, e.Protocol, float64(c.failures), out)
}

// entered is a success. After an incident it is what the incident was for.
func (d *Detector) entered(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	name, at := d.hash(e.User), door{e.Target, e.Protocol}
	if c := d.clients.Peek(key{client: e.Client, protocol: e.Protocol}); c != nil && c.attack.Open() {
		c.entered++
		f := d.finding(e, c)
		f.Severity = haechi.Critical
		out = c.attack.Tell(f, e.Protocol, float64(c.failures), out)
	} else if c != nil {
		c.forgive(name)
	}
	who, failed := d.client(e.Client), false
	if v := d.aims.Peek(aim{at, name}); v != nil {
		failed = v.drop(who)
	}
	if s := d.services.Peek(at); s != nil {
		if failed = s.strangers.drop(who) || failed; failed && s.attack.Open() {
			f := d.serviceFinding(e, s, 0)
			f.Severity, f.Reasons[3].Value = haechi.Critical, 1
			out = s.attack.Tell(f, e.Protocol, float64(s.failures), out)
		}
	}
	d.guests.Use(guest{at, e.Client}, e.Time.UnixNano())
	return out
}

func (d *Detector) finding(e *haechi.Event, c *client) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	d.describe(&f, e)
	f.First, f.Observed, f.Threshold = c.first, float64(c.failures), float64(d.cfg.Failures)
	if names := c.names.count(); names > 2 && 2*names >= c.failures {
		f.Technique = "T1110.003"
	}
	f.Targets = uint64(c.servers.count())
	f.Reasons = facts(c.failures, c.names.count(), 1, c.entered)
	return f
}

func (d *Detector) describe(f *haechi.Finding, e *haechi.Event) {
	f.User = ""
	f.Spoofable = e.Assurance < haechi.Handshaken
	f.Last, f.Window = e.Time, d.cfg.Window
	if e.Target.IsValid() {
		f.Target = netip.PrefixFrom(e.Target, e.Target.BitLen())
	}
	f.Evidence = []haechi.Event{*e}
}

func facts(failures, names, sources, entered int) [4]haechi.Fact {
	return [4]haechi.Fact{{Name: "failures", Value: float64(failures)}, {Name: "names", Value: float64(names)},
		{Name: "sources", Value: float64(sources)}, {Name: "entered", Value: float64(entered)}}
}

// crowded counts the clients that fail at one name; and, where names are not seen, those
// that fail at a server which never let them in.
func (d *Detector) crowded(e *haechi.Event, name, who uint64, out []haechi.Finding) []haechi.Finding {
	at, now := door{e.Target, e.Protocol}, e.Time.UnixNano()
	s, _ := d.services.Use(at, now)
	if s == nil {
		return out
	}
	if !s.attack.Open() && e.Time.Sub(s.last) > d.cfg.Window {
		s.first, s.failures = e.Time, 0
	}
	s.last = e.Time
	s.failures += int(e.N())
	s.names.add(name, now, d.cfg.Slow)
	var v *crowd
	if name != 0 {
		v, _ = d.aims.Use(aim{at, name}, now)
	} else if d.guests.Peek(guest{at, e.Client}) == nil {
		v = &s.strangers
	}
	if v != nil {
		v.add(who, now)
	}
	return d.judgeService(e, s, v, out)
}

// judgeService tells of a server at which enough clients fail at one thing, v; nil: at one
// that nobody counts.
func (d *Detector) judgeService(e *haechi.Event, s *service, v *crowd, out []haechi.Finding) []haechi.Finding {
	if !s.attack.Due(d.rule.Severity, float64(s.failures)) {
		s.attack.Touch(e.Time)
		return out
	}
	sources := 0
	if v != nil {
		sources = v.since(e.Time.UnixNano() - int64(d.cfg.Window))
	}
	if sources < d.cfg.Sources && !s.attack.Open() {
		return out
	}
	severity := d.rule.Severity
	if v == &s.strangers || sources < d.cfg.Sources {
		severity = min(severity, haechi.Medium)
	}
	if !s.attack.Due(severity, float64(s.failures)) {
		s.attack.Touch(e.Time)
		return out
	}
	f := d.serviceFinding(e, s, sources)
	f.Severity = severity
	return s.attack.Tell(f, e.Protocol, float64(s.failures), out)
}

// serviceFinding is about the server: no client did much.
func (d *Detector) serviceFinding(e *haechi.Event, s *service, sources int) haechi.Finding {
	f := d.rule.Finding(e.Time, haechi.Actor{})
	d.describe(&f, e)
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: e.Protocol}
	if e.Target.IsValid() {
		f.About.Value += " " + e.Target.String()
	}
	f.Want, f.For = haechi.Pass, 0
	f.Technique, f.First, f.Targets = "T1110", s.first, 1
	f.Observed, f.Threshold = float64(sources), float64(d.cfg.Sources)
	f.Reasons = facts(s.failures, s.names.count(), sources, 0)
	return f
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
		c.reset()
	}
	d.clients.Expire(now.Add(-max(d.cfg.Slow, d.cfg.Idle)).UnixNano(), func(_ key, c *client) { out = c.attack.End(now, out) })
	d.services.Expire(now.Add(-d.cfg.Idle).UnixNano(), func(_ door, s *service) { out = s.attack.End(now, out) })
	d.aims.Expire(now.Add(-d.cfg.Idle).UnixNano(), nil)
	return out
}
