package flood

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// engine counts for each target what one class of flood is made of.
type engine struct {
	rule   detect.Rule
	width  int64
	length time.Duration
	answer time.Duration
	judge  judge
	calm   calm
	class  string
	hosts  targets
	nets   targets
	news   news
}

// targets are hosts or networks.
type targets struct {
	*lru.Table[netip.Prefix, victim]
	times float64 // the limit of a host that it takes
	// restless says that there may be one that is not calm, so that each second all of
	// them are looked at.
	restless bool
}

func newTargets(times float64, idle time.Duration) targets {
	return targets{lru.New[netip.Prefix, victim](victims, int64(idle), lru.Prefix), times, false}
}

// calm says that so much can be no flood of so many times the limit, however it is spread
// over a window, so that nothing has to be summed up.
type calm func(v *victim, l amount, times float64) bool

// judge says whether the sum of a window is a flood.
type judge func(v *victim, sum cell, old, open uint64) (verdict, bool)

// verdict is how much of what was seen.
type verdict struct {
	observed, threshold float64
	kind                string // what the flood is made of, "" if there is one kind only
	facts               [2]haechi.Fact
}

// victim is a target, a host or a network. What every event needs comes first, so that it
// lies in few lines of a processor's cache.
type victim struct {
	epoch    int64
	hits     uint32 // events of the epoch
	votes    uint32
	port     uint16 // that most are about, if votes say so
	single   bool   // all of one source so far
	early    bool   // something began after it was told of, so that amounts are no bound
	amounts  [2]amount
	last     sender
	attack   detect.Attack
	lastHigh int64
	peak     float64
	kind     string
	cells    window
	sources  [2]distinct.Counter
	hostsIn  [2]distinct.Counter // of a network
}

// sender is who sent last, and when.
type sender struct {
	from netip.Prefix
	addr netip.Addr
	at   int64
}

// sketchFrom is how many events an epoch has before its sources are counted.
const sketchFrom = 16

func newEngine(rule detect.Rule, class string, length, answer time.Duration, c calm, j judge) *engine {
	return &engine{rule: rule, class: class, width: int64(length) / 15, length: length, answer: answer, judge: j, calm: c,
		hosts: newTargets(1, length), nets: newTargets(carpet, length), news: newNews(flows, int64(length))}
}

// Refused counts what found no room.
func (g *engine) Refused() uint64 {
	return g.hosts.Refused() + g.nets.Refused() + g.news.table.Refused()
}

// begin notes a flow's first packet. What a flow brings along that was under way before
// is no rate (F67).
func (g *engine) begin(s *sight, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	first := s.total
	if first.packets > 1 {
		first = firstOf(s.total)
		if k, _ := g.news.table.Use(s.id, s.at); k != nil {
			*k = known{at: s.at, total: s.total}
		}
	}
	return g.each(s, e, out, func(v *victim) {
		v.amounts[0].add(first)
		v.amounts[0].begun++
		if c := v.cells.at(s.begin, g.width); c != nil {
			c.begun++
			c.packets += first.packets
			c.bytes += first.bytes
			c.fragments += first.fragments
			c.odd += first.odd
			v.cells.weigh(c)
		}
	})
}

// goOn notes what a flow became. What is answered takes back its first packet.
func (g *engine) goOn(s *sight, answered, rejected bool, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	d, from, counts := g.news.since(s, answered || s.over)
	if !counts {
		return out
	}
	return g.each(s, e, out, func(v *victim) {
		if s.over {
			v.amounts[0].over++
		}
		if s.settled {
			v.answered(s.begin / int64(g.length))
		}
		if c := v.cells.at(s.begin, g.width); c != nil {
			c.settle(answered, rejected, s.over, firstOf(s.total))
			v.cells.weigh(c)
		}
		if !answered {
			v.amounts[0].add(d)
			v.cells.spread(from, s.at, g.width, d)
		}
	})
}

func (c *cell) settle(answered, rejected, over bool, first delta) {
	switch {
	case answered:
		c.done++
		c.packets = more(c.packets, first.packets)
		c.bytes = more(c.bytes, first.bytes)
	case over && rejected:
		c.rejected++
		c.failed++
	case over:
		c.failed++
	}
}

