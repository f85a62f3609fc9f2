package nft

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"

	"haechi"
)

// tolerance is how far an end read from the kernel may lie from the decided one; near
// is how far without being worth a change.
const (
	tolerance = 2 * time.Second
	near      = 100 * time.Millisecond
)

// Apply puts the batch into force, or none of it. A decision that the kernel does not
// enforce (a device, a service, a milder action, shadow, over) is taken out of force
// here. Errors: Invalid for what is no decision, Denied for a protected source,
// Exhausted beyond MaxDecisions, Unavailable if the kernel fails.
func (e *Enforcer) Apply(ctx context.Context, ds []haechi.Decision) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("apply decisions: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	changes, err := e.changes(ds)
	if err == nil {
		err = e.change(ctx, changes)
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
	changes := make(map[haechi.Reference]*haechi.Decision, len(ids))
	for _, id := range ids {
		changes[id] = nil
	}
	return e.change(ctx, changes)
}

// changes says what becomes of each decision; nil: it is not in force here.
func (e *Enforcer) changes(ds []haechi.Decision) (map[haechi.Reference]*haechi.Decision, error) {
	now := e.cfg.Now()
	out := make(map[haechi.Reference]*haechi.Decision, len(ds))
	grow := 0
	for i := range ds {
		d := ds[i]
		p, isPrefix := plain(d.Scope)
		if d.ID == "" || d.Action == haechi.Pass || d.Action == haechi.Hold || d.Action > haechi.Drop ||
			d.Scope.Kind == haechi.ScopeNone || d.Scope.Kind == haechi.ScopeService {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "apply decision",
				Msg: fmt.Sprintf("decision %q, %s on %q, cannot be enforced", d.ID, d.Action, d.Scope)}
		}
		_, known := out[d.ID]
		out[d.ID] = nil
		if !isPrefix || d.Service != "" || d.Action < e.cfg.From || !d.Applies(now) {
			continue
		}
		if why, yes := e.cfg.Protected(p); yes {
			return nil, &haechi.Error{Kind: haechi.Denied, Op: "apply decision",
				Msg: fmt.Sprintf("%s is not dropped in the kernel: %s", d.Scope, why), Hint: "decide about a device, or about fewer addresses"}
		}
		d.Scope.Prefix = p
		out[d.ID] = &d
		if _, has := e.ds[d.ID]; !has && !known {
			grow++
		}
	}
	if len(e.ds)+grow > e.cfg.MaxDecisions {
		return nil, &haechi.Error{Kind: haechi.Exhausted, Op: "apply decisions",
			Msg: fmt.Sprintf("more than %d decisions would be in force in the kernel", e.cfg.MaxDecisions), Hint: "lift some, or decide about prefixes"}
	}
	return out, nil
}

// change changes the books and then the kernel; if that fails, the books go back.
func (e *Enforcer) change(ctx context.Context, changes map[haechi.Reference]*haechi.Decision) (err error) {
	touched := make(map[netip.Prefix]bool)
	inverse := e.book(changes, touched)
	all := make([]netip.Prefix, 0, len(touched))
	for p := range touched {
		all = append(all, p)
	}
	if e.broken {
		err = e.mend(ctx)
	}
	if err == nil {
		err = e.push(ctx, all)
	}
	if err != nil {
		e.book(inverse, touched)
		e.broken = true
	}
	return err
}

// book changes the books, notes the prefixes, and returns what undoes it.
func (e *Enforcer) book(changes map[haechi.Reference]*haechi.Decision, touched map[netip.Prefix]bool) map[haechi.Reference]*haechi.Decision {
	inverse := make(map[haechi.Reference]*haechi.Decision, len(changes))
	for id, d := range changes {
		inverse[id] = nil
		if p, ok := e.strange[id]; ok {
			touched[p] = true
			delete(e.strange, id)
		}
		if old, ok := e.ds[id]; ok {
			inverse[id] = &old
			touched[old.Scope.Prefix] = true
			e.forget(id)
		}
		if d != nil {
			e.ds[id] = *d
			p := d.Scope.Prefix
			e.about[p] = append(slices.Clip(e.about[p]), id)
			touched[p] = true
		}
	}
	return inverse
}

func (e *Enforcer) forget(id haechi.Reference) {
	p := e.ds[id].Scope.Prefix
	delete(e.ds, id)
	e.about[p] = slices.DeleteFunc(slices.Clone(e.about[p]), func(other haechi.Reference) bool { return other == id })
	if len(e.about[p]) == 0 {
		delete(e.about, p)
	}
}

// want is when the prefix's element should end: with the longest decision about it.
func (e *Enforcer) want(p netip.Prefix, now time.Time) (until time.Time, any bool) {
	for _, id := range e.about[p] {
		d := e.ds[id]
		switch {
		case !d.Applies(now):
		case d.Until.IsZero():
			return time.Time{}, true
		case !any || d.Until.After(until):
			until, any = d.Until, true
		}
	}
	return until, any
}

// element is one change of a set.
type element struct {
	prefix   netip.Prefix
	add, del bool
	until    time.Time
}

// push makes the kernel's elements of the prefixes what the books say. An element that
// ended by itself in the last moment cannot be deleted: then it looks again.
func (e *Enforcer) push(ctx context.Context, ps []netip.Prefix) error {
	for tries := 0; ; tries++ {
		now := e.cfg.Now()
		todo := e.todo(ps, now)
		if len(todo) == 0 {
			return nil
		}
		err := e.send(ctx, todo, now)
		if err == nil && len(todo) > chunk {
			err = e.compare(ctx, todo)
		}
		if err == nil || tries == 2 || !vanished(err) {
			return err
		}
		if err := e.look(ctx); err != nil {
			return err
		}
	}
}

