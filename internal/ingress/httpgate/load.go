package httpgate

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/conncap"
	"haechi/internal/brick/gcra"
	"haechi/internal/brick/strain"
	"haechi/internal/brick/tenure"
)

// Costs knows what each client has taken up of the servers behind.
type Costs interface {
	// Afford judges whether the client may ask for more while others wait.
	Afford(service string, a *haechi.Actor, now time.Time) haechi.Verdict
	// Spend charges what a request took: the servers' time, and bytes both ways.
	Spend(service string, a *haechi.Actor, work time.Duration, bytes int64, now time.Time)
}

// load is what the servers behind one site have to do, and who may add to it. It
// outlives the site: the next gate's goes on with it.
type load struct {
	service string
	shadow  bool
	most    int
	each    int
	places  *conncap.Cap // of each client, each of them
	gauge   *strain.Gauge
	known   *tenure.Table
	hash    gcra.Hasher
	seed    maphash.Seed
	origin  time.Time
	told    atomic.Bool // that the servers are busy
	shed    atomic.Uint64
}

// knownClients is for how many clients a site remembers since when they are known.
const knownClients = 65_536

// newLoad returns nil for a site without a bound, and for one that asks nobody.
func newLoad(s Site, now time.Time) *load {
	if s.Load.Mode == haechi.Off || s.SecureAt != "" {
		return nil
	}
	// Who is under way holds a place, so more clients than requests there are none.
	return &load{service: s.Service, shadow: s.Load.Mode == haechi.Shadow, most: s.Load.InFlight, gauge: strain.New(s.Load.InFlight, 0),
		each: s.Load.Each, places: conncap.New(s.Load.Each, 2*s.Load.InFlight),
		known: tenure.New(knownClients), hash: gcra.NewHasher(), seed: maphash.MakeSeed(), origin: now}
}

// adopt goes on with what the site of the gate before knew, where the bounds are the
// same.
func (l *load) adopt(before *load) *load {
	if l == nil || before == nil || l.service != before.service || l.most != before.most || l.each != before.each || l.shadow != before.shadow {
		return l
	}
	return before
}

// since is monotonic time since the origin.
func (l *load) since() time.Duration { return time.Since(l.origin) }

// kind is what requests are compared with: the method and the first two segments of the
// path.
func (l *load) kind(method, path string) uint64 {
	end := len(path)
	for i, segments := 1, 0; i < len(path); i++ {
		if path[i] == '/' {
			if segments++; segments == 2 {
				end = i
				break
			}
		}
	}
	return maphash.String(l.seed, path[:end]) ^ maphash.String(l.seed, method)
}

// The ranks of clients, and from which fill on the servers are closed to each. New ones
// are refused from halfOpen on, the newest first: see tenureFor.
const (
	halfOpen    = 0.5
	knownLong   = 10 * time.Minute // of tenure; such clients are refused last but for those below
	shutKnown   = 1.25
	shutProved  = 1.5
	closedToAll = 1 + 1.0/16 // of the most; for the allow list
)

// tenureFor is for how long a client must have been known to be let in: nothing until
// the servers are half full, then ever more up to knownLong. It is never more than half
// the age of the gauge, for after a start everybody is new.
func tenureFor(st strain.State) time.Duration {
	over := min(max(st.Fill-halfOpen, 0)/(1-halfOpen), 1)
	return min(time.Duration(over*over*float64(knownLong)), st.Age/2)
}

// admits judges a request by what its client is, in the order that is written down:
// allowed, authenticated, known for long, known, new.
func (l *load) admits(a *haechi.Actor, proxy bool, st strain.State, now time.Duration) bool {
	full := float64(st.Under) / float64(l.most)
	switch {
	case a.Allowed:
		return full < closedToAll
	case full >= 1:
		return false
	case proxy || a.Assurance == haechi.Authenticated:
		return st.Fill < shutProved
	case st.Fill < halfOpen:
		return true
	}
	return st.Fill < shutKnown && l.known.Since(l.hash.Prefix(a.Client), now) >= tenureFor(st)
}

// contended reports whether others wait for what a client takes up.
func contended(st strain.State) bool { return st.Busy || st.Fill >= halfOpen }

// enter asks whether the servers behind may be given the request. If not, it has
// answered. What enters leaves.
func (x *exchange) enter() bool {
	l := x.site.load.Load()
	if l == nil {
		return true
	}
	x.lead = x.origin.Sub(l.origin)
	now := x.lead + x.clock()
	st := l.gauge.State(int64(now))
	x.tellStrain(l, st)
	v, status := x.weigh(l, st, now)
	if v.Action == haechi.Pass {
		v, status = x.takePlace(l), http.StatusTooManyRequests
	}
	if v.Action != haechi.Pass {
		if !v.Shadow {
			x.refuse(v, status)
			return false
		}
		if x.verdict.Action == haechi.Pass {
			x.verdict = v
		}
	}
	x.load, x.ticket = l, l.gauge.Enter(l.kind(x.in.method, x.in.path), int64(now))
	return true
}

// takePlace bounds how many requests of one client the servers have at once: over HTTP/2
// and behind a trusted proxy no number of connections does. It stays taken until the
// client has its answer.
func (x *exchange) takePlace(l *load) haechi.Verdict {
	if x.actor.Allowed || x.isProxy() {
		return haechi.Verdict{}
	}
	if x.placed = l.places.Acquire(x.actor.Client); x.placed {
		return haechi.Verdict{}
	}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonConnectionLimit, Rule: RuleInFlight, Shadow: l.shadow, Delay: time.Second,
		Observed: float64(l.places.Held(x.actor.Client)) + 1, Threshold: float64(l.each)}
	v.Ref = x.refFor(v.Rule)
	return v
}

