package session

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// GoodDevices counts the different devices behind a source that have proved
// themselves and are not refused: those with a live session, and those that left
// by themselves a short while ago.
func (e *Enforcer) GoodDevices(source netip.Prefix, now time.Time) int {
	scope, ok := storable(haechi.Scope{Kind: haechi.ScopePrefix, Prefix: source})
	if !ok {
		return 0
	}
	good := make(map[string]bool)
	for _, l := range e.live.within(scope) {
		mu := e.live.lock(l)
		mu.Lock()
		if a := e.live.actor(l); deviceOf(&a) != "" && !l.done && scope.Covers(&a) {
			good[a.Device] = true
		}
		mu.Unlock()
	}
	e.memory.collect(good, scope.Prefix, e.live.narrow(scope), now)
	n := 0
	for dev := range good {
		if !e.refused(dev, now) {
			n++
		}
	}
	return n
}

// refused reports whether a decision in force refuses the device itself.
func (e *Enforcer) refused(device string, now time.Time) bool {
	for _, r := range e.table.names[haechi.ScopeDevice].get(device) {
		if r.Action >= haechi.Deny && r.Applies(now) {
			return true
		}
	}
	return false
}

// maxPerClient bounds what is remembered of one address: more devices do not
// protect it better.
const maxPerClient = 16

// memory remembers good devices that have left.
type memory struct {
	keep   time.Duration
	max    int
	v6Bits int

	mu       sync.Mutex
	byClient map[netip.Prefix][]left
	size     int
	refused  uint64
}

type left struct {
	device string
	addr   netip.Addr
	at     time.Time
}

func newMemory(keep time.Duration, limit, v6Bits int) *memory {
	return &memory{keep: keep, max: limit, v6Bits: v6Bits, byClient: make(map[netip.Prefix][]left)}
}

func (m *memory) add(device string, addr netip.Addr, now time.Time) {
	client := clientkey.Of(addr, m.v6Bits)
	if m.keep <= 0 || !client.IsValid() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.byClient[client]
	if i := slices.IndexFunc(list, func(l left) bool { return l.device == device }); i >= 0 {
		list[i].addr, list[i].at = addr, now
		return
	}
	if len(list) >= maxPerClient {
		oldest := 0
		for i := range list {
			if list[i].at.Before(list[oldest].at) {
				oldest = i
			}
		}
		list[oldest] = left{device, addr, now}
		return
	}
	if m.size >= m.max {
		m.refused++
		return
	}
	m.byClient[client] = append(list, left{device, addr, now})
	m.size++
}

// collect adds the devices remembered behind the source. narrow says that they are
// all of one client.
func (m *memory) collect(good map[string]bool, source netip.Prefix, narrow bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add := func(list []left) {
		for _, l := range list {
			if source.Contains(l.addr) && now.Sub(l.at) < m.keep {
				good[l.device] = true
			}
		}
	}
	if narrow {
		add(m.byClient[clientkey.Of(source.Addr(), m.v6Bits)])
		return
	}
	for _, list := range m.byClient {
		add(list)
	}
}

func (m *memory) forget(device string) {
	m.drop(func(l left) bool { return l.device == device })
}

func (m *memory) sweep(now time.Time) {
	m.drop(func(l left) bool { return now.Sub(l.at) >= m.keep })
}

func (m *memory) drop(which func(left) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for client, list := range m.byClient {
		kept := slices.DeleteFunc(list, which)
		m.size -= len(list) - len(kept)
		if len(kept) == 0 {
			delete(m.byClient, client)
		} else {
			m.byClient[client] = kept
		}
	}
}

func (m *memory) stats() (held int, refused uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size, m.refused
}
