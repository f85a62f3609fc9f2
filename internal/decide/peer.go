package decide

import (
	"errors"
	"slices"
	"strings"
	"time"

	"haechi"
)

// maxPeers bounds the names of peers that are remembered for the status.
const maxPeers = 256

// Import takes over decisions of other programs, or with dry only says what that would
// do. Of each it takes Scope, Service, Action, Reason, Until, and as Rule the peer's name,
// for example fail2ban/sshd. A single IPv6 address means its client key. What an operator
// may not decide is refused and told.
//
// There is one open decision of peers for each scope and service: the same peer replaces
// its own, and another takes it over only with a later end. So what one jail takes back
// (see [Decider.Withdraw]) never ends what another wants for longer.
//
// The caller makes the returned ones durable and applies them.
func (d *Decider) Import(ds []haechi.Decision, dry bool, now time.Time) (taken []haechi.Decision, told haechi.Import) {
	d.mu.Lock()
	defer d.mu.Unlock()
	told.DryRun = dry
	p := plan{d: d, now: now, at: map[slot]int{}, told: &told}
	for i := range ds {
		p.take(ds[i])
	}
	if dry {
		return nil, told
	}
	for i := range p.entries {
		e := &entry{Decision: p.entries[i]}
		if e.ID == "" {
			e.ID = d.book.newID("peer", e.Scope, now)
		}
		d.book.add(e)
		d.peerSeen(e.Rule, now)
		taken = append(taken, e.copy())
	}
	return taken, told
}

// plan is what an import would do.
type plan struct {
	d       *Decider
	now     time.Time
	entries []haechi.Decision
	at      map[slot]int // index into entries
	added   int
	told    *haechi.Import
}

func (p *plan) take(dec haechi.Decision) {
	dec.Scope = p.d.clientOf(dec.Scope)
	scope, err := p.d.checkOperator(&dec, p.now)
	if err != nil {
		p.told.Refuse(dec.Scope, plainly(err))
		return
	}
	next := haechi.Decision{Scope: scope, Service: dec.Service, Action: dec.Action, Mode: haechi.Enforce, Rule: dec.Rule,
		Reason: dec.Reason, Origin: haechi.OriginPeer, From: p.now, Until: dec.Until}
	s := slotOf(&next)
	i, planned := p.at[s]
	switch old := p.d.book.find(s, p.now); {
	case planned:
		p.told.Same++
		if outlasts(next.Until, p.entries[i].Until) {
			p.entries[i] = succeed(&p.entries[i], &next)
		}
	case old == nil && len(p.d.book.byID)+p.added >= p.d.cfg.MaxOpen && !p.room():
		p.told.Refuse(scope, "too many decisions are open")
	case old == nil:
		p.told.Added++
		p.added++
		p.put(s, next)
	case old.Rule == next.Rule && (old.Action != next.Action || !old.Until.Equal(next.Until)):
		p.told.Changed++
		next.ID, next.From = old.ID, old.From
		p.put(s, next)
	case old.Rule != next.Rule && outlasts(next.Until, old.Until):
		p.told.Changed++
		p.put(s, succeed(&old.Decision, &next))
	default:
		p.told.Same++
	}
}

func (p *plan) put(s slot, dec haechi.Decision) {
	p.at[s] = len(p.entries)
	p.entries = append(p.entries, dec)
}

// room reports whether one more fits once what is over is forgotten.
func (p *plan) room() bool {
	p.d.book.expire(p.now)
	return len(p.d.book.byID)+p.added < p.d.cfg.MaxOpen
}

// succeed lets next go on in the place of old, no weaker than it.
func succeed(old, next *haechi.Decision) haechi.Decision {
	out := *next
	out.ID, out.From, out.Action = old.ID, old.From, max(old.Action, next.Action)
	return out
}

// outlasts reports whether an end is later; a zero one is never.
func outlasts(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }

// clientOf is the client key of a single IPv6 address, and any other scope as it is.
func (d *Decider) clientOf(s haechi.Scope) haechi.Scope {
	if a := s.Prefix.Addr(); s.Kind == haechi.ScopeAddress && a.Is6() && !a.Is4In6() && s.Prefix.IsSingleIP() {
		if p, err := a.WithZone("").Prefix(d.cfg.V6Bits); err == nil {
			s.Prefix = p
		}
	}
	return s
}

// plainly is what is wrong, without what was being done and the next step.
func plainly(err error) string {
	if e := (*haechi.Error)(nil); errors.As(err, &e) && e.Msg != "" {
		return e.Msg
	}
	return err.Error()
}

// Withdraw lifts what a peer decided about the scope, or all that it decided where there
// is none, and returns it, lifted. What another peer took over in the meantime stays.
func (d *Decider) Withdraw(about haechi.Scope, peer, by, reason string, now time.Time) (lifted []haechi.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.ofPeer(about, peer, now) {
		d.lift(e, by, reason, now)
		lifted = append(lifted, e.copy())
	}
	return byStart(lifted)
}

// OfPeer lists what [Decider.Withdraw] would lift.
func (d *Decider) OfPeer(about haechi.Scope, peer string, now time.Time) (out []haechi.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.ofPeer(about, peer, now) {
		out = append(out, e.copy())
	}
	return byStart(out)
}

func (d *Decider) ofPeer(about haechi.Scope, peer string, now time.Time) (out []*entry) {
	mine := func(e *entry) bool {
		return e != nil && e.Origin == haechi.OriginPeer && e.Rule == peer && e.Open(now)
	}
	if about.Kind != haechi.ScopeNone {
		scope, _ := canonical(d.clientOf(about), d.cfg.V6Bits)
		if e := d.book.bySlot[slot{scope, "", haechi.Enforce, haechi.OriginPeer}]; mine(e) {
			out = append(out, e)
		}
		return out
	}
	for _, e := range d.book.byID {
		if mine(e) {
			out = append(out, e)
		}
	}
	return out
}

// peerSeen notes that something of a peer was taken.
func (d *Decider) peerSeen(name string, at time.Time) {
	if last, ok := d.peers[name]; ok && !at.After(last) || !ok && len(d.peers) >= maxPeers {
		return
	}
	d.peers[name] = at
}

// Peers lists the programs that handed over decisions in this run, or in one whose
// decisions were loaded, by name.
func (d *Decider) Peers(now time.Time) []haechi.PeerStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := map[string]int{}
	for _, e := range d.book.byID {
		if e.Origin == haechi.OriginPeer && e.Open(now) {
			open[e.Rule]++
		}
	}
	out := make([]haechi.PeerStatus, 0, len(d.peers))
	for name, last := range d.peers {
		out = append(out, haechi.PeerStatus{Name: name, Last: last, Open: open[name]})
	}
	slices.SortFunc(out, func(a, b haechi.PeerStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}
