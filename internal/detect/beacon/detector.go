package beacon

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	// Chance is the probability with which arrivals without memory may look as regular.
	// Tens of thousands of series a day have three points or more on no network that we
	// know, so that one in 10,000 is less than one a day by chance alone.
	Chance float64 `unit:"share"`
	// Span is the least time between the first and the last visit.
	Span time.Duration `least:"1s" most:"30d"`
	// Points are the points from which on a regular series is told.
	Points int `least:"1" most:"20"`
	// Free are domains below which a name is worth a point.
	Free []string
	// Idle is after how long without a visit an attack is over, or ten periods if that
	// is longer.
	Idle time.Duration `least:"10s" most:"30d"`
	// Peers is how many destinations of clients are held at once.
	Peers int `least:"16" most:"1000000"`
}

// Defaults are the parameters as shipped.
func Defaults() Config {
	return Config{Chance: 1e-4, Span: 30 * time.Second, Points: 3, Free: free(),
		Idle: 10 * time.Minute, Peers: 16384}
}

// free are the domains as shipped.
func free() []string {
	return []string{"tk", "ml", "ga", "cf", "gq", "duckdns.org", "ddns.net", "no-ip.org", "no-ip.biz", "hopto.org", "zapto.org", "sytes.net",
		"myftp.org", "myftp.biz", "servehttp.com", "dyndns.org", "dynu.net", "dynu.com", "ddnsfree.com", "kozow.com", "mooo.com", "chickenkiller.com",
		"publicvm.com", "linkpc.net", "ngrok.io", "ngrok-free.app", "portmap.io", "playit.gg"}
}

// Forgetting: a peer that was idle for an hour may give its room to another one, and one
// that was idle for longer than a daily visit needs is forgotten.
const (
	idle   = int64(time.Hour)
	forget = 50 * time.Hour
	visit  = time.Second // visits closer than this are one
)

// Detector finds beacons. It is used by one goroutine.
type Detector struct {
	rule   detect.Rule
	site   detect.Site
	cfg    Config
	names  *detect.Names
	peers  *lru.Table[key, peer]
	series *lru.Table[key, series]
	seed   lru.Hash
	a, b   [keep]float32 // scratch
	open   detect.Underway
}

// key is a hash of a client, a target and its port, and of a kind of visits for a series: an
// eighth of what it stands for. Two of 16,384 are the same once in 10^11 times, and nobody
// outside knows the seed.
type key uint64

func (k key) hash(h lru.Hash) lru.Hash { return h.Number(uint64(k)) }

func (d *Detector) key(e *haechi.Event) key {
	return key(d.seed.Prefix(e.Client).Addr(e.Target).Number(uint64(e.LocalPort)))
}

// of is the series of a kind of visits to the peer.
func (k key) of(kind haechi.Kind) key { return key(lru.Hash(k).Number(uint64(kind))) }

// series is when and how much.
type series struct {
	first, last int64 // Unix nanoseconds of visits
	intervals   ring  // seconds
	sizes       ring  // bytes
}

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, names: detect.NewNames(cfg.Peers),
		peers: lru.New[key, peer](cfg.Peers, idle, key.hash), series: lru.New[key, series](cfg.Peers, idle, key.hash), seed: lru.Hash(rand.Uint64())}
}

// Refused counts the observations of peers that found no room.
func (d *Detector) Refused() uint64 { return d.peers.Refused() + d.series.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	switch e.Kind {
	case haechi.KindLookup, haechi.KindHello, haechi.KindRequest:
		d.names.Learn(e)
	case haechi.KindFlow, haechi.KindTurn:
	default:
		return out
	}
	if e.Kind == haechi.KindLookup || !d.concerns(e) {
		return out
	}
	k := d.key(e)
	if at, size, ok := d.visit(e); ok {
		return d.note(e, k, at, size, out)
	}
	if p := d.peer(k, e); p != nil {
		d.size(k, e)
	}
	return out
}

// concerns reports whether the event is an internal client's over TCP, to whom nobody
// expects it to call regularly.
func (d *Detector) concerns(e *haechi.Event) bool {
	if e.Transport != haechi.TCP && e.Transport != haechi.TransportNone || honest(e.Target) || e.Addr == e.Target {
		return false
	}
	if !e.Client.IsValid() || !d.site.Internal(e.Addr) || d.site.Role(e.Addr)&(detect.Monitoring|detect.Scanner) != 0 {
		return false
	}
	return d.site.Role(e.Target)&(detect.Monitoring|detect.Backup|detect.Directory) == 0
}

