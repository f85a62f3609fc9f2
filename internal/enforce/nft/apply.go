package nft

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"

	"haechi"
	"haechi/internal/enforce"
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
	changes, err := e.books.Changes(ds, e.cfg.Now())
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
	changes := make(enforce.Changes, len(ids))
	for _, id := range ids {
		changes[id] = nil
	}
	return e.change(ctx, changes)
}

// change changes the books and then the kernel; if that fails, the books go back.
func (e *Enforcer) change(ctx context.Context, changes enforce.Changes) (err error) {
	touched := make(map[netip.Prefix]bool)
	inverse := e.books.Book(changes, touched)
	if e.broken {
		err = e.mend(ctx)
	}
	if err == nil {
		err = e.push(ctx, slices.Collect(maps.Keys(touched)))
	}
	if err != nil {
		e.books.Book(inverse, touched)
		e.broken = true
	}
	return err
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
		until, wanted := e.books.Want(p, now)
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
	return e.books.Found(e.sent, e.cfg.Now()), nil
}

// Changed reports whether anybody changed the packet filter since it was last read or
// written here. It asks the kernel for one number.
func (e *Enforcer) Changed(ctx context.Context) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gen, err := e.k.generation(ctx)
	return gen != e.gen, err
}
