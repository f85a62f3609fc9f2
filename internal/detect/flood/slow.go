package flood

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Slow finds connections that are kept open with hardly a byte.
type Slow struct {
	rule  detect.Rule
	site  detect.Site
	cfg   SlowConfig
	flows *lru.Table[uint64, drip]
	held  *lru.Table[service, holding]
}

// drip is one connection on which hardly anything moves.
type drip struct {
	client netip.Prefix
	where  service
	since  int64 // when it began to drip
	at     int64
	in     delta // what was told of last
	out    delta
	counts bool // it is old enough
	taken  bool // it is the server that speaks
}

// holding is how many slow connections a service has, and of whom.
type holding struct {
	slow    uint32
	taken   uint32           // of those: ones on which the server speaks
	clients distinct.Counter // of this minute
	minute  int64
	votes   uint32 // Boyer and Moore: the client with most of them
	most    netip.Prefix
	actor   haechi.Actor
	since   int64
	high    int64
	peak    float64
	attack  detect.Attack
}

// NewSlow returns a detector of slow_http.
func NewSlow(rule detect.Rule, site detect.Site, cfg SlowConfig) *Slow {
	return &Slow{rule: rule, site: site, cfg: cfg, flows: lru.New[uint64, drip](flows, int64(time.Minute), lru.Number), held: lru.New[service, holding](512, int64(time.Minute), service.hash)}
}

// Refused counts connections that found no room.
func (d *Slow) Refused() uint64 { return d.flows.Refused() + d.held.Refused() }

// Observe implements the pipeline's detector.
func (d *Slow) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || e.Transport != haechi.TCP || e.Phase == haechi.FlowBegin || !e.Target.IsValid() || !web(e) || e.State < haechi.FlowEstablished || e.State == haechi.FlowMidstream {
		return out
	}
	s := see(e)
	if e.Phase == haechi.FlowEnd || e.State != haechi.FlowEstablished {
		d.close(s.id)
		return out
	}
	f, fresh := d.flows.Use(s.id, s.at)
	if f == nil {
		return out
	}
	in, back := s.total, delta{packets: e.PacketsOut, bytes: uint64(max(e.BytesOut, 0))}
	if fresh {
		*f = drip{client: e.Client, where: service{addr: e.Target, port: e.LocalPort}, since: s.begin, at: s.at, in: in, out: back}
		return out
	}
	took, moved := more(uint64(s.at), uint64(f.at)), between(&f.in, &in, &f.out, &back)
	f.taken = in.packets > f.in.packets && more(in.bytes, f.in.bytes)/(in.packets-f.in.packets) < more(back.bytes, f.out.bytes)/max(more(back.packets, f.out.packets), 1)
	f.at, f.in, f.out = s.at, in, back
	stalled, age := e.FlagsIn&64 != 0, int64(d.cfg.Age)
	if stalled {
		age = age * 2 / 3 // the pause before the first probe of a closed window is part of it
	}
	switch {
	case moved == still && !stalled:
		return out
	case moved < 0 || uint64(moved) > slack+uint64(d.cfg.Rate)*took/uint64(time.Second):
		d.release(f)
		f.since = s.at
		return out
	}
	f.taken = f.taken && !stalled
	if f.counts || s.at-f.since < age {
		return out
	}
	f.counts = true
	return d.hold(f, e, out)
}

// slack is what may move at once beside the rate: one line of a head.
const slack = 256

// What between says besides an amount.
const (
	still     = 0
	bothSides = -1
)

// between is how much moved since the last time, without headers, if one side spoke and
// the other only acknowledged: its packets are then all of the smallest size, with or
// without time stamps, and the other side's headers are as long. It is still if nobody
// spoke, as with probes of a connection that idles, and bothSides if both did.
func between(in0, in1, out0, out1 *delta) int64 {
	a, b := in1.packets-min(in0.packets, in1.packets), out1.packets-min(out0.packets, out1.packets)
	x, y := more(in1.bytes, in0.bytes), more(out1.bytes, out0.bytes)
	if a == 0 || b == 0 {
		return still
	}
	head := min(x/a, y/b)
	switch {
	case head != 40 && head != 52 && head != 60 && head != 72, x != head*a && y != head*b:
		return bothSides
	}
	return int64(more(x+y, head*(a+b)))
}

