package nft

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"haechi"
	"haechi/internal/enforce"
)

// maxListed bounds the prefixes of the deny list.
const maxListed = 2_000_000

// batch is how many elements one transaction of a list holds: other changes of the
// packet filter wait for it.
const batch = 50 * chunk

// Load replaces the deny lists: what is on one is dropped without end, besides decisions
// and after whoever is guarded. The new ones are filled beside the old ones, read back, and
// put in their place by one small transaction: no packet finds neither. None takes them
// away. Errors: Exhausted beyond 2,000,000 prefixes or 16 lists, Unavailable if the kernel
// fails; the old ones stay then.
func (e *Enforcer) Load(ctx context.Context, lists ...enforce.List) error {
	by, n := byLength(lists)
	if n > maxListed || len(lists) > enforce.MostLists {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "load the deny list",
			Msg: fmt.Sprintf("%d prefixes in %d lists are more than %d in %d", n, len(lists), maxListed, enforce.MostLists), Hint: "leave some out, or write broader ones"}
	}
	e.loading.Lock()
	defer e.loading.Unlock()
	e.mu.Lock()
	e.listGen++
	gen := e.listGen
	e.filling = gen
	e.mu.Unlock()
	fresh, err := e.fillAll(ctx, by, gen) // without the lock: decisions are not kept waiting
	e.mu.Lock()
	defer e.mu.Unlock()
	e.filling = 0
	for _, name := range fresh {
		e.stale = append(e.stale, name)
	}
	if err == nil && e.broken {
		err = e.mend(ctx)
	}
	if err != nil {
		return err // what there is of it goes with the next frame
	}
	old := e.lists
	e.lists = fresh
	if err := e.frame(ctx); err != nil {
		e.lists = old
		return err
	}
	e.list, e.listed = by, n
	return nil
}

// fillAll makes the sets of one generation.
func (e *Enforcer) fillAll(ctx context.Context, by map[length][]netip.Prefix, gen int) (map[length]string, error) {
	out := make(map[length]string, len(by))
	for l, all := range by {
		out[l] = l.listSet(gen)
		if err := e.fillList(ctx, l, out[l], all); err != nil {
			return out, err
		}
	}
	return out, nil
}

// refill makes the list anew after somebody took some of it away.
func (e *Enforcer) refill(ctx context.Context) error {
	if len(e.list) == 0 || len(e.lists) == len(e.list) {
		return nil
	}
	e.listGen++
	fresh, err := e.fillAll(ctx, e.list, e.listGen)
	for _, name := range fresh {
		e.stale = append(e.stale, name)
	}
	if err == nil {
		e.lists = fresh
	}
	return err
}

// byLength sorts prefixes into sets, each once in a list. Those that the kernel does not
// take are left out.
func byLength(lists []enforce.List) (map[length][]netip.Prefix, int) {
	by := make(map[length][]netip.Prefix)
	for _, list := range lists {
		for _, p := range list.Prefixes {
			if p, ok := enforce.Plain(haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}); ok {
				l := lengthOf(p)
				l.of = list.Name
				by[l] = append(by[l], p)
			}
		}
	}
	n := 0
	for l, all := range by {
		slices.SortFunc(all, netip.Prefix.Compare)
		by[l] = slices.Clip(slices.Compact(all))
		n += len(by[l])
	}
	return by, n
}

// listSet names the set of one length of a list, in one generation.
func (l length) listSet(gen int) string {
	name := fmt.Sprintf("%s_%d", l.set(listed), gen)
	if l.of != "" {
		name += "_" + l.of
	}
	return name
}

// parseListSet reads what listSet writes.
func parseListSet(name string) (l length, gen int, ok bool) {
	parts := strings.SplitN(name, "_", 4)
	if len(parts) < 3 {
		return l, 0, false
	}
	if l, ok = parseSet(listed, parts[0]+"_"+parts[1]); !ok {
		return l, 0, false
	}
	if len(parts) == 4 {
		l.of = parts[3]
	}
	gen, err := strconv.Atoi(parts[2])
	return l, gen, err == nil && l.listSet(gen) == name
}

// listCounter names the object that counts what a list drops.
func listCounter(list string) string { return "list_" + list }

// listNames are those of the lists in force, sorted.
func (e *Enforcer) listNames() (names []string) {
	for l := range e.lists {
		if l.of != "" && !slices.Contains(names, l.of) {
			names = append(names, l.of)
		}
	}
	slices.Sort(names)
	return names
}

// describeList is one set of a list: of a fixed size, which lets the kernel choose its
// fastest hash.
func (l length) describeList(table *nftables.Table, name string, size int, id uint32) *nftables.Set {
	s := l.describe(table, allow, id)
	s.Name, s.Size = name, uint32(size)
	return s
}