// visit says whether the event is a visit, when it was and how much was sent; below 0 if
// that is not known yet.
func (d *Detector) visit(e *haechi.Event) (at time.Time, size int64, ok bool) {
	switch e.Kind {
	case haechi.KindRequest:
		return e.Time, e.BytesIn, true
	case haechi.KindTurn:
		return e.Time, e.BytesIn, e.Protocol != "http"
	case haechi.KindFlow:
		return e.Time, -1, e.Phase == haechi.FlowBegin && e.State < haechi.FlowMidstream
	}
	return e.Time, 0, false
}

func (d *Detector) peer(k key, e *haechi.Event) *peer {
	p, fresh := d.peers.Use(k, e.Time.UnixNano())
	if p == nil {
		return nil
	}
	if fresh {
		p.name = d.names.Of(e.Target)
	}
	p.learn(e)
	return p
}

// size adds what a connection sent, once it is over.
func (d *Detector) size(k key, e *haechi.Event) {
	if e.Kind != haechi.KindFlow || e.Phase != haechi.FlowEnd || e.State < haechi.FlowEstablished {
		return
	}
	if s := d.series.Peek(k.of(haechi.KindFlow)); s != nil {
		s.sizes.add(float32(e.BytesIn))
	}
}

// note adds a visit and judges the series.
func (d *Detector) note(e *haechi.Event, k key, at time.Time, size int64, out []haechi.Finding) []haechi.Finding {
	p := d.peer(k, e)
	if p == nil || p.crowded {
		return out
	}
	s, fresh := d.series.Use(k.of(e.Kind), at.UnixNano())
	if s == nil {
		return out
	}
	p.attack.Touch(at)
	now := at.UnixNano()
	if fresh {
		s.first, s.last = now, now
	} else if gap := now - s.last; gap < int64(visit) {
		return out
	} else {
		s.intervals.add(float32(time.Duration(gap).Seconds()))
		s.last = now
	}
	if size >= 0 {
		s.sizes.add(float32(size))
	}
	return d.judge(e, p, s, out)
}

func (d *Detector) judge(e *haechi.Event, p *peer, s *series, out []haechi.Finding) []haechi.Finding {
	if s.intervals.n < few || time.Duration(s.last-s.first) < d.cfg.Span {
		return out
	}
	if p.name == "" {
		p.name = d.names.Of(e.Target)
	}
	points := p.points(e.LocalPort, !d.site.Internal(e.Target), d.cfg.Free)
	if d.site.Listed(e.Target) {
		points += 3
	}
	size, deviation := spread(s.sizes.sorted(&d.a), &d.b)
	if s.sizes.n >= enough && size > 0 && size <= small && deviation <= constant*size {
		points++
	}
	if points < d.cfg.Points {
		return out
	}
	sorted := s.intervals.sorted(&d.a)
	period, jitter := spread(sorted, &d.b)
	if chance(sorted, period) > d.cfg.Chance {
		return out
	}
	p.period = period
	return d.tell(e, p, s, points, period, jitter/period, out)
}

func (d *Detector) tell(e *haechi.Event, p *peer, s *series, points int, period, jitter float64, out []haechi.Finding) []haechi.Finding {
	visits := float64(s.intervals.n + 1)
	severity := min(d.rule.Severity, haechi.Low+haechi.Severity(min(points-d.cfg.Points, 2)))
	if !p.attack.Due(severity, visits) {
		p.attack.Touch(e.Time)
		return out
	}
	f := d.rule.Finding(e.Time, e.Actor)
	f.Severity, f.First, f.Last, f.Window = severity, time.Unix(0, s.first).UTC(), e.Time, time.Duration(s.last-s.first)
	f.Target, f.Targets = netip.PrefixFrom(e.Target, e.Target.BitLen()), 1
	f.Observed, f.Threshold, f.Spoofable = float64(points), float64(d.cfg.Points), !p.proved
	f.Reasons = [4]haechi.Fact{{Name: "period", Value: period, Unit: "s"}, {Name: "jitter", Value: jitter, Unit: "share"},
		{Name: "visits", Value: visits}, {Name: "points", Value: float64(points)}}
	f.Evidence = []haechi.Event{*e}
	return d.open.Tell(&p.attack, f, "beacon "+e.Target.String(), visits, out)
}

// Tick implements the pipeline's detector: it tells of what is over.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	if d.open > 0 {
		out = d.over(now, out)
	}
	old := now.Add(-forget).UnixNano()
	d.peers.Expire(old, func(_ key, p *peer) { out = d.open.End(&p.attack, now, out) })
	d.series.Expire(old, nil)
	return out
}

// over ends what was idle for long.
func (d *Detector) over(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, p := range d.peers.All() {
		if !p.attack.Open() {
			continue
		}
		if quiet := max(d.cfg.Idle, time.Duration(10*p.period*float64(time.Second))); now.Sub(p.attack.Last()) > quiet {
			out = d.open.End(&p.attack, now, out)
		}
	}
	return out
}