// answered takes back one that began in an epoch.
func (v *victim) answered(epoch int64) {
	if i := v.epoch - epoch; i == 0 || i == 1 {
		a := &v.amounts[i]
		a.done = min(a.done+1, a.begun)
	}
}

// each does the same to the target and to its network, and judges them.
func (g *engine) each(s *sight, e *haechi.Event, out []haechi.Finding, do func(*victim)) []haechi.Finding {
	host := netip.PrefixFrom(s.to, s.to.BitLen())
	v, fresh := g.hosts.Use(host, s.at)
	open := false
	if v != nil {
		v.meet(s, g, fresh)
		do(v)
		out = g.tell(&g.hosts, host, v, s.at, e, out)
		open = v.attack.Open()
	}
	net, err := s.to.Prefix(netBits(s.to))
	if err != nil || open {
		return out
	}
	if v, fresh = g.nets.Use(net, s.at); v == nil {
		return out
	}
	v.meet(s, g, fresh)
	if v.hits > sketchFrom {
		v.hostsIn[v.epoch&1].Add(distinct.Of(s.to))
	}
	do(v)
	return g.tell(&g.nets, net, v, s.at, e, out)
}

// carpet is how many times the limit of a host a network needs.
const carpet = 4

func netBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 48
}

// meet counts who sends, to which port.
func (v *victim) meet(s *sight, g *engine, fresh bool) {
	if n := s.at / int64(g.length); n > v.epoch {
		if v.amounts[1] = v.amounts[0]; n > v.epoch+1 {
			v.amounts[1] = amount{}
		}
		v.amounts[0] = amount{}
		v.epoch, v.hits, v.votes = n, 0, 0
		v.sources[n&1].Reset()
		v.hostsIn[n&1].Reset()
	}
	v.early = v.early || s.begin > s.at
	v.single = fresh || v.single && v.last.from == s.from
	v.last = sender{s.from, s.addr, s.at}
	v.hits++
	switch {
	case v.votes == 0:
		v.port, v.votes = s.port, 1
	case v.port == s.port:
		v.votes++
	default:
		v.votes--
	}
	if v.hits > sketchFrom {
		v.sources[v.epoch&1].Add(distinct.Of(s.from.Addr()))
	}
}

// from is how many sources there were in this epoch or the last, and to how many hosts.
func (v *victim) from() uint64 { return max(v.sources[0].Count(), v.sources[1].Count(), 1) }
func (v *victim) to() uint64   { return max(v.hostsIn[0].Count(), v.hostsIn[1].Count(), 1) }

// onePort reports whether most of this epoch is about one port (Boyer and Moore).
func (v *victim) onePort() bool { return v.votes*4 >= v.hits }

// tell judges a target, and says so when it is due.
func (g *engine) tell(t *targets, key netip.Prefix, v *victim, now int64, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if v.hits <= sketchFrom && !v.attack.Open() && now/int64(g.length) == v.epoch && v.cells.quiet() {
		return out
	}
	if !v.attack.Open() && g.rests(v, now, t.times) {
		return out
	}
	t.restless = true
	sum, old, open := v.cells.sum(now, g.width, g.answer)
	r, ok := g.judge(v, sum, old, open)
	r.threshold *= t.times
	if t.times > 1 && (v.from() < carpetSources || v.to() < carpetHosts) {
		ok = false
	}
	if ok = ok && r.observed > r.threshold; !ok && !v.attack.Open() {
		return out
	}
	if r.observed*2 >= r.threshold {
		v.lastHigh = now
	}
	v.peak = max(v.peak, r.observed)
	if changed := v.kind != r.kind && ok; !changed && (!ok || !v.attack.Due(g.severity(r), r.observed)) {
		return out
	} else if changed {
		v.kind = r.kind
		v.attack.Renew()
	}
	f := g.finding(key, v, r, now)
	if e != nil {
		f.Evidence = []haechi.Event{*e}
	}
	return v.attack.Tell(f, g.class+" "+about(key), r.observed, out)
}

