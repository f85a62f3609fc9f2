package flood

import (
	"math/bits"
	"net/netip"
	"strconv"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Requests finds floods of HTTP requests.
type Requests struct {
	rule     detect.Rule
	site     detect.Site
	cfg      HTTPConfig
	clients  *lru.Table[caller, calls]
	services *lru.Table[service, load]
	open     detect.Underway
}

// service is where requests go: an address and port, or where a log names none, what it
// does name.
type service struct {
	addr netip.Addr
	port uint16
	name string
}

func (s service) hash(h lru.Hash) lru.Hash { return h.Addr(s.addr).Number(uint64(s.port)).Text(s.name) }

type caller struct {
	client netip.Prefix
	service
}

func (c caller) hash(h lru.Hash) lru.Hash { return c.service.hash(h.Prefix(c.client)) }

// calls is what one client asked one service for in the window.
type calls struct {
	since    int64
	requests uint32
	missing  uint32 // answered 404 or 410
	paths    [4]uint64
	actor    haechi.Actor
	attack   detect.Attack
	last     int64
	peak     float64
}

// load is what a service had. Cells are windows, of which six make a minute.
type load struct {
	window   int64
	requests [6]uint32
	errors   [6]uint32
	clients  [6]distinct.Counter
	seconds  [8]uint32
	second   int64
	learned  int64   // seconds that the base rests on
	base     float64 // requests of a second, in the mean
	high     int64
	peak     float64
	attack   detect.Attack
}

// NewHTTP returns a detector of http_flood.
func NewHTTP(rule detect.Rule, site detect.Site, cfg HTTPConfig) *Requests {
	return &Requests{rule: rule, site: site, cfg: cfg, clients: lru.New[caller, calls](4*victims, int64(cfg.Window), caller.hash),
		services: lru.New[service, load](512, int64(time.Minute), service.hash)}
}

// Refused counts what found no room.
func (d *Requests) Refused() uint64 { return d.clients.Refused() + d.services.Refused() }

// Observe implements the pipeline's detector.
func (d *Requests) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindRequest || !e.Client.IsValid() || d.site.Role(e.Addr)&(detect.Monitoring|detect.Scanner) != 0 {
		return out
	}
	where := service{e.Target, e.LocalPort, ""}
	if !e.Target.IsValid() {
		if where.name = e.Service; where.name == "" {
			where.name = e.Sensor
		}
	}
	if c, fresh := d.clients.Use(caller{e.Client, where}, e.Time.UnixNano()); c != nil {
		out = d.client(c, fresh, where, e, out)
		if c.attack.Open() {
			return out // what one client does is no crowd
		}
	}
	if l, _ := d.services.Use(where, e.Time.UnixNano()); l != nil {
		out = d.crowd(l, where, e, out)
	}
	return out
}

func (d *Requests) client(c *calls, fresh bool, where service, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	at := e.Time.UnixNano()
	if fresh || at-c.since > int64(d.cfg.Window) {
		c.since, c.requests, c.missing, c.paths = at, 0, 0, [4]uint64{}
	}
	c.actor = e.Actor
	c.requests += uint32(e.N())
	if e.Status == 404 || e.Status == 410 {
		c.missing += uint32(e.N())
	}
	h := pathHash(e.Path)
	c.paths[h>>6&3] |= 1 << (h & 63)
	observed, limit, kind := float64(c.requests), float64(d.cfg.Client), "requests"
	if float64(c.missing) >= 0.8*float64(c.requests) && spread(c.paths) > fewPaths && d.cfg.Missing < d.cfg.Client {
		observed, limit, kind = float64(c.missing), float64(d.cfg.Missing), "missing"
	}
	if observed <= limit {
		return out
	}
	c.last, c.peak = at, max(c.peak, observed)
	severity := min(d.rule.Severity, haechi.Medium)
	if !c.attack.Due(severity, observed) {
		c.attack.Touch(e.Time)
		return out
	}
	f := d.finding(e.Time, e.Actor, where, severity)
	f.First, f.Last, f.Observed, f.Threshold, f.Window = time.Unix(0, c.since).UTC(), e.Time, observed, limit, d.cfg.Window
	f.Spoofable = false // a request is behind a handshake
	f.Reasons = [4]haechi.Fact{{Name: "requests", Value: float64(c.requests)}, {Name: "clients", Value: 1},
		{Name: "missing_share", Value: float64(c.missing) / float64(c.requests), Unit: "share"}, {Name: "peak", Value: c.peak}}
	f.Evidence = []haechi.Event{*e}
	return d.open.Tell(&c.attack, f, kind+" "+where.String(), observed, out)
}

// spread is how many bits are set: different paths, as far as 256 bits tell.
func spread(paths [4]uint64) (n int) {
	for _, w := range paths {
		n += bits.OnesCount64(w)
	}
	return n
}

// fewPaths are as many missing paths as a client may ask for over and over: a program
// that polls for what is gone knows a handful. It is the documents' number for ports.
const fewPaths = 10

// pathHash is FNV-1a of the path.
func pathHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return distinct.Mix(h)
}

func (d *Requests) finding(at time.Time, actor haechi.Actor, where service, s haechi.Severity) haechi.Finding {
	f := d.rule.Finding(at, actor)
	f.Severity = s
	if where.addr.IsValid() {
		f.Target, f.Targets = netip.PrefixFrom(where.addr, where.addr.BitLen()), 1
	}
	return f
}

