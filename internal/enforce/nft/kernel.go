package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"haechi"
)

// kernel is the own table in the kernel. Every exchange has a connection of its own
// with a deadline: an answer that comes too late cannot be taken for the next one's.
type kernel struct {
	table   *nftables.Table
	netns   int
	timeout time.Duration
	ids     atomic.Uint32 // of sets within a transaction
}

// The buffers of a connection: a transaction is sent at once, however large it is.
const (
	sendBuffer    = 64 << 20
	receiveBuffer = 8 << 20
)

// chunk is how many elements go into one message. At 2,500 the library's length field
// overflows, and most of them are lost without an error.
const chunk = 500

func newKernel(netns int, timeout time.Duration) *kernel {
	return &kernel{table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}, netns: netns, timeout: timeout}
}

// id is a number for a set of one transaction.
func (k *kernel) id() uint32 { return k.ids.Add(1) }

func (k *kernel) prepare(ctx context.Context) func(*netlink.Conn) error {
	until := time.Now().Add(k.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	return func(c *netlink.Conn) error {
		return errors.Join(c.SetWriteBuffer(sendBuffer), c.SetReadBuffer(receiveBuffer), c.SetDeadline(until))
	}
}

func (k *kernel) conn(ctx context.Context) (*nftables.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nftables.New(nftables.WithNetNSFd(k.netns), nftables.WithSockOptions(k.prepare(ctx)))
}

// Numbers of linux/netfilter/nfnetlink.h and nf_tables.h.
const (
	msgGetGen = 10<<8 | 16
	attrGenID = 1
)

// generation is the number that the kernel counts up with every change of the packet
// filter in this namespace, whoever makes it.
func (k *kernel) generation(ctx context.Context) (uint32, error) {
	attrs, err := k.ask(ctx, msgGetGen, make([]byte, 4))
	if err != nil {
		return 0, failed("read the packet filter's generation", err)
	}
	for _, a := range attrs {
		if a.Type == attrGenID && len(a.Data) == 4 {
			return binary.BigEndian.Uint32(a.Data), nil
		}
	}
	return 0, failed("read the packet filter's generation", errors.New("the answer has none"))
}

// ask asks one question that the library cannot, and returns what the answer holds.
func (k *kernel) ask(ctx context.Context, what netlink.HeaderType, body []byte) (out []netlink.Attribute, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := netlink.Dial(syscall.NETLINK_NETFILTER, &netlink.Config{NetNS: k.netns})
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if err := k.prepare(ctx)(c); err != nil {
		return nil, err
	}
	reply, err := c.Execute(netlink.Message{Header: netlink.Header{Type: what, Flags: netlink.Request}, Data: body})
	for _, m := range reply {
		if len(m.Data) < 4 {
			continue
		}
		attrs, err := netlink.UnmarshalAttributes(m.Data[4:])
		if err != nil {
			return nil, err
		}
		out = append(out, attrs...)
	}
	return out, err
}

// failed says what an operator can do about an error of the kernel's.
func failed(op string, err error) error {
	out := &haechi.Error{Kind: haechi.Unavailable, Op: op, Err: err, Hint: "look whether the kernel has nf_tables: nft list tables"}
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		out.Kind, out.Hint = haechi.Denied, "run haechi as root, or give it CAP_NET_ADMIN"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Hint = ""
	}
	return out
}

// vanished reports whether the error is that something to be changed is not there.
func vanished(err error) bool { return errors.Is(err, syscall.ENOENT) }

