package nft

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
)

// frame sends the whole frame (table, counter, chain, sets, guard, rules) in one
// transaction that leaves the elements of the decisions alone.
func (e *Enforcer) frame(ctx context.Context) error {
	return e.commit(ctx, e.frameIn, nil)
}

// commit sends one transaction. With more than a message's worth of elements it is
// read back by the caller.
func (e *Enforcer) commit(ctx context.Context, first func(*nftables.Conn) map[length]*nftables.Set, then func(*nftables.Conn, map[length]*nftables.Set) error) error {
	before, err := e.k.generation(ctx)
	if err != nil {
		return err
	}
	c, err := e.k.conn(ctx)
	if err != nil {
		return failed("change the packet filter", err)
	}
	var sets map[length]*nftables.Set
	if first != nil {
		sets = first(c)
	}
	if then != nil {
		if err := then(c, sets); err != nil {
			return failed("change the packet filter", err)
		}
	}
	if err := c.Flush(); err != nil {
		e.broken = true // perhaps; whoever looks next will see
		return failed("change the packet filter", err)
	}
	if first != nil {
		if e.rules, err = e.k.handles(ctx); err != nil {
			e.broken = true
			return err
		}
		e.broken = false
		e.stale = slices.DeleteFunc(e.stale, func(name string) bool { return !e.kept(name) })
	}
	e.seen(ctx, before)
	return nil
}

// seen takes the own change for known. Anybody else's in between leaves the generation
// unknown, and with it the next look due.
func (e *Enforcer) seen(ctx context.Context, before uint32) {
	if after, err := e.k.generation(ctx); err == nil && before == e.gen && after == before+1 {
		e.gen = after
	}
}

// frameIn adds the frame to a transaction and returns the decisions' sets.
func (e *Enforcer) frameIn(c *nftables.Conn) map[length]*nftables.Set {
	old := e.lengths
	e.lengths = make(map[length]bool)
	for p := range e.sent {
		e.lengths[lengthOf(p)] = true
	}
	for _, p := range e.books.Prefixes() {
		e.lengths[lengthOf(p)] = true
	}
	c.AddTable(e.k.table)
	c.AddObj(e.k.counter(counterName))
	chain := c.AddChain(e.k.chain())
	c.FlushChain(chain)
	rule := func(r *nftables.Rule) { r.Table, r.Chain = e.k.table, chain; c.AddRule(r) }
	rule(&nftables.Rule{Exprs: loopback()})
	e.guardIn(c, rule)
	sets := make(map[length]*nftables.Set)
	for _, l := range sorted(e.lengths) {
		sets[l] = l.describe(e.k.table, deny, e.k.id())
		_ = c.AddSet(sets[l], nil) // fails for anonymous sets only
		rule(&nftables.Rule{Exprs: append(l.match(sets[l]), drop()...)})
	}
	e.listIn(c, rule)
	for l := range old {
		if !e.lengths[l] {
			c.DelSet(l.describe(e.k.table, deny, 0))
		}
	}
	return sets
}

// guardIn adds what is accepted before any drop.
func (e *Enforcer) guardIn(c *nftables.Conn, rule func(*nftables.Rule)) {
	by := make(map[length][]nftables.SetElement)
	used := make(map[length]bool)
	for _, p := range e.guarded {
		l := lengthOf(p)
		used[l] = true
		by[l] = append(by[l], nftables.SetElement{Key: key(p)})
	}
	for _, l := range sorted(used) {
		set := l.describe(e.k.table, allow, e.k.id())
		_ = c.AddSet(set, nil)
		c.FlushSet(set)
		for part := range slices.Chunk(by[l], chunk) {
			_ = c.SetAddElements(set, part)
		}
		rule(&nftables.Rule{Exprs: append(l.match(set), accept()...)})
	}
}

// mend puts the frame and every element in place again.
func (e *Enforcer) mend(ctx context.Context) error {
	if err := e.look(ctx); err != nil {
		return err
	}
	if err := e.refill(ctx); err != nil {
		return err
	}
	if err := e.frame(ctx); err != nil {
		// Somebody left something of that name in another form: it cannot be changed.
		if err := e.k.remove(ctx); err != nil {
			return err
		}
		e.sent, e.lengths, e.lists, e.stale = map[netip.Prefix]time.Time{}, map[length]bool{}, map[length]string{}, nil
		if err := e.refill(ctx); err != nil {
			return err
		}
		if err := e.frame(ctx); err != nil {
			return err
		}
	}
	e.rebuilt++
	return e.push(ctx, e.books.Prefixes())
}

// look reads the elements from the kernel.
func (e *Enforcer) look(ctx context.Context) error {
	exists, _, err := e.k.there(ctx)
	if err != nil {
		return err
	}
	e.sent, e.lengths = map[netip.Prefix]time.Time{}, map[length]bool{}
	if !exists {
		e.lists, e.stale = map[length]string{}, nil
		return nil
	}
	if err := e.lookLists(ctx); err != nil {
		return err
	}
	if e.sent, err = e.k.elements(ctx, deny, e.cfg.Now()); err != nil {
		return err
	}
	sets, err := e.k.sets(ctx, deny)
	for l := range sets {
		e.lengths[l] = true
	}
	return err
}

// whole reports whether the frame is as it was sent: then what is in the sets is
// dropped, and nobody who is guarded.
func (e *Enforcer) whole(ctx context.Context) (bool, error) {
	exists, awake, err := e.k.there(ctx)
	if err != nil || !exists || !awake {
		return false, err
	}
	rules, err := e.k.handles(ctx)
	if err != nil || len(rules) == 0 || !slices.Equal(rules, e.rules) {
		return false, err
	}
	guarded, err := e.k.elements(ctx, allow, e.cfg.Now())
	if err != nil || len(guarded) != len(e.guarded) {
		return false, err
	}
	for _, p := range e.guarded {
		if _, ok := guarded[p]; !ok {
			return false, nil
		}
	}
	return true, nil
}
