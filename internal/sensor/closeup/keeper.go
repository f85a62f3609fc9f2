package closeup

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// Config bounds the keeper. Zero values take the defaults.
type Config struct {
	Hosts  int           // that are kept at once, 16
	Ring   int           // bytes for each, 1 MiB
	For    time.Duration // how long a host is watched after its incident was last told of, 15 min
	V6Bits int           // the prefix that makes an IPv6 client, 64
}

func (c Config) filled() Config {
	c.Hosts = cmp.Or(c.Hosts, 16)
	c.Ring = cmp.Or(c.Ring, 1<<20)
	c.For = cmp.Or(c.For, 15*time.Minute)
	c.V6Bits = cmp.Or(c.V6Bits, 64)
	return c
}

// Keeper keeps packets. It is safe for concurrent use.
type Keeper struct {
	cfg   Config
	until atomic.Int64 // when the last host's time ends, in Unix nanoseconds

	mu      sync.Mutex
	hosts   map[netip.Prefix]*host
	refused uint64 // incidents about what is no single client
	gaveWay uint64 // hosts for which there was no room any more
}

// host is one that is or was watched.
type host struct {
	incident haechi.Reference
	since    time.Time
	until    time.Time
	ring     ring
	packets  uint64 // seen
}

// New makes a keeper that watches nobody.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg.filled(), hosts: map[netip.Prefix]*host{}}
}

// Watch begins to keep what is seen of the client that an incident is about, or goes on
// with it. What is no single client is counted and left alone.
func (k *Keeper) Watch(in *haechi.Incident, now time.Time) {
	p := in.About.Prefix
	k.mu.Lock()
	defer k.mu.Unlock()
	if !in.About.IsSource() || !p.IsValid() || p != k.client(p.Addr()) {
		k.refused++
		return
	}
	h := k.hosts[p]
	if h == nil {
		if len(k.hosts) >= k.cfg.Hosts {
			k.makeWay()
		}
		h = &host{incident: in.ID, since: now, ring: ring{b: make([]byte, k.cfg.Ring)}}
		k.hosts[p] = h
	}
	h.until = now.Add(k.cfg.For)
	k.until.Store(max(k.until.Load(), h.until.UnixNano()))
}

// makeWay forgets the host whose time ends first.
func (k *Keeper) makeWay() {
	var first netip.Prefix
	for p, h := range k.hosts {
		if o := k.hosts[first]; o == nil || h.until.Before(o.until) || h.until.Equal(o.until) && p.Compare(first) < 0 {
			first = p
		}
	}
	delete(k.hosts, first)
	k.gaveWay++
}

// Watching reports whether somebody is watched at that time (Unix nanoseconds).
func (k *Keeper) Watching(at int64) bool { return k != nil && at <= k.until.Load() }

// Packet is told of each packet: its time (Unix nanoseconds), link type, length as sent,
// bytes, which are copied where they are kept, and ends.
func (k *Keeper) Packet(at int64, link uint32, wire int, b []byte, src, dst netip.Addr) {
	if !k.Watching(at) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(k.client(src), at, link, wire, b)
	if other := k.client(dst); other != k.client(src) {
		k.keep(other, at, link, wire, b)
	}
}

func (k *Keeper) keep(p netip.Prefix, at int64, link uint32, wire int, b []byte) {
	if h := k.hosts[p]; h != nil && at <= h.until.UnixNano() {
		h.packets++
		h.ring.put(at, link, wire, b)
	}
}

func (k *Keeper) client(a netip.Addr) netip.Prefix { return clientkey.Of(a, k.cfg.V6Bits) }

// List says of whom packets are kept, the newest first. A nil keeper keeps none.
func (k *Keeper) List() []haechi.Closeup {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]haechi.Closeup, 0, len(k.hosts))
	for p, h := range k.hosts {
		out = append(out, haechi.Closeup{About: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: p}, Incident: h.incident, Since: h.since, Until: h.until,
			Seen: h.packets, Kept: uint64(h.ring.count), Bytes: uint64(h.ring.used)})
	}
	slices.SortFunc(out, func(a, b haechi.Closeup) int {
		return cmp.Or(b.Since.Compare(a.Since), a.About.Prefix.Compare(b.About.Prefix))
	})
	return out
}

// Stats are the keeper's counters.
func (k *Keeper) Stats() []haechi.Counter {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return []haechi.Counter{{Name: "closeup_hosts", Value: uint64(len(k.hosts))}, {Name: "closeup_gave_way", Value: k.gaveWay}, {Name: "closeup_refused", Value: k.refused}}
}