// web reports a service of the web: by what is spoken, or by its port where nothing was
// understood yet, as with a head that never ends.
func web(e *haechi.Event) bool {
	switch e.Protocol {
	case "http", "tls":
		return true
	case "":
		switch e.LocalPort {
		case 80, 443, 591, 3000, 5000, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9000:
			return true
		}
	}
	return false
}

// close forgets a connection.
func (d *Slow) close(id uint64) {
	if f := d.flows.Peek(id); f != nil {
		d.release(f)
		d.flows.Drop(id)
	}
}

// release takes a connection out of what its service holds.
func (d *Slow) release(f *drip) {
	if !f.counts {
		return
	}
	f.counts = false
	if h := d.held.Peek(f.where); h != nil && h.slow > 0 {
		h.slow--
		h.taken = min(h.taken, h.slow)
	}
}

// hold adds a connection to what its service holds, and judges.
func (d *Slow) hold(f *drip, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	h, fresh := d.held.Use(f.where, f.at)
	if h == nil {
		f.counts = false
		return out
	}
	if m := f.at / int64(time.Minute); fresh || h.slow == 0 || m > h.minute+10 {
		h.clients.Reset()
		h.minute, h.votes = m, 0
	}
	if h.slow == 0 {
		h.since = f.since
	}
	h.slow++
	if f.taken {
		h.taken++
	}
	h.clients.Add(distinct.Of(f.client.Addr()))
	switch {
	case h.votes == 0:
		h.most, h.actor, h.votes = f.client, e.Actor, 1
	case h.most == f.client:
		h.votes++
	default:
		h.votes--
	}
	return d.judge(h, f, e, out)
}

func (d *Slow) judge(h *holding, f *drip, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	clients := max(h.clients.Count(), 1)
	if h.slow < uint32(d.cfg.Connections) || uint64(h.slow) < clients*uint64(d.cfg.PerClient) {
		return out
	}
	h.high, h.peak = f.at, max(h.peak, float64(h.slow))
	severity := d.rule.Severity
	if 2*h.taken > h.slow { // streams of events that say little look alike
		severity = min(severity, haechi.Low)
	}
	if !h.attack.Due(severity, float64(h.slow)) {
		h.attack.Touch(e.Time)
		return out
	}
	actor := haechi.Actor{}
	if clients == 1 || 2*h.votes >= h.slow {
		actor = h.actor
	}
	x := d.rule.Finding(e.Time, actor)
	x.Severity = severity
	x.Target, x.Targets = netip.PrefixFrom(f.where.addr, f.where.addr.BitLen()), 1
	if !actor.Client.IsValid() {
		x.About, x.Want, x.For = haechi.Scope{Kind: haechi.ScopeService, Value: f.where.String()}, haechi.Pass, 0
	}
	x.First, x.Last, x.Window = time.Unix(0, h.since).UTC(), e.Time, d.cfg.Age
	x.Observed, x.Threshold = float64(h.slow), float64(d.cfg.Connections)
	x.Reasons = [4]haechi.Fact{{Name: "connections", Value: float64(h.slow)}, {Name: "clients", Value: float64(clients)}, {Name: "port", Value: float64(f.where.port)},
		{Name: "age", Value: d.cfg.Age.Seconds(), Unit: "s"}}
	x.Evidence = []haechi.Event{*e}
	return h.attack.Tell(x, "slow "+f.where.String(), float64(h.slow), out)
}

// Tick implements the pipeline's detector: it tells of what is over.
func (d *Slow) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	d.flows.Expire(now.Add(-5*time.Minute).UnixNano(), func(_ uint64, f *drip) { d.release(f) })
	for _, h := range d.held.All() {
		if h.slow >= uint32(d.cfg.Connections) {
			h.high = now.UnixNano()
		}
		if h.attack.Open() && now.UnixNano()-h.high > int64(quiet) {
			h.attack.Peak(h.peak, time.Unix(0, h.high).UTC())
			out = h.attack.End(now, out)
			h.peak = 0
		}
	}
	d.held.Expire(now.Add(-time.Hour).UnixNano(), func(_ service, h *holding) { out = h.attack.End(now, out) })
	return out
}
