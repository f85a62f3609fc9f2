package xdp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"haechi"
	"haechi/internal/enforce"
)

// near is how far an end in the kernel may lie from the decided one without being worth a
// change.
const near = 100 * time.Millisecond

// Apply puts the batch into force, or none of it. A decision that is not enforced here (a
// device, a service, a milder action, shadow, over) is taken out of force here. Errors:
// Invalid for what is no decision, Denied for a protected source, Exhausted beyond
// MaxDecisions, Unavailable if the kernel fails.
func (e *Enforcer) Apply(ctx context.Context, ds []haechi.Decision) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("apply decisions: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	changes, err := e.books.Changes(ds, e.cfg.Now())
	if err == nil {
		err = e.change(changes)
	}
	if err != nil {
		e.refused += uint64(len(ds))
	}
	return err
}

// Lift takes decisions out of force.
func (e *Enforcer) Lift(ctx context.Context, ids []haechi.Reference) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lift decisions: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	changes := make(enforce.Changes, len(ids))
	for _, id := range ids {
		changes[id] = nil
	}
	return e.change(changes)
}

// change changes the books and then the kernel; if that fails, both go back.
func (e *Enforcer) change(changes enforce.Changes) (err error) {
	touched := make(map[netip.Prefix]bool)
	inverse := e.books.Book(changes, touched)
	if e.broken {
		err = e.mend()
	}
	all := slices.Collect(maps.Keys(touched))
	if err == nil {
		err = e.push(all)
	}
	if err != nil {
		e.books.Book(inverse, touched)
		e.broken = true
		return errors.Join(err, e.push(all))
	}
	return nil
}

// push makes the kernel's tables of the prefixes what the books say. What is looked up
// before them, lengths and hints, is written first.
func (e *Enforcer) push(ps []netip.Prefix) error {
	boot, err := sinceBoot()
	if err != nil {
		return err
	}
	now := e.cfg.Now()
	var add, del []netip.Prefix
	ends := make(map[netip.Prefix]time.Time)
	for _, p := range ps {
		until, wanted := e.books.Want(p, now)
		has, is := e.sent[p]
		switch {
		case wanted && is && has.IsZero() == until.IsZero() && has.Sub(until).Abs() < near:
		case wanted:
			add, ends[p] = append(add, p), until
		case is:
			del = append(del, p)
		}
	}
	if err := e.find(add, held4, held6); err != nil {
		return err
	}
	for _, p := range add {
		v := held{}
		if until := ends[p]; !until.IsZero() {
			v.Until = uint64(max(boot+until.Sub(now), 1))
		}
		if err := e.put(p, v); err != nil {
			return failed("put decisions into force", err)
		}
		e.sent[p] = ends[p]
	}
	return e.remove(del)
}

// put writes one decision, and keeps the counts of the one before.
func (e *Enforcer) put(p netip.Prefix, v held) error {
	table, key := e.heldKey(p)
	if _, is := e.sent[p]; is {
		var old held
		if err := table.Lookup(key, &old); err == nil {
			v.Packets, v.Bytes = old.Packets, old.Bytes
		}
	}
	return table.Put(key, v)
}

// remove takes prefixes out of the tables. Their hints stay until the next look.
func (e *Enforcer) remove(ps []netip.Prefix) error {
	for _, p := range ps {
		table, key := e.heldKey(p)
		if err := table.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return failed("lift decisions", err)
		}
		delete(e.sent, p)
		e.stale = true
	}
	return nil
}

func (e *Enforcer) heldKey(p netip.Prefix) (*ebpf.Map, any) {
	if p.Addr().Is4() {
		return e.t.Held4, toKey4(p)
	}
	return e.t.Held6, toKey6(p)
}

// InForce reads the kernel. With the program off an interface, or a table out of its
// place, nothing is in force. What nobody decided is listed under a reference of its own.
func (e *Enforcer) InForce(ctx context.Context) ([]haechi.Decision, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read decisions in force: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	whole, err := e.whole()
	if err != nil {
		return nil, err
	}
	if e.broken = !whole; e.broken {
		return nil, nil
	}
	if err := e.look(); err != nil {
		return nil, err
	}
	if e.stale {
		if err := e.rehint(); err != nil {
			return nil, err
		}
	}
	return e.books.Found(e.sent, e.cfg.Now()), nil
}

// glanced is up to how many decisions are read at every glance.
const glanced = 10_000

// Changed reports whether somebody changed something since it was last read or written
// here: the program's place, the pins, the protected, the list's place, and, up to 10,000,
// the decisions. Tables have no number that counts up with each change.
func (e *Enforcer) Changed(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	whole, err := e.whole()
	if err != nil || !whole {
		return true, err
	}
	if len(e.sent) > glanced {
		return false, nil
	}
	before := maps.Clone(e.sent)
	if err := e.look(); err != nil {
		return false, err
	}
	for p, until := range e.sent {
		if old, ok := before[p]; !ok || old.IsZero() != until.IsZero() || old.Sub(until).Abs() > time.Second {
			return true, nil
		}
		delete(before, p)
	}
	now := e.cfg.Now()
	for _, until := range before {
		if until.IsZero() || until.After(now) {
			return true, nil
		}
	}
	return false, nil
}