// isProxy reports whether the actor is a trusted proxy itself, which stands for many.
func (x *exchange) isProxy() bool {
	return x.trusted && (x.direct || x.g.deps.Clients.Trusted(x.actor.Addr))
}

// weigh judges the request against what the servers have to do.
func (x *exchange) weigh(l *load, st strain.State, now time.Duration) (haechi.Verdict, int) {
	if !l.admits(&x.actor, x.isProxy(), st, now) {
		l.shed.Add(1)
		v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOverload, Rule: RuleOverload, Shadow: l.shadow,
			Delay:    retryBusy + time.Duration(x.asked.UnixNano()%5)*time.Second, // so that they do not all come back at once
			Observed: float64(st.Under), Threshold: float64(st.Limit)}
		v.Ref = x.refFor(v.Rule)
		return v, http.StatusServiceUnavailable
	}
	if !contended(st) || x.actor.Allowed || x.isProxy() {
		return haechi.Verdict{}, 0
	}
	return x.g.deps.Costs.Afford(l.service, &x.actor, x.g.deps.Now()), http.StatusTooManyRequests
}

// tellStrain emits an event when the servers have become busy, and when all is as
// before. The event is made by another function: a request that tells nothing pays
// nothing for it.
func (x *exchange) tellStrain(l *load, st strain.State) {
	if told := l.told.Load(); st.Busy && !told || told && !st.Busy && st.Limit == l.most {
		x.emitStrain(l, st)
	}
}

func (x *exchange) emitStrain(l *load, st strain.State) {
	e := haechi.Event{Kind: haechi.KindSystem, Service: l.service, Reason: haechi.ReasonOverload, Observed: st.Ratio, Threshold: strain.EnterRatio}
	switch {
	case st.Busy && l.told.CompareAndSwap(false, true):
		e.Outcome, e.Severity = haechi.Failure, haechi.Medium
		e.Text = fmt.Sprintf("the servers behind %s have more to do than they can: %d requests under way, %d overdue, answers take %.1f times as long as usual; "+
			"who takes up most is slowed down, and the newest clients are refused first", l.service, st.Under, st.Overdue, st.Ratio)
	case !st.Busy && l.told.CompareAndSwap(true, false):
		e.Outcome = haechi.Success
		e.Text = fmt.Sprintf("the servers behind %s keep up again: %d requests under way; %d requests were refused for overload since the start", l.service, st.Under, l.shed.Load())
	default:
		return
	}
	e.Time = x.g.deps.Now().UTC()
	x.g.deps.Sink.Emit(&e)
}

// began notes that the server began to answer. A stream of events is not under way any
// more then: it waits without work.
func (x *exchange) began(status int, contentType string) {
	if x.load == nil {
		return
	}
	sent := x.body == nil || x.bodyHere // else the client's slowness would count as the server's
	x.load.gauge.Answered(x.ticket, int64(x.lead+x.clock()), sent && status < http.StatusBadRequest)
	if strings.HasPrefix(contentType, "text/event-stream") {
		x.leave(status, x.g.deps.Now())
	}
}

// missed notes that the server did not answer.
func (x *exchange) missed(err error) {
	var timeout net.Error
	if x.load != nil && errors.As(err, &timeout) && timeout.Timeout() {
		x.load.gauge.Answered(x.ticket, int64(x.load.since()), x.body == nil || x.bodyHere)
	}
}

// leave gives back the request's place, once, charges the client with what it took, and
// remembers one that was answered well.
func (x *exchange) leave(status int, at time.Time) {
	l := x.load
	if l == nil {
		return
	}
	now := x.lead + x.clock()
	work := x.release(now)
	x.load, x.ticket = nil, 0
	if x.placed {
		l.places.Release(x.actor.Client)
		x.placed = false
	}
	if x.actor.Allowed || x.isProxy() {
		return
	}
	bytes := x.out + x.got
	if x.body != nil {
		bytes += x.body.n.Load()
	}
	x.g.deps.Costs.Spend(l.service, &x.actor, work, bytes, at)
	if !x.refused && status >= http.StatusSwitchingProtocols && status < http.StatusBadRequest {
		x.met(l, now)
	}
}

// met remembers the client. The resolution is a second, so that a connection with many
// requests need not be looked up for each.
func (x *exchange) met(l *load, now time.Duration) {
	if x.lane != nil && x.direct {
		this := met{l, now / time.Second}
		if x.lane.met == this {
			return
		}
		x.lane.met = this
	}
	l.known.Met(l.hash.Prefix(x.actor.Client), now)
}

// met is where and in which second since its origin a client was met last.
type met struct {
	at     *load
	second time.Duration
}

// release gives the ticket back, unless the end of the answer has.
func (x *exchange) release(now time.Duration) time.Duration {
	if x.answerBody != nil {
		return x.answerBody.release(now)
	}
	return x.load.gauge.Leave(x.ticket, int64(now))
}

// loadCounters are those of all sites together.
func (g *Gate) loadCounters() []haechi.Counter {
	var shed, under, busy, crowded uint64
	for _, s := range g.sites {
		l := s.load.Load()
		if l == nil {
			continue
		}
		st := l.gauge.Look()
		shed, under, crowded = shed+l.shed.Load(), under+uint64(st.Under), crowded+l.places.Refused()
		if st.Busy {
			busy++
		}
	}
	return []haechi.Counter{{Name: "http_shed", Value: shed}, {Name: "http_in_flight_now", Value: under}, {Name: "http_busy_now", Value: busy},
		{Name: "http_client_in_flight_refused", Value: crowded}}
}