// String names the service.
func (s service) String() string {
	if s.addr.IsValid() {
		return netip.AddrPortFrom(s.addr, s.port).String()
	}
	return s.name + ":" + strconv.Itoa(int(s.port))
}

// crowd judges what all clients of a service do together.
func (d *Requests) crowd(l *load, where service, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	at := e.Time.UnixNano()
	d.turn(l, at)
	l.pass(at/int64(time.Second), uint32(e.N()))
	i := l.window % 6
	l.requests[i] += uint32(e.N())
	if e.Status >= 500 || e.Status == 429 {
		l.errors[i] += uint32(e.N())
	}
	l.clients[i].Add(distinct.Of(e.Client.Addr()))
	return d.flooded(l, where, e.Time, e, out)
}

// turn begins a new window.
func (d *Requests) turn(l *load, at int64) {
	now := at / int64(d.cfg.Window)
	for w := max(l.window+1, now-5); w <= now; w++ {
		l.requests[w%6], l.errors[w%6] = 0, 0
		l.clients[w%6].Reset()
	}
	l.window = max(l.window, now)
}

// lag is how many seconds count as new: they are not learned yet.
const lag = 3

// pass counts in the present second, and learns from those that are no longer new; not
// while a flood is on.
func (l *load) pass(now int64, n uint32) {
	if l.second == 0 {
		l.second = now
	}
	for l.second < now {
		if gap := now - l.second; gap > 60 {
			l.second = now - 60 // nothing came for so long
		}
		l.second++
		if old := l.seconds[(l.second-lag)&7]; !l.attack.Open() && l.learned < 1<<32 {
			l.learned++
			l.base += (float64(old) - l.base) / float64(min(max(l.learned-lag, 1), 60))
		}
		l.seconds[l.second&7] = 0
	}
	l.seconds[l.second&7] += n
}

// lately is the rate of the newest seconds.
func (l *load) lately() float64 {
	return float64(max(l.seconds[l.second&7], l.seconds[(l.second-1)&7], (l.seconds[l.second&7]+l.seconds[(l.second-1)&7])/2))
}

// flooded compares the minute with the documents' numbers, and the newest windows with
// what was before.
func (d *Requests) flooded(l *load, where service, now time.Time, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	var total, wrong uint64
	for i := range l.requests {
		total += uint64(l.requests[i])
		wrong += uint64(l.errors[i])
	}
	if total <= uint64(d.cfg.Total) && !l.attack.Open() {
		return out
	}
	i := l.window % 6
	newest := max(l.requests[i], l.requests[(i+5)%6])
	clients := max(l.clients[i].Count(), l.clients[(i+5)%6].Count())
	grown := l.learned > 2*lag && l.lately() > d.cfg.Grown*max(l.base, float64(d.cfg.Total)/60)
	ok := total > uint64(d.cfg.Total) && clients > uint64(d.cfg.Clients) && float64(newest) < float64(d.cfg.Mean)*float64(clients) &&
		(grown || 2*wrong > total)
	if !ok {
		return out
	}
	l.high, l.peak = now.UnixNano(), max(l.peak, float64(total))
	severity := d.rule.Severity
	if !l.attack.Due(severity, float64(total)) {
		l.attack.Touch(now)
		return out
	}
	f := d.finding(now, haechi.Actor{}, where, severity)
	f.About, f.Want, f.For = haechi.Scope{Kind: haechi.ScopeService, Value: where.String()}, haechi.Pass, 0
	f.First, f.Last, f.Observed, f.Threshold, f.Window = now.Add(-d.cfg.Window), now, float64(total), float64(d.cfg.Total), time.Minute
	f.Reasons = [4]haechi.Fact{{Name: "requests", Value: float64(total)}, {Name: "clients", Value: float64(clients)},
		{Name: "error_share", Value: float64(wrong) / float64(total), Unit: "share"}, {Name: "before", Value: l.base}}
	if e != nil {
		f.Evidence = []haechi.Event{*e}
	}
	return d.open.Tell(&l.attack, f, "crowd "+where.String(), float64(total), out)
}

// Tick implements the pipeline's detector: it tells of what is over.
func (d *Requests) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	until := now.Add(-quiet).UnixNano()
	if d.open > 0 {
		out = d.over(now, until, out)
	}
	d.clients.Expire(until-int64(quiet), func(_ caller, c *calls) { out = d.open.End(&c.attack, now, out) })
	d.services.Expire(now.Add(-time.Hour).UnixNano(), func(_ service, l *load) { out = d.open.End(&l.attack, now, out) })
	return out
}

// over ends what was high last before a time.
func (d *Requests) over(now time.Time, until int64, out []haechi.Finding) []haechi.Finding {
	for _, c := range d.clients.All() {
		if c.attack.Open() && c.last < until {
			c.attack.Peak(c.peak, time.Unix(0, c.last).UTC())
			out = d.open.End(&c.attack, now, out)
			c.peak = 0
		}
	}
	for _, l := range d.services.All() {
		if l.attack.Open() && l.high < until {
			l.attack.Peak(l.peak, time.Unix(0, l.high).UTC())
			out = d.open.End(&l.attack, now, out)
			l.peak = 0
		}
	}
	return out
}
