package lateral

import (
	"hash/maphash"
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
	Targets int           `least:"2" most:"1000"` // new hosts that are allowed in a window
	Window  time.Duration // over which new hosts are counted
	Memory  time.Duration // an edge is known for so long after it was last used
	Warm    time.Duration // nothing is called new before so much was seen
	Idle    time.Duration // an incident is over after so long without a sign
	// Services is for how many services a host may ask tickets that can be guessed at
	// within Burst.
	Services int           `least:"2" most:"60"`
	Burst    time.Duration `least:"1s" most:"1h"`
	Actors   int           `least:"16" most:"1000000"`
	Edges    int           `least:"16" most:"10000000"`
}

// Defaults are the parameters as shipped. Targets and window are the documents' (rows
// B93, B104). A week of memory covers what is done once a week. Half an hour of warmth
// keeps a sensor that was just started from calling every edge new. A logon asks tickets for
// a handful of services, most of them of machines; who takes all that there are does it in
// seconds.
func Defaults() Config {
	return Config{Targets: 5, Window: 30 * time.Minute, Memory: 8 * 24 * time.Hour, Warm: 30 * time.Minute, Idle: 30 * time.Minute, Services: 10, Burst: time.Minute, Actors: 4096, Edges: 65536}
}

// edge is one host talking to another by one service.
type edge struct {
	from, to netip.Addr
	port     uint16
}

func (k edge) hash(h lru.Hash) lru.Hash { return h.Addr(k.from).Addr(k.to).Number(uint64(k.port)) }

// pair is what one host did to another.
type pair struct {
	activated bool // it activated an object there
	counted   int  // calls of a kind of which several are needed
}

// actor is one host.
type actor struct {
	attack  detect.Attack
	targets []netip.Addr // that it worked on; at most maxTargets
	calls   int
	fresh   []seen // new edges in the window
}

type seen struct {
	addr netip.Addr
	at   time.Time
}

const maxTargets = 64

// key is who did something to whom.
type key struct{ from, to netip.Addr }

func (k key) hash(h lru.Hash) lru.Hash { return h.Addr(k.from).Addr(k.to) }

// Detector finds lateral movement. It is used by one goroutine.
type Detector struct {
	rule   detect.Rule
	site   detect.Site
	cfg    Config
	actors *lru.Table[netip.Addr, actor]
	pairs  *lru.Table[key, pair]
	edges  *lru.Table[edge, struct{}]
	leads  *lru.Table[netip.Addr, struct{}] // hosts that answered as domain controllers
	asked  *lru.Table[netip.Addr, tickets]
	seed   maphash.Seed
	first  time.Time
}

// New returns a detector.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	return &Detector{rule: rule, site: site, cfg: cfg, actors: lru.New[netip.Addr, actor](cfg.Actors, int64(cfg.Idle), lru.Addr),
		pairs: lru.New[key, pair](cfg.Edges/4, int64(cfg.Idle), key.hash), edges: lru.New[edge, struct{}](cfg.Edges, int64(cfg.Memory), edge.hash),
		leads: lru.New[netip.Addr, struct{}](1024, int64(cfg.Memory), lru.Addr),
		asked: lru.New[netip.Addr, tickets](cfg.Actors, int64(cfg.Burst), lru.Addr), seed: maphash.MakeSeed()}
}

// Refused counts actors, pairs, edges and callers that found no room.
func (d *Detector) Refused() uint64 {
	return d.actors.Refused() + d.pairs.Refused() + d.edges.Refused() + d.leads.Refused() + d.asked.Refused()
}

// excused are the roles whose work this is.
const excused = detect.Monitoring | detect.Backup | detect.Directory | detect.Scanner | detect.Admin

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindCall && e.Kind != haechi.KindFlow || !e.Addr.IsValid() || !e.Target.IsValid() || e.Addr == e.Target ||
		!d.site.Internal(e.Addr) || !d.site.Internal(e.Target) {
		return out
	}
	if d.first.IsZero() {
		d.first = e.Time
	}
	if e.Kind == haechi.KindFlow {
		return d.flow(e, out)
	}
	return d.call(e, out)
}

// call judges one call by itself.
func (d *Detector) call(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	d.learn(e)
	if d.site.Role(e.Addr)&excused != 0 {
		return out
	}
	s, ok := meaning(e)
	active := activates(e)
	if !ok && !active {
		return out
	}
	p, _ := d.pairs.Use(key{e.Addr, e.Target}, e.Time.UnixNano())
	if p == nil {
		return out
	}
	p.activated = p.activated || active
	calls := 1
	switch {
	case !ok, s.needs == activation && !p.activated, s.needs == stranger && d.leads.Peek(e.Addr) != nil:
		return out
	case s.needs == burst:
		if calls = d.roasts(e); calls == 0 {
			return out
		}
	case s.least > 1:
		if p.counted++; p.counted < s.least {
			return out
		}
	}
	return d.tell(e, s, calls, out)
}

