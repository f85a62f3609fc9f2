package exfil

import (
	"net/netip"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Bytes  int64         `unit:"bytes" least:"1MiB"` // the limit without a habit, of a window
	Window time.Duration `least:"5m" most:"24h"`     // over which bytes are added up
	Ratio  int64         `most:"1000"`               // an upload sends so many times of what it gets
	Factor int64         `least:"1" most:"1000"`     // so many times the habit is too much
	Idle   time.Duration `least:"5m" most:"7d"`      // an attack is over after so long without an upload
	Hosts  int           `least:"16" most:"1000000"` // internal hosts held at once
}

// Defaults are the parameters as shipped: B92 of the source documents, and three times
// the habit, which a quarterly backup of a file server reaches and a busier day does not.
func Defaults() Config {
	return Config{Bytes: 100 << 20, Window: time.Hour, Ratio: 4, Factor: 3, Idle: time.Hour, Hosts: 4096}
}

const (
	idle    = int64(time.Hour)
	forget  = 30 * 24 * time.Hour
	running = 15 * time.Minute // a flow without an event for so long is forgotten
)

// Detector finds uploads that nobody expects. It is used by one goroutine.
type Detector struct {
	rule  detect.Rule
	site  detect.Site
	cfg   Config
	names *detect.Names
	flows *lru.Table[conversation, amounts]
	hosts *lru.Table[netip.Prefix, host]
	pairs *lru.Table[pair, dealing]
	dests *lru.Table[place, habit]
}

// place is a destination: a registered domain, or a prefix.
type place struct {
	domain string
	prefix netip.Prefix
}

func (k place) hash(h lru.Hash) lru.Hash { return h.Prefix(k.prefix).Text(k.domain) }

type conversation struct {
	from, to  netip.AddrPort
	transport haechi.Transport
}

func (k conversation) hash(h lru.Hash) lru.Hash {
	ports := uint64(k.from.Port())<<32 | uint64(k.to.Port())<<16 | uint64(k.transport)
	return h.Addr(k.from.Addr()).Addr(k.to.Addr()).Number(ports)
}

// amounts are what a running flow had sent and got when it was told of last.
type amounts struct{ in, out int64 }

type host struct {
	all    hour // to all destinations
	fresh  hour // to new ones
	habit  habit
	attack detect.Attack
}

type dealing struct {
	sent   hour
	known  bool
	target netip.Addr
	attack detect.Attack
}

type pair struct {
	client netip.Prefix
	to     place
}

func (k pair) hash(h lru.Hash) lru.Hash { return k.to.hash(h.Prefix(k.client)) }

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	n := cfg.Hosts
	return &Detector{rule: rule, site: site, cfg: cfg, names: detect.NewNames(4 * n),
		flows: lru.New[conversation, amounts](4*n, int64(time.Minute), conversation.hash), hosts: lru.New[netip.Prefix, host](n, idle, lru.Prefix),
		pairs: lru.New[pair, dealing](4*n, idle, pair.hash), dests: lru.New[place, habit](4*n, 24*idle, place.hash)}
}

// Refused counts what found no room.
func (d *Detector) Refused() uint64 {
	return d.flows.Refused() + d.hosts.Refused() + d.pairs.Refused() + d.dests.Refused()
}

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	switch e.Kind {
	case haechi.KindLookup, haechi.KindHello, haechi.KindRequest:
		d.names.Learn(e)
	case haechi.KindFlow:
		if n := d.uploaded(e); n > 0 {
			return d.note(e, n, out)
		}
	}
	return out
}

// uploaded is how much an internal host sent out since the flow was told of last.
func (d *Detector) uploaded(e *haechi.Event) uint64 {
	if e.Phase != haechi.FlowUpdate && e.Phase != haechi.FlowEnd || !e.Client.IsValid() || !d.leaves(e) {
		return 0
	}
	c := conversation{netip.AddrPortFrom(e.Addr, e.Port), netip.AddrPortFrom(e.Target, e.LocalPort), e.Transport}
	before := amounts{}
	if a := d.flows.Peek(c); a != nil {
		before = *a
		if e.BytesIn < a.in {
			before = amounts{} // another flow of the same ends
		}
	}
	if e.Phase == haechi.FlowUpdate {
		a, _ := d.flows.Use(c, e.Time.UnixNano())
		if a == nil {
			return 0 // its end will tell
		}
		*a = amounts{e.BytesIn, e.BytesOut}
	} else if before.in > 0 {
		d.flows.Drop(c)
	}
	in, got := e.BytesIn-before.in, e.BytesOut-before.out
	if in <= 0 || in < d.cfg.Ratio*got {
		return 0
	}
	return uint64(in)
}

func (d *Detector) leaves(e *haechi.Event) bool {
	if !e.Target.IsGlobalUnicast() || d.site.Internal(e.Target) || !d.site.Internal(e.Addr) || e.State < haechi.FlowEstablished || e.State == haechi.FlowAnswerOnly {
		return false
	}
	return (d.site.Role(e.Addr)|d.site.Role(e.Target))&detect.Backup == 0
}