// rests reports whether what a target was told of in this epoch and the last, which
// together hold every window that ends now, can be no flood.
func (g *engine) rests(v *victim, now int64, times float64) bool {
	l := amount{}
	switch gone := now/int64(g.length) - v.epoch; {
	case gone < 0 || v.early:
		return false
	case gone == 0:
		l = v.amounts[1]
		fallthrough
	case gone == 1:
		l.join(&v.amounts[0])
	}
	return g.calm(v, l, times)
}

// A carpet is from so many sources to so many hosts.
const (
	carpetSources = 100
	carpetHosts   = 16
)

// quiet reports whether nothing in the cells could be a flood: it saves the sum.
func (w *window) quiet() bool { return w.loud == 0 }

// severity grows with how far the limit was passed.
func (g *engine) severity(r verdict) haechi.Severity {
	if r.observed >= 10*r.threshold {
		return g.rule.Severity
	}
	return min(g.rule.Severity, haechi.Medium)
}

func (g *engine) finding(key netip.Prefix, v *victim, r verdict, now int64) haechi.Finding {
	actor := haechi.Actor{}
	if v.single {
		actor = haechi.Actor{Addr: v.last.addr, Client: v.last.from}
	}
	f := g.rule.Finding(time.Unix(0, now).UTC(), actor)
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: about(key)}
	f.Want, f.For = haechi.Pass, 0 // there is nobody to act on
	f.Severity, f.Spoofable, f.Target, f.Targets = g.severity(r), true, key, v.to()
	f.Observed, f.Threshold, f.Window = r.observed, r.threshold, g.length
	f.First, f.Last = time.Unix(0, v.start(now, g.width)).UTC(), time.Unix(0, max(v.lastHigh, v.last.at)).UTC()
	f.Reasons = [4]haechi.Fact{{Name: "sources", Value: float64(v.sourceCount())}, {Name: "peak", Value: v.peak}, r.facts[0], r.facts[1]}
	return f
}

func (v *victim) sourceCount() uint64 {
	if v.single {
		return 1
	}
	return v.from()
}

// start is the begin of the oldest cell of the window that holds anything.
func (v *victim) start(now, width int64) int64 {
	oldest := now
	for i := range v.cells.cells {
		if c := &v.cells.cells[i]; c.when > now/width-15 && (c.begun > 0 || c.packets > 0) {
			oldest = min(oldest, c.since)
		}
	}
	return oldest
}

func about(key netip.Prefix) string {
	if key.IsSingleIP() {
		return key.Addr().String()
	}
	return key.String()
}

// lookAt judges targets again, and ends what was quiet for long.
func (g *engine) lookAt(t *targets, now time.Time, out []haechi.Finding) []haechi.Finding {
	t.restless = false
	for key, v := range t.All() {
		if v.hits > sketchFrom || v.attack.Open() {
			out = g.tell(t, key, v, now.UnixNano(), nil, out)
		}
		if v.attack.Open() && now.UnixNano()-v.lastHigh > int64(quiet) {
			out = g.end(key, v, now, out)
		}
	}
	return out
}

// Tick implements the pipeline's detector: what had time to be answered and was not is
// judged, and what is over is told.
func (g *engine) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, t := range [...]*targets{&g.hosts, &g.nets} {
		if t.restless {
			out = g.lookAt(t, now, out)
		}
		t.Expire(now.Add(-max(2*g.length, 2*quiet)).UnixNano(), func(key netip.Prefix, v *victim) {
			if v.attack.Open() {
				out = g.end(key, v, now, out)
			}
		})
	}
	g.news.table.Expire(now.Add(-10*time.Minute).UnixNano(), nil)
	return out
}

// end tells of a flood that is over, with its peak.
func (g *engine) end(key netip.Prefix, v *victim, now time.Time, out []haechi.Finding) []haechi.Finding {
	v.attack.Peak(v.peak, time.Unix(0, v.lastHigh).UTC())
	out = v.attack.End(now, out)
	v.peak, v.kind = 0, ""
	return out
}