// activates reports whether a call makes an object of a program on another host: not of
// WMI, which has calls of its own.
func activates(e *haechi.Event) bool {
	if e.Type != "IRemoteSCMActivator.RemoteCreateInstance" && e.Type != "IRemoteSCMActivator.RemoteGetClassObject" && e.Type != "IActivation.RemoteActivation" {
		return false
	}
	return e.Name != "WMI"
}

// learn notes who acts as a domain controller: whoever is asked for a logon or for the
// directory, and answers.
func (d *Detector) learn(e *haechi.Event) {
	if e.Outcome == haechi.Failure {
		return
	}
	if strings.HasPrefix(e.Type, "netlogon.NetrLogonSamLogon") || e.Protocol == "kerberos" || strings.HasPrefix(e.Type, "drsuapi.DsBind") {
		d.leads.Use(e.Target, e.Time.UnixNano())
	}
}

// tell adds a strong call to the actor's incident; calls is how many make it one.
func (d *Detector) tell(e *haechi.Event, s strong, calls int, out []haechi.Finding) []haechi.Finding {
	a, _ := d.actors.Use(e.Addr, e.Time.UnixNano())
	if a == nil {
		return out
	}
	a.calls = max(a.calls+1, calls)
	a.hit(e.Target)
	f := d.finding(e, a)
	f.Severity, f.Technique = min(d.rule.Severity, s.severity), s.technique
	f.First, f.Observed, f.Threshold = e.Time, float64(a.calls), 0
	return a.attack.Tell(f, "hosts", float64(len(a.targets)), out)
}

func (a *actor) hit(addr netip.Addr) {
	if !slices.Contains(a.targets, addr) && len(a.targets) < maxTargets {
		a.targets = append(a.targets, addr)
	}
}

func (d *Detector) finding(e *haechi.Event, a *actor) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	f.Last, f.Window, f.Targets = e.Time, d.cfg.Window, uint64(len(a.targets))
	f.Target = netip.PrefixFrom(e.Target, e.Target.BitLen())
	f.Spoofable = (e.Kind == haechi.KindFlow || e.Transport == haechi.UDP) && e.Assurance < haechi.Handshaken
	f.Reasons = [4]haechi.Fact{{Name: "hosts", Value: float64(len(a.targets))}, {Name: "calls", Value: float64(a.calls)}}
	f.Evidence = []haechi.Event{*e}
	return f
}

// flow counts new edges, once they were answered.
func (d *Detector) flow(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if !moving(e.LocalPort) || e.State != haechi.FlowEstablished && e.State != haechi.FlowClosed && e.State != haechi.FlowReset {
		return out
	}
	_, fresh := d.edges.Use(edge{e.Addr, e.Target, e.LocalPort}, e.Time.UnixNano())
	if !fresh || d.site.Role(e.Addr)&excused != 0 || d.site.Role(e.Target)&detect.Directory != 0 || e.Time.Sub(d.first) < d.cfg.Warm {
		return out
	}
	a, _ := d.actors.Use(e.Addr, e.Time.UnixNano())
	if a == nil {
		return out
	}
	a.met(e.Target, e.Time, d.cfg.Window)
	if len(a.fresh) <= d.cfg.Targets {
		return out
	}
	for _, s := range a.fresh {
		a.hit(s.addr)
	}
	f := d.finding(e, a)
	f.Severity, f.First, f.Observed, f.Threshold = min(d.rule.Severity, haechi.Medium), a.fresh[0].at, float64(len(a.fresh)), float64(d.cfg.Targets)
	return a.attack.Tell(f, "hosts", float64(len(a.targets)), out)
}

// met keeps the hosts that were new within the window.
func (a *actor) met(addr netip.Addr, at time.Time, window time.Duration) {
	kept := a.fresh[:0]
	for _, s := range a.fresh {
		if at.Sub(s.at) <= window && s.addr != addr {
			kept = append(kept, s)
		}
	}
	if len(kept) == maxTargets {
		kept = kept[1:]
	}
	a.fresh = append(kept, seen{addr, at})
}

// Tick implements the pipeline's detector.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	before := now.Add(-d.cfg.Idle).UnixNano()
	d.actors.Expire(before, func(_ netip.Addr, a *actor) { out = a.attack.End(now, out) })
	d.pairs.Expire(before, nil)
	d.edges.Expire(now.Add(-d.cfg.Memory).UnixNano(), nil)
	d.leads.Expire(now.Add(-d.cfg.Memory).UnixNano(), nil)
	d.asked.Expire(now.Add(-d.cfg.Burst).UnixNano(), nil)
	return out
}
