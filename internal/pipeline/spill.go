package pipeline

import (
	"github.com/axiomhq/hyperloglog"

	"haechi"
)

// alike is what events must share to be coalesced: the actor, and all that says
// what kind of thing happened. Reason, status and class belong to it, since a rule
// that counts one of them must not be charged with another.
type alike struct {
	actor  uint64
	common bucket
}

// bucket is what the overflow still tells apart.
type bucket struct {
	service   string
	reason    haechi.Reason
	class     string
	status    int
	kind      haechi.Kind
	outcome   haechi.Outcome
	assurance haechi.Assurance
	provoked  bool
	shadow    bool
	allowed   bool
	tls       bool
}

func bucketOf(e *haechi.Event) bucket {
	return bucket{e.Service, e.Reason, e.Class, e.Status, e.Kind, e.Outcome, e.Assurance, e.Provoked, e.Shadow, e.Allowed, e.TLS}
}

// maxBuckets bounds the overflow: beyond it, only kind, outcome and the allow list
// are told apart, which are closed sets.
const maxBuckets = 64

// sketchBits gives a sketch of 1 KiB with an error of about 3 %.
const sketchBits = 10

// spill holds what found the queue full: coalesced events up to a cap, then
// overflow buckets with exact counts and an estimate of distinct actors. It keeps
// the order of first appearance, so that a replay is deterministic.
type spill struct {
	events   []haechi.Event
	index    map[alike]int
	overflow map[bucket]int
	buckets  []overflow
}

type overflow struct {
	event  haechi.Event
	actors *hyperloglog.Sketch
}

func newSpill(events int) *spill {
	return &spill{events: make([]haechi.Event, 0, events), index: map[alike]int{}, overflow: map[bucket]int{}}
}

// add takes the event and reports whether its details were kept.
func (s *spill) add(e *haechi.Event, actor uint64) bool {
	key := alike{actor, bucketOf(e)}
	if i, ok := s.index[key]; ok {
		merge(&s.events[i], e)
		return true
	}
	if len(s.events) < cap(s.events) {
		s.index[key] = len(s.events)
		s.events = append(s.events, *e)
		return true
	}
	s.count(e, key)
	return false
}

func (s *spill) count(e *haechi.Event, key alike) {
	b := key.common
	if _, ok := s.overflow[b]; !ok && len(s.buckets) >= maxBuckets {
		b = bucket{kind: b.kind, outcome: b.outcome, allowed: b.allowed}
	}
	i, ok := s.overflow[b]
	if !ok {
		i = len(s.buckets)
		s.overflow[b] = i
		s.buckets = append(s.buckets, newOverflow(b))
	}
	o := &s.buckets[i]
	o.event.Count += e.N()
	o.actors.InsertHash(actor64(key.actor))
	if e.Time.After(o.event.Time) {
		o.event.Time = e.Time
	}
	o.event.BytesIn += e.BytesIn
	o.event.BytesOut += e.BytesOut
}

func newOverflow(b bucket) overflow {
	// The only error is a precision out of range, and this one is a constant in it.
	sk, _ := hyperloglog.NewSketch(sketchBits, false)
	return overflow{actors: sk, event: haechi.Event{
		Service: b.service, Reason: b.reason, Class: b.class, Status: b.status, Kind: b.kind, Outcome: b.outcome,
		Provoked: b.provoked, Shadow: b.shadow, TLS: b.tls, Actor: haechi.Actor{Assurance: b.assurance, Allowed: b.allowed},
	}}
}

// actor64 spreads the hash once more: its high bits chose the shard already.
func actor64(h uint64) uint64 {
	h ^= h >> 31
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// each calls f for every coalesced event, then for every overflow bucket.
func (s *spill) each(f func(*haechi.Event)) {
	for i := range s.events {
		f(&s.events[i])
	}
	for i := range s.buckets {
		o := &s.buckets[i]
		o.event.Distinct = o.actors.Estimate()
		f(&o.event)
	}
}

func (s *spill) reset() {
	if len(s.events) == 0 {
		return
	}
	clear(s.events)
	s.events = s.events[:0]
	clear(s.buckets)
	s.buckets = s.buckets[:0]
	clear(s.index)
	clear(s.overflow)
}

// merge makes dst stand for e too. A detail that is not the same in both is gone,
// so that no rule takes it for that of all.
func merge(dst, e *haechi.Event) {
	dst.Count = dst.N() + e.N()
	if e.Time.After(dst.Time) {
		dst.Time = e.Time
	}
	dst.BytesIn += e.BytesIn
	dst.BytesOut += e.BytesOut
	dst.Duration = max(dst.Duration, e.Duration)
	dst.Severity = max(dst.Severity, e.Severity)
	dst.Verdict = max(dst.Verdict, e.Verdict)
	dst.Observed = max(dst.Observed, e.Observed)
	same(&dst.Room, e.Room)
	same(&dst.Frame, e.Frame)
	same(&dst.Method, e.Method)
	same(&dst.Host, e.Host)
	same(&dst.Path, e.Path)
	same(&dst.UserAgent, e.UserAgent)
	same(&dst.Text, e.Text)
	same(&dst.Rule, e.Rule)
	same(&dst.Ref, e.Ref)
	same(&dst.Threshold, e.Threshold)
	same(&dst.Window, e.Window)
	same(&dst.Session, e.Session)
	same(&dst.Port, e.Port)
	same(&dst.LocalPort, e.LocalPort)
	mergeActor(&dst.Actor, &e.Actor)
}

// mergeActor keeps what both have: the key by which they were coalesced is the
// same, the address, a claimed device or a fingerprint need not be.
func mergeActor(dst, a *haechi.Actor) {
	same(&dst.Addr, a.Addr)
	same(&dst.Client, a.Client)
	same(&dst.Device, a.Device)
	same(&dst.Certificate, a.Certificate)
	same(&dst.User, a.User)
	same(&dst.Fingerprint, a.Fingerprint)
}

func same[T comparable](dst *T, v T) {
	if *dst != v {
		var zero T
		*dst = zero
	}
}