// fillList makes a set that no rule knows yet, and reads it back.
func (e *Enforcer) fillList(ctx context.Context, l length, name string, all []netip.Prefix) error {
	c, err := e.k.conn(ctx)
	if err != nil {
		return failed("fill the deny list", err)
	}
	c.AddTable(e.k.table)
	_ = c.AddSet(l.describeList(e.k.table, name, len(all), e.k.id()), nil)
	if err := c.Flush(); err != nil {
		return failed("fill the deny list", err)
	}
	for part := range slices.Chunk(all, batch) {
		if err := e.k.add(ctx, name, part); err != nil {
			return failed("fill the deny list", err)
		}
	}
	has, known, err := e.k.count(ctx, name)
	if err == nil && !known && len(all) <= batch {
		has, err = e.k.read(ctx, l.describeList(e.k.table, name, len(all), 0)) // it has a name by now
		known = true
	}
	if err != nil {
		return err
	}
	if known && has != len(all) {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "fill the deny list",
			Msg: fmt.Sprintf("the kernel has kept %d of %d prefixes", has, len(all)), Hint: "try again"}
	}
	return nil
}

// count is how many elements a set has, as the kernel counts them; kernels before 6.18
// do not say.
func (k *kernel) count(ctx context.Context, name string) (n int, known bool, err error) {
	const get, attrTable, attrName, attrCount = 10<<8 | 10, 1, 2, 20 // NFT_MSG_GETSET, NFTA_SET_…
	b, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: attrTable, Data: []byte(tableName + "\x00")}, {Type: attrName, Data: []byte(name + "\x00")}})
	if err != nil {
		return 0, false, failed("count the deny list", err)
	}
	attrs, err := k.ask(ctx, get, append([]byte{byte(k.table.Family), 0, 0, 0}, b...))
	if err != nil {
		return 0, false, failed("count the deny list", err)
	}
	for _, a := range attrs {
		if a.Type == attrCount && len(a.Data) == 4 {
			return int(binary.BigEndian.Uint32(a.Data)), true, nil
		}
	}
	return 0, false, nil
}

// read counts the elements of a set by reading them all. The kernel begins anew for
// every thousand, so that it is for small sets.
func (k *kernel) read(ctx context.Context, s *nftables.Set) (int, error) {
	c, err := k.conn(ctx)
	if err != nil {
		return 0, failed("read the deny list", err)
	}
	all, err := c.GetSetElements(s)
	if err != nil {
		return 0, failed("read the deny list", err)
	}
	return len(all), nil
}

// listIn adds the rules of the list to a transaction, and takes away sets of lists that
// no rule knows any more.
func (e *Enforcer) listIn(c *nftables.Conn, rule func(*nftables.Rule)) {
	used := make(map[length]bool, len(e.lists))
	for l := range e.lists {
		used[l] = true
	}
	for _, name := range e.listNames() {
		c.AddObj(e.k.counter(listCounter(name)))
	}
	for _, l := range sorted(used) {
		var counters []string
		if l.of != "" {
			counters = append(counters, listCounter(l.of))
		}
		rule(&nftables.Rule{Exprs: append(l.match(&nftables.Set{Name: e.lists[l]}), drop(counters...)...)})
	}
	for _, name := range e.stale {
		if !e.kept(name) {
			c.DelSet(&nftables.Set{Table: e.k.table, Name: name})
		}
	}
}

// kept reports whether a set of a list is in use, or will be.
func (e *Enforcer) kept(name string) bool {
	for _, live := range e.lists {
		if name == live {
			return true
		}
	}
	_, gen, ok := parseListSet(name)
	return ok && e.filling != 0 && gen == e.filling
}

// lookLists notes the sets of lists that are there, and adopts the list of an earlier
// process: the sets that a rule looks things up in.
func (e *Enforcer) lookLists(ctx context.Context) error {
	names, err := e.k.listSets(ctx)
	if err != nil {
		return err
	}
	e.stale = names
	if e.lists == nil {
		if e.lists, e.listGen, err = e.k.adoptLists(ctx, names); err != nil {
			return err
		}
	}
	for l, name := range e.lists {
		if !slices.Contains(names, name) {
			delete(e.lists, l) // somebody took it away
		}
	}
	return nil
}

// listSets names the sets of lists, in use or not.
func (k *kernel) listSets(ctx context.Context) (names []string, err error) {
	all, err := k.allSets(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if strings.HasPrefix(s.Name, listed) {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// adoptLists finds the sets that rules use, and the highest generation of any.
func (k *kernel) adoptLists(ctx context.Context, names []string) (map[length]string, int, error) {
	out, gen := make(map[length]string), 0
	for _, name := range names {
		if _, g, ok := parseListSet(name); ok {
			gen = max(gen, g)
		}
	}
	rules, err := k.rules(ctx)
	for _, r := range rules {
		for _, x := range r.Exprs {
			if look, ok := x.(*expr.Lookup); ok && slices.Contains(names, look.SetName) {
				if l, _, ok := parseListSet(look.SetName); ok {
					out[l] = look.SetName
				}
			}
		}
	}
	return out, gen, err
}

// listWhole reports whether the list has as many prefixes as were loaded, where the
// kernel counts them.
func (e *Enforcer) listWhole(ctx context.Context) (bool, error) {
	for l, all := range e.list {
		n, known, err := e.k.count(ctx, e.lists[l])
		if err != nil && !vanished(err) {
			return false, err
		}
		if err != nil || known && n != len(all) {
			delete(e.lists, l) // it is made anew
			return false, nil
		}
	}
	return true, nil
}
