package session

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// live is one live session. mu is taken before any index lock.
type live struct {
	id      uint64
	service string

	mu     sync.Mutex
	actor  haechi.Actor
	cut    func(haechi.Verdict)
	done   bool // cut was called
	closed bool

	at [3]int // places in the indexes, under their locks
}

// index finds live sessions by a key, spread over shards with a lock each.
type index[K comparable] struct {
	which  int // place in live.at
	hash   func(K) uint64
	shards [64]struct {
		mu sync.Mutex
		m  map[K][]*live
	}
}

func newIndex[K comparable](which int, hash func(K) uint64) *index[K] {
	ix := &index[K]{which: which, hash: hash}
	for i := range ix.shards {
		ix.shards[i].m = make(map[K][]*live)
	}
	return ix
}

func (ix *index[K]) add(k K, l *live) {
	s := &ix.shards[ix.hash(k)%uint64(len(ix.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	l.at[ix.which] = len(s.m[k])
	s.m[k] = append(s.m[k], l)
}

// remove fills the gap with the last one, so that it costs the same for any number.
func (ix *index[K]) remove(k K, l *live) {
	s := &ix.shards[ix.hash(k)%uint64(len(ix.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.m[k]
	i, last := l.at[ix.which], len(list)-1
	if last < 0 || i > last || list[i] != l {
		return
	}
	list[i] = list[last]
	list[i].at[ix.which] = i
	list[last] = nil
	if last == 0 {
		delete(s.m, k)
		return
	}
	s.m[k] = list[:last]
}

func (ix *index[K]) list(k K) []*live {
	s := &ix.shards[ix.hash(k)%uint64(len(ix.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*live(nil), s.m[k]...)
}

// registry knows every live session: by number, by client and by proved device.
type registry struct {
	v6Bits   int
	next     atomic.Uint64
	count    atomic.Int64
	byID     *index[uint64]
	byClient *index[netip.Prefix]
	byDevice *index[string]
}

// The places in live.at.
const (
	atID = iota
	atClient
	atDevice
)

func newRegistry(seed maphash.Seed, v6Bits int) *registry {
	return &registry{
		v6Bits:   v6Bits,
		byID:     newIndex(atID, func(id uint64) uint64 { return hashID(seed, id) }),
		byClient: newIndex(atClient, func(p netip.Prefix) uint64 { return hashPrefix(seed, p) }),
		byDevice: newIndex(atDevice, func(v string) uint64 { return maphash.String(seed, v) }),
	}
}

// clientOf is the key under which a session is found by address.
func (r *registry) clientOf(a *haechi.Actor) netip.Prefix { return clientkey.Of(a.Addr, r.v6Bits) }

// deviceOf is the proved device, or "".
func deviceOf(a *haechi.Actor) string {
	if a.Assurance != haechi.Authenticated {
		return ""
	}
	return a.Device
}

func (r *registry) open(service string, a haechi.Actor, cut func(haechi.Verdict)) *live {
	l := &live{id: r.next.Add(1), service: service, actor: a, cut: cut}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.byID.add(l.id, l)
	r.byClient.add(r.clientOf(&a), l)
	if dev := deviceOf(&a); dev != "" {
		r.byDevice.add(dev, l)
	}
	return l
}

func (r *registry) find(id uint64) *live {
	if found := r.byID.list(id); len(found) == 1 {
		return found[0]
	}
	return nil
}

// identify replaces the actor; false when the session is closed.
func (r *registry) identify(l *live, a haechi.Actor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if from, to := r.clientOf(&l.actor), r.clientOf(&a); from != to {
		r.byClient.remove(from, l)
		r.byClient.add(to, l)
	}
	if from, to := deviceOf(&l.actor), deviceOf(&a); from != to {
		if from != "" {
			r.byDevice.remove(from, l)
		}
		if to != "" {
			r.byDevice.add(to, l)
		}
	}
	l.actor = a
	return true
}

// close forgets the session. first is false when it was closed already; cut says
// whether it had been cut.
func (r *registry) close(l *live) (a haechi.Actor, cut, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return a, false, false
	}
	l.closed = true
	r.byID.remove(l.id, l)
	r.byClient.remove(r.clientOf(&l.actor), l)
	if dev := deviceOf(&l.actor); dev != "" {
		r.byDevice.remove(dev, l)
	}
	return l.actor, l.done, true
}

// all lists every live session.
func (r *registry) all() []*live {
	out := make([]*live, 0, r.count.Load())
	for i := range r.byID.shards {
		s := &r.byID.shards[i]
		s.mu.Lock()
		for _, list := range s.m {
			out = append(out, list...)
		}
		s.mu.Unlock()
	}
	return out
}

// narrow reports whether an index answers for the scope.
func (r *registry) narrow(s haechi.Scope) bool {
	switch s.Kind {
	case haechi.ScopeDevice:
		return true
	case haechi.ScopeAddress, haechi.ScopePrefix:
		return s.Prefix.IsValid() && s.Prefix.Bits() >= clientkey.Of(s.Prefix.Addr(), r.v6Bits).Bits()
	}
	return false
}

// within lists sessions among which are all that the scope covers.
func (r *registry) within(s haechi.Scope) []*live {
	switch {
	case !r.narrow(s):
		return r.all()
	case s.Kind == haechi.ScopeDevice:
		return r.byDevice.list(s.Value)
	default:
		return r.byClient.list(clientkey.Of(s.Prefix.Addr(), r.v6Bits))
	}
}