// todo lists what differs.
func (e *Enforcer) todo(ps []netip.Prefix, now time.Time) (out []element) {
	for _, p := range ps {
		until, wanted := e.want(p, now)
		has, is := e.sent[p]
		is = is && (has.IsZero() || has.After(now))
		if wanted == is && (!wanted || has.IsZero() == until.IsZero() && has.Sub(until).Abs() < near) {
			continue
		}
		out = append(out, element{prefix: p, add: wanted, del: is, until: until})
	}
	return out
}

// send is one transaction. A length that has no set yet brings the frame with it.
func (e *Enforcer) send(ctx context.Context, todo []element, now time.Time) error {
	first := e.frameIn
	if !slices.ContainsFunc(todo, func(x element) bool { return !e.lengths[lengthOf(x.prefix)] }) {
		first = nil
	}
	err := e.commit(ctx, first, func(c *nftables.Conn, sets map[length]*nftables.Set) error {
		return e.fill(c, sets, todo, now)
	})
	if err != nil {
		return err
	}
	for i := range todo {
		if delete(e.sent, todo[i].prefix); todo[i].add {
			e.sent[todo[i].prefix] = todo[i].until
		}
	}
	return nil
}

// fill adds the elements to a transaction, the deletions first.
func (e *Enforcer) fill(c *nftables.Conn, sets map[length]*nftables.Set, todo []element, now time.Time) error {
	add, del := map[length][]nftables.SetElement{}, map[length][]nftables.SetElement{}
	for i := range todo {
		x := &todo[i]
		l, el := lengthOf(x.prefix), nftables.SetElement{Key: key(x.prefix)}
		if x.del {
			del[l] = append(del[l], el)
		}
		if x.add {
			if !x.until.IsZero() {
				el.Timeout = max(x.until.Sub(now), time.Millisecond)
			}
			add[l] = append(add[l], el)
		}
	}
	for _, part := range []struct {
		by   map[length][]nftables.SetElement
		what func(*nftables.Set, []nftables.SetElement) error
	}{{del, c.SetDeleteElements}, {add, c.SetAddElements}} {
		for l, all := range part.by {
			set := sets[l]
			if set == nil {
				set = l.describe(e.k.table, deny, 0)
			}
			for some := range slices.Chunk(all, chunk) {
				if err := part.what(set, some); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compare reads a large batch back.
func (e *Enforcer) compare(ctx context.Context, todo []element) error {
	has, err := e.k.elements(ctx, deny, e.cfg.Now())
	if err != nil {
		return err
	}
	missing := 0
	for i := range todo {
		if _, ok := has[todo[i].prefix]; ok != todo[i].add && todo[i].until.Sub(e.cfg.Now()).Abs() > tolerance {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	e.sent = has
	return &haechi.Error{Kind: haechi.Unavailable, Op: "apply decisions",
		Msg: fmt.Sprintf("the kernel has not kept %d of %d changes", missing, len(todo)), Hint: "they are tried again"}
}

// InForce reads the kernel. With a rule of the table out of its place nothing is in
// force. An element that nobody decided is listed under a reference of its own.
func (e *Enforcer) InForce(ctx context.Context) ([]haechi.Decision, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read decisions in force: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	gen, err := e.k.generation(ctx)
	if err != nil {
		return nil, err
	}
	whole, err := e.whole(ctx)
	if err != nil {
		return nil, err
	}
	if whole {
		if whole, err = e.listWhole(ctx); err != nil {
			return nil, err
		}
	}
	if e.broken = !whole; e.broken {
		return nil, nil
	}
	if err := e.look(ctx); err != nil {
		return nil, err
	}
	e.gen = gen
	return e.found(e.cfg.Now()), nil
}

// Changed reports whether anybody changed the packet filter since it was last read or
// written here. It asks the kernel for one number.
func (e *Enforcer) Changed(ctx context.Context) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gen, err := e.k.generation(ctx)
	return gen != e.gen, err
}

// found is what the kernel has, oldest first.
func (e *Enforcer) found(now time.Time) (out []haechi.Decision) {
	for id, d := range e.ds {
		if !d.Applies(now) {
			e.forget(id)
			continue
		}
		has, ok := e.sent[d.Scope.Prefix]
		if !ok {
			continue
		}
		want, _ := e.want(d.Scope.Prefix, now)
		if want.IsZero() != has.IsZero() || want.Sub(has).Abs() > tolerance {
			d.Until = has
		}
		d.Findings = slices.Clone(d.Findings)
		out = append(out, d)
	}
	clear(e.strange)
	for p, until := range e.sent {
		if len(e.about[p]) > 0 || !until.IsZero() && until.Sub(now) < tolerance {
			continue
		}
		id := haechi.Reference("nft " + p.String())
		e.strange[id] = p
		out = append(out, haechi.Decision{ID: id, Scope: haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}, Action: haechi.Drop,
			Mode: haechi.Enforce, Reason: "found in the kernel", From: now, Until: until})
	}
	slices.SortFunc(out, func(a, b haechi.Decision) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(string(a.ID), string(b.ID)))
	})
	return out
}