// placeOf is the destination that an address belongs to.
func (d *Detector) placeOf(a netip.Addr) place {
	if name := d.names.Of(a); name != "" {
		if at := detect.Domain(name); at >= 0 {
			return place{domain: strings.ToLower(strings.TrimSuffix(name[at:], "."))}
		}
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, _ := a.Prefix(bits)
	return place{prefix: p}
}

// note adds bytes to the host, the pair and the destination, and judges.
func (d *Detector) note(e *haechi.Event, n uint64, out []haechi.Finding) []haechi.Finding {
	now, to := e.Time.UnixNano(), d.placeOf(e.Target)
	h, _ := d.hosts.Use(e.Client, now)
	p, _ := d.pairs.Use(pair{e.Client, to}, now)
	w, _ := d.dests.Use(to, now)
	if h == nil || p == nil || w == nil {
		return out
	}
	h.habit.turn(e.Time)
	w.turn(e.Time)
	p.target, p.known = e.Target, w.settled()
	sent := p.sent.add(e.Time, d.cfg.Window, n)
	h.all.add(e.Time, d.cfg.Window, n)
	if p.known {
		return d.toKnown(e, h, p, w, sent, out)
	}
	return d.toNew(e, h, w, sent, h.fresh.add(e.Time, d.cfg.Window, n), out)
}

// toKnown judges what went to one known destination.
func (d *Detector) toKnown(e *haechi.Event, h *host, p *dealing, w *habit, sent uint64, out []haechi.Finding) []haechi.Finding {
	limit := d.limit(max(h.habit.usual(), w.usual()))
	if sent <= limit {
		d.learn(e.Time, h, w, sent)
		return out
	}
	return d.tell(e, h, &p.attack, sent, limit, 1, out)
}

// toNew judges what went to all new destinations together.
func (d *Detector) toNew(e *haechi.Event, h *host, w *habit, sent, fresh uint64, out []haechi.Finding) []haechi.Finding {
	limit := d.limit(h.habit.usual())
	if fresh <= limit {
		d.learn(e.Time, h, w, sent)
		return out
	}
	return d.tell(e, h, &h.attack, fresh, limit, 0, out)
}

// limit is what may be sent in a window by a habit.
func (d *Detector) limit(usual uint64) uint64 {
	return max(uint64(d.cfg.Bytes), uint64(d.cfg.Factor)*usual)
}

// learn lets an unsuspicious hour into the habits.
func (d *Detector) learn(at time.Time, h *host, w *habit, sent uint64) {
	if h.attack.Open() {
		return
	}
	h.habit.learn(at, h.all.total())
	if sent >= uint64(d.cfg.Bytes)/10 {
		w.learn(at, sent)
	}
}

func (d *Detector) tell(e *haechi.Event, h *host, a *detect.Attack, sent, limit, targets uint64, out []haechi.Finding) []haechi.Finding {
	severity := d.rule.Severity
	if !h.habit.settled() {
		severity = min(severity, haechi.High)
	}
	if !a.Due(severity, float64(sent)) {
		a.Touch(e.Time)
		return out
	}
	f := d.rule.Finding(e.Time, e.Actor)
	f.Severity, f.First, f.Last, f.Window = severity, e.Time.Add(-d.cfg.Window), e.Time, d.cfg.Window
	if e.Start.After(f.First) {
		f.First = e.Start
	}
	f.Observed, f.Threshold, f.Spoofable = float64(sent), float64(limit), e.Assurance < haechi.Handshaken
	class := "out"
	if f.Targets = targets; targets == 0 {
		f.Targets = d.destinations(e.Client)
	} else {
		class += " " + e.Target.String()
	}
	if f.Targets == 1 {
		f.Target = netip.PrefixFrom(e.Target, e.Target.BitLen())
	}
	f.Reasons = [4]haechi.Fact{{Name: "bytes", Value: float64(sent), Unit: "bytes"}, {Name: "usual", Value: float64(h.habit.usual()), Unit: "bytes"},
		{Name: "limit", Value: float64(limit), Unit: "bytes"}}
	f.Evidence = []haechi.Event{*e}
	return a.Tell(f, class, float64(sent), out)
}

// destinations counts the new destinations to which the client sent in the window.
func (d *Detector) destinations(client netip.Prefix) (n uint64) {
	for k, p := range d.pairs.All() {
		if k.client == client && !p.known && p.sent.total() > 0 {
			n++
		}
	}
	return n
}

// Tick implements the pipeline's detector: it tells of what is over.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	until := now.Add(-d.cfg.Idle)
	for _, h := range d.hosts.All() {
		if h.attack.Open() && h.attack.Last().Before(until) {
			out = h.attack.End(now, out)
		}
	}
	for _, p := range d.pairs.All() {
		if p.attack.Open() && p.attack.Last().Before(until) {
			out = p.attack.End(now, out)
		}
	}
	old := now.Add(-forget).UnixNano()
	d.hosts.Expire(old, func(_ netip.Prefix, h *host) { out = h.attack.End(now, out) })
	d.pairs.Expire(now.Add(-2*max(d.cfg.Window, d.cfg.Idle)).UnixNano(), func(_ pair, p *dealing) { out = p.attack.End(now, out) })
	d.dests.Expire(old, nil)
	d.flows.Expire(now.Add(-running).UnixNano(), nil)
	return out
}
