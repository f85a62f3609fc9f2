package session

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// live is one live session. There may be as many as connections, most of them silent,
// so it is as little as can be. What it is found by, addr and device, changes only
// while it is in no index; the rest is guarded by the registry's lock of it.
type live struct {
	id      uint64
	session interface{ Cut(haechi.Verdict) }

	device string
	addr   [16]byte

	links [2]link // in the indexes by client and by device, under their locks

	service   uint16 // in the registry's names
	bits      uint8  // of the client's prefix
	assurance haechi.Assurance
	allowed   bool
	more      bool // the actor is more than can be told from here: the registry has it
	done      bool // cut was called
	closed    bool
}

// link is a place in a list of sessions with one key.
type link struct{ next, prev *live }

// address is where the peer is, or invalid.
func (l *live) address() netip.Addr {
	if l.addr == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(l.addr).Unmap()
}

// bytesOf is the address without a zone; all zero: none.
func bytesOf(a netip.Addr) (b [16]byte) {
	if a.IsValid() {
		b = a.As16()
	}
	return b
}

// plain is who the peer is, unless it is more.
func (l *live) plain() haechi.Actor {
	addr := l.address()
	client, _ := addr.Prefix(int(l.bits)) // the length is that of a prefix of its own
	return haechi.Actor{Addr: addr, Client: client, Device: l.device, Assurance: l.assurance, Allowed: l.allowed}
}

// registry knows every live session: by number, by client and by proved device.
type registry struct {
	v6Bits   int
	next     atomic.Uint64
	count    atomic.Int64
	locks    [shards]sync.Mutex              // of sessions, by number; taken before any index lock
	whole    [shards]map[uint64]haechi.Actor // of sessions whose actor is more than they hold, under their lock
	names    names
	byID     *index[uint64]
	byClient *index[netip.Prefix]
	byDevice *index[string]
}

// The places in live.links.
const (
	single   = -1
	atClient = 0
	atDevice = 1
)

func newRegistry(seed maphash.Seed, v6Bits int) *registry {
	r := &registry{v6Bits: v6Bits}
	r.byID = newIndex(single, func(id uint64) uint64 { return hashID(seed, id) }, func(l *live) uint64 { return l.id })
	r.byClient = newIndex(atClient, func(p netip.Prefix) uint64 { return hashPrefix(seed, p) }, func(l *live) netip.Prefix { return r.client(l.address()) })
	r.byDevice = newIndex(atDevice, func(v string) uint64 { return maphash.String(seed, v) }, func(l *live) string { return l.device })
	return r
}

// lock guards what is known of a session.
func (r *registry) lock(l *live) *sync.Mutex { return &r.locks[l.id%shards] }

// actor is who the peer is, as far as was told. The session's lock is held.
func (r *registry) actor(l *live) haechi.Actor {
	if l.more {
		return r.whole[l.id%shards][l.id]
	}
	return l.plain()
}

// know takes over what is known of the actor, but for address and device. The session's
// lock is held.
func (r *registry) know(l *live, a *haechi.Actor) {
	l.assurance, l.allowed, l.bits = a.Assurance, a.Allowed, uint8(a.Client.Bits())
	whole := &r.whole[l.id%shards]
	if l.more {
		delete(*whole, l.id)
	}
	if l.more = l.plain() != *a; !l.more {
		return
	}
	if *whole == nil {
		*whole = map[uint64]haechi.Actor{}
	}
	(*whole)[l.id] = *a
}

// client is the key under which a session is found by address.
func (r *registry) client(a netip.Addr) netip.Prefix { return clientkey.Of(a, r.v6Bits) }

// deviceOf is the proved device, or "".
func deviceOf(a *haechi.Actor) string {
	if a.Assurance != haechi.Authenticated {
		return ""
	}
	return a.Device
}

func (r *registry) open(service string, a *haechi.Actor, s interface{ Cut(haechi.Verdict) }) *live {
	l := &live{id: r.next.Add(1), service: r.names.of(service), session: s}
	mu := r.lock(l)
	mu.Lock()
	defer mu.Unlock()
	l.addr, l.device = bytesOf(a.Addr), a.Device
	r.know(l, a)
	r.byID.add(l.id, l)
	r.byClient.add(r.client(l.address()), l)
	if dev := deviceOf(a); dev != "" {
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
func (r *registry) identify(l *live, a *haechi.Actor) bool {
	mu := r.lock(l)
	mu.Lock()
	defer mu.Unlock()
	if l.closed {
		return false
	}
	before := r.actor(l)
	if to := bytesOf(a.Addr); to != l.addr {
		r.byClient.remove(r.client(l.address()), l)
		l.addr = to
		r.byClient.add(r.client(l.address()), l)
	}
	if from, to := deviceOf(&before), deviceOf(a); from != to || l.device != a.Device {
		if from != "" {
			r.byDevice.remove(from, l)
		}
		l.device = a.Device
		if to != "" {
			r.byDevice.add(to, l)
		}
	}
	r.know(l, a)
	return true
}

// close forgets the session. first is false when it was closed already; cut says
// whether it had been cut.
func (r *registry) close(l *live) (a haechi.Actor, cut, first bool) {
	mu := r.lock(l)
	mu.Lock()
	defer mu.Unlock()
	if l.closed {
		return a, false, false
	}
	l.closed = true
	a = r.actor(l)
	if l.more {
		l.more = false
		delete(r.whole[l.id%shards], l.id)
	}
	r.byID.remove(l.id, l)
	r.byClient.remove(r.client(l.address()), l)
	if dev := deviceOf(&a); dev != "" {
		r.byDevice.remove(dev, l)
	}
	return a, l.done, true
}

// all lists every live session.
func (r *registry) all() []*live {
	out := make([]*live, 0, r.count.Load())
	for i := range r.byID.shards {
		s := &r.byID.shards[i]
		s.mu.Lock()
		for _, l := range s.slots {
			if l != nil {
				out = append(out, l)
			}
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

// names numbers the services, of which there are few.
type names struct {
	mu   sync.Mutex
	list []string
}

const maxNames = 1<<16 - 1

func (n *names) of(service string) uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := slices.Index(n.list, service)
	if at < 0 && len(n.list) < maxNames {
		n.list = append(n.list, service)
		at = len(n.list) - 1
	}
	return uint16(at) // beyond that it is nobody's: maxNames
}

func (n *names) name(at uint16) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if int(at) >= len(n.list) {
		return ""
	}
	return n.list[at]
}
