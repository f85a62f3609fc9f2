package devices

import (
	"fmt"
	"net/netip"
	"time"

	"haechi"
)

// comeBack is how long after its first contact a device must be heard again to
// count as one that came back: phones come back after four seconds or more.
const comeBack = time.Second

// room finds a place for one more pending device of the client, or says why there
// is none. The caller holds mu.
//
// While there is room, whoever comes first waits. In a full queue a newcomer is
// refused and noted, and may take another's place when it comes back, as honest
// phones do for ever and an inventor of devices does not: that of a device that
// never came back itself, or of the newest device of whoever holds more places.
// So a flood can neither push out a phone that keeps coming back nor keep one out,
// unless it comes back as well and from as many networks as there are places.
func (r *Registry) room(e *entry, byOperator bool, now time.Time) error {
	share := e.client.IsValid() && r.waiting.count(e.client) >= r.cfg.PendingPerClient
	if !share && len(r.line) < r.cfg.PendingCap {
		return nil
	}
	if since := r.seenBefore.note(e.client, e.dev.Key, now); since >= comeBack {
		e.dev.FirstSeen = now.Add(-since)
	} else if !byOperator {
		return r.full(e.client, share)
	}
	victim := r.weakest(e, share)
	if victim == nil {
		return r.full(e.client, share)
	}
	r.displace(victim, now)
	return nil
}

func (r *Registry) full(client netip.Prefix, share bool) error {
	msg := fmt.Sprintf("%d devices are pending already", len(r.line))
	if share {
		msg = fmt.Sprintf("%d devices from %v are pending already", r.waiting.count(client), client)
	}
	return &haechi.Error{Kind: haechi.Exhausted, Op: "register a device", Msg: msg,
		Hint: "approve or delete pending devices, or hand out an enrolment code: haechi devices --status pending"}
}

// place is an entry's place in the queue.
type place struct {
	entry          *entry
	at             int  // in the queue
	returned, kept bool // kept: an operator has had a hand in it
	first          time.Time
	share, net     *group // the places that its client and its network hold; nil without an address
}

// weaker orders places by the claim to them: who never came back before who did,
// then who holds most; among equals the older of those that never came back, as it
// had the longer chance, and the newer of those that did.
func (p *place) weaker(q *place) bool {
	switch {
	case p.returned != q.returned:
		return q.returned
	case p.net.n != q.net.n:
		return p.net.n > q.net.n
	case p.share.n != q.share.n:
		return p.share.n > q.share.n
	}
	return p.first.Before(q.first) != p.returned
}

// weakest is the pending device whose place the newcomer may take, nil if there is
// none. Within the newcomer's own share only those that never came back may go.
func (r *Registry) weakest(e *entry, own bool) *entry {
	if r.hopeless(e) {
		return nil
	}
	var found *place
	for _, p := range r.line {
		if p.kept || p.share == nil || own && (p.returned || p.entry.client != e.client) {
			continue
		}
		if found == nil || p.weaker(found) {
			found = p
		}
	}
	if found == nil {
		return nil
	}
	if found.entry.byOperator() {
		found.kept = true
		return r.weakest(e, own)
	}
	net := networkOf(e.client)
	nets, clients := r.nets.count(net)+1, r.waiting.count(e.client)+1
	if !found.returned || found.net.n > nets || found.net == r.nets[net] && found.share.n > clients {
		return found.entry
	}
	return nil
}

// hopeless spares looking at every place in a siege: everybody came back, no
// network holds more than the newcomer's, and no client more than one place.
func (r *Registry) hopeless(e *entry) bool {
	if r.alone > 0 || len(r.waiting) < len(r.line) {
		return false
	}
	nets := r.nets.count(networkOf(e.client)) + 1
	for _, g := range r.nets {
		if g.n > nets {
			return false
		}
	}
	return true
}

// byOperator reports whether an operator has had a hand in the device.
func (e *entry) byOperator() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dev.By != "" || len(e.dev.Keys) > 0
}

// displace takes a pending device out of the queue; the next flush takes it out of
// the store. It is noted, so that it may come back. The caller holds mu.
func (r *Registry) displace(e *entry, now time.Time) {
	r.settle(e)
	r.put(e.dev.Key, nil)
	e.mu.Lock()
	e.removed = true
	if e.stored {
		r.gone[e.dev.Key] = struct{}{}
	}
	e.mu.Unlock()
	r.seenBefore.note(e.client, e.dev.Key, now)
	r.displaced.Add(1)
}

// returned reports whether the device came back after its first contact. The
// caller holds the entry's mu.
func (e *entry) returned() bool { return e.dev.LastSeen.Sub(e.dev.FirstSeen) >= comeBack }

// back notes that a pending device came back: it keeps its place. The caller holds
// the registry's mu.
func (r *Registry) back(e *entry, addr netip.Addr, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dev.Status != haechi.Pending {
		return
	}
	e.touched, e.dev.LastSeen = true, now
	e.at(addr)
	if p := e.place; p != nil && !p.returned && e.returned() {
		p.returned = true
		r.alone--
	}
}

// wait gives an entry its place among the pending ones; settle takes it away. The
// caller holds mu, or nobody else knows the registry yet.
func (r *Registry) wait(e *entry) {
	if !e.client.IsValid() {
		e.client = clientOf(e.addr)
	}
	if e.place != nil || e.known() {
		return
	}
	e.mu.Lock()
	p := &place{entry: e, at: len(r.line), returned: e.returned(), first: e.dev.FirstSeen}
	e.place = p
	e.mu.Unlock()
	if !p.returned {
		r.alone++
	}
	if e.client.IsValid() {
		p.share, p.net = r.waiting.take(e.client), r.nets.take(networkOf(e.client))
	}
	r.line = append(r.line, p)
}

func (r *Registry) settle(e *entry) {
	p := e.place
	if p == nil {
		return
	}
	e.place = nil
	if !p.returned {
		r.alone--
	}
	last := len(r.line) - 1
	r.line[p.at] = r.line[last]
	r.line[p.at].at = p.at
	r.line[last] = nil
	r.line = r.line[:last]
	if p.share != nil {
		r.waiting.free(e.client)
		r.nets.free(networkOf(e.client))
	}
}

// places counts the places that each group of clients holds.
type places map[netip.Prefix]*group

type group struct{ n int }

func (p places) count(of netip.Prefix) int {
	if g := p[of]; g != nil {
		return g.n
	}
	return 0
}

func (p places) take(of netip.Prefix) *group {
	g := p[of]
	if g == nil {
		g = &group{}
		p[of] = g
	}
	g.n++
	return g
}

func (p places) free(of netip.Prefix) {
	if g := p[of]; g != nil {
		if g.n--; g.n == 0 {
			delete(p, of)
		}
	}
}

// clientOf is the unit of fairness: the IPv4 address or the IPv6 /64.
func clientOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return netip.Prefix{}
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// networkOf is the wider unit: what one customer of a provider commonly has, the
// IPv4 /24 or the IPv6 /48 around a client.
func networkOf(client netip.Prefix) netip.Prefix {
	if !client.IsValid() {
		return client
	}
	bits := 24
	if client.Addr().Is6() {
		bits = 48
	}
	return netip.PrefixFrom(client.Addr(), bits).Masked()
}