// there reports whether the table exists and is awake.
func (k *kernel) there(ctx context.Context) (exists, awake bool, err error) {
	c, err := k.conn(ctx)
	if err != nil {
		return false, false, failed("list nftables", err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, false, failed("list nftables", err)
	}
	for _, t := range all {
		if t.Name == tableName {
			return true, t.Flags == 0, nil // the one flag of interest is "dormant", and the library reads flags in the wrong byte order
		}
	}
	return false, false, nil
}

// adoptable takes away a table whose sets are not of the form that this version makes.
func (k *kernel) adoptable(ctx context.Context) error {
	exists, _, err := k.there(ctx)
	if err != nil || !exists {
		return err
	}
	for _, what := range []string{deny, allow} {
		sets, err := k.sets(ctx, what)
		if err != nil {
			return err
		}
		for l, s := range sets {
			want := l.describe(k.table, what, 0)
			if s.HasTimeout != want.HasTimeout || s.KeyType.Bytes != want.KeyType.Bytes || s.Interval || s.IsMap {
				return k.remove(ctx)
			}
		}
	}
	return nil
}

// allSets lists the table's sets.
func (k *kernel) allSets(ctx context.Context) ([]*nftables.Set, error) {
	c, err := k.conn(ctx)
	if err != nil {
		return nil, failed("list sets", err)
	}
	all, err := c.GetSets(k.table)
	if err != nil {
		return nil, failed("list sets", err)
	}
	return all, nil
}

// sets lists the table's sets of one kind.
func (k *kernel) sets(ctx context.Context, what string) (map[length]*nftables.Set, error) {
	all, err := k.allSets(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[length]*nftables.Set)
	for _, s := range all {
		if l, ok := parseSet(what, s.Name); ok {
			out[l] = s
		}
	}
	return out, nil
}

// elements reads the sets of one kind, with the time at which each element ends; zero:
// never.
func (k *kernel) elements(ctx context.Context, what string, now time.Time) (map[netip.Prefix]time.Time, error) {
	sets, err := k.sets(ctx, what)
	if err != nil {
		return nil, err
	}
	out := make(map[netip.Prefix]time.Time)
	for l, s := range sets {
		c, err := k.conn(ctx)
		if err != nil {
			return nil, failed("read a set", err)
		}
		all, err := c.GetSetElements(s)
		if err != nil {
			return nil, failed("read a set", err)
		}
		for i := range all {
			p, ok := l.prefixOf(all[i].Key)
			switch {
			case !ok:
			case all[i].Timeout == 0:
				out[p] = time.Time{}
			default:
				out[p] = now.Add(all[i].Expires)
			}
		}
	}
	return out, nil
}

// rules are the chain's, in order; none without the chain in its place.
func (k *kernel) rules(ctx context.Context) ([]*nftables.Rule, error) {
	c, err := k.conn(ctx)
	if err != nil {
		return nil, failed("read rules", err)
	}
	ch, err := c.ListChain(k.table, chainName)
	if vanished(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("read rules", err)
	}
	if ch.Hooknum == nil || *ch.Hooknum != *nftables.ChainHookPrerouting || ch.Priority == nil || *ch.Priority != priority {
		return nil, nil
	}
	rules, err := c.GetRules(k.table, ch)
	if err != nil {
		return nil, failed("read rules", err)
	}
	return rules, nil
}

// handles are the numbers of the rules. The kernel gives none twice, so that whatever
// somebody does to a rule changes them.
func (k *kernel) handles(ctx context.Context) ([]uint64, error) {
	rules, err := k.rules(ctx)
	out := make([]uint64, 0, len(rules))
	for _, r := range rules {
		out = append(out, r.Handle)
	}
	return out, err
}

// dropped is what the rules dropped since the table was made, by the names of counters.
func (k *kernel) dropped() (map[string]*expr.Counter, error) {
	c, err := k.conn(context.Background())
	if err != nil {
		return nil, failed("read the counters", err)
	}
	all, err := c.GetNamedObjects(k.table)
	if err != nil {
		return nil, failed("read the counters", err)
	}
	out := make(map[string]*expr.Counter, len(all))
	for _, o := range all {
		if named, ok := o.(*nftables.NamedObj); ok {
			if n, ok := named.Obj.(*expr.Counter); ok {
				out[named.Name] = n
			}
		}
	}
	return out, nil
}

func (k *kernel) counter(name string) *nftables.NamedObj {
	return &nftables.NamedObj{Table: k.table, Name: name, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}}
}

func (k *kernel) chain() *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	return &nftables.Chain{Name: chainName, Table: k.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(priority), Policy: &accept}
}

// remove takes the table away, if it is there.
func (k *kernel) remove(ctx context.Context) error {
	c, err := k.conn(ctx)
	if err != nil {
		return failed("remove the table", err)
	}
	c.DelTable(k.table)
	if err := c.Flush(); err != nil && !vanished(err) {
		return failed("remove the table", err)
	}
	return nil
}
