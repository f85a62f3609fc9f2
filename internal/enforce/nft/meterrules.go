package nft

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"haechi/internal/enforce"
)

// The sets and counters, without the digit of the family.
const (
	knownSet  = "known"
	askedSet  = "asked"
	synMeter  = "syn"
	newMeter  = "new"
	echoMeter = "echo"
	reflected = "reflected"
)

// drops are the counters.
func drops() []string { return []string{synMeter, newMeter, echoMeter, reflected} }

// Numbers of linux/netfilter/nf_tables.h, linux/rtnetlink.h and of the protocols.
const (
	dynsetUpdate = 1
	rtnLocal     = 2
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoICMPv6  = 58
	register1    = 1
	register2    = 2 // the second of sixteen bytes
	quarter      = 9 // the second four bytes of the first
)

// family is what differs between IPv4 and IPv6.
type family struct {
	v6               bool
	digit            string
	nfproto          byte
	source, target   uint32 // in the header
	size             uint32
	icmp, echo       byte
	second           uint32 // the register for what follows an address
	bits             int    // of a source
	address, withTwo nftables.SetDatatype
}

func families() [2]family {
	return [2]family{
		{digit: "4", nfproto: 2, source: 12, target: 16, size: 4, icmp: protoICMP, echo: 8, second: quarter, bits: 32,
			address: nftables.TypeIPAddr, withTwo: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)},
		{v6: true, digit: "6", nfproto: 10, source: 8, target: 24, size: 16, icmp: protoICMPv6, echo: 128, second: register2, bits: 64,
			address: nftables.TypeIP6Addr, withTwo: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetService)},
	}
}

// key is a source as an element: an IPv6 source is its /64.
func (f *family) key(p netip.Prefix) []byte {
	q, err := p.Addr().Prefix(f.bits)
	if err != nil {
		q = p
	}
	return q.Addr().AsSlice()
}

// set is one of the sets of the family.
func (f *family) set(table *nftables.Table, what string, id uint32) *nftables.Set {
	s := &nftables.Set{Table: table, Name: what + f.digit, ID: id, KeyType: f.address, HasTimeout: true, Size: meterSize, Dynamic: true}
	switch what {
	case knownSet:
		s.Dynamic, s.Size = false, knownSize
	case askedSet:
		s.KeyType, s.Concatenation, s.Timeout = f.withTwo, true, 30*time.Second
	case newMeter:
		s.Timeout = 5 * time.Minute
	default:
		s.Timeout = time.Minute
	}
	return s
}

// put makes the table anew in one transaction: no packet finds half of it.
func (m *Meters) put(ctx context.Context) error {
	c, err := m.k.conn(ctx)
	if err != nil {
		return failed("meter sources", err)
	}
	c.AddTable(m.k.table)
	c.DelTable(m.k.table)
	c.AddTable(m.k.table)
	for _, name := range drops() {
		c.AddObj(m.counter(name))
	}
	b := &builder{m: m, c: c, sets: map[string]*nftables.Set{}}
	b.build()
	if err := c.Flush(); err != nil {
		return failed("meter sources", err)
	}
	if m.rules, err = m.handles(ctx); err != nil {
		return err
	}
	return m.knowAgain(ctx)
}

// knowAgain puts back who was known.
func (m *Meters) knowAgain(ctx context.Context) error {
	now := time.Now()
	var some []netip.Prefix
	longest := time.Duration(0)
	for p, until := range m.known {
		if left := until.Sub(now); left > 0 {
			some, longest = append(some, p), max(longest, left)
		} else {
			delete(m.known, p)
		}
	}
	return m.know(ctx, some, longest)
}

// builder adds the meters to a transaction.
type builder struct {
	m     *Meters
	c     *nftables.Conn
	sets  map[string]*nftables.Set
	meter *nftables.Chain
	asked *nftables.Chain
}

func (b *builder) build() {
	accept := nftables.ChainPolicyAccept
	b.meter = b.c.AddChain(&nftables.Chain{Name: meterChain, Table: b.m.k.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(meterPriority), Policy: &accept})
	b.asked = b.c.AddChain(&nftables.Chain{Name: askedChain, Table: b.m.k.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityRef(askedPriority), Policy: &accept})
	b.rule(b.meter, loopback())
	b.guard()
	for _, f := range families() {
		for _, what := range []string{knownSet, synMeter, newMeter, echoMeter, askedSet} {
			s := f.set(b.m.k.table, what, b.m.k.id())
			_ = b.c.AddSet(s, nil) // fails for anonymous sets only
			b.sets[s.Name] = s
		}
		b.syns(&f, synMeter, b.m.now.SYN)
		b.syns(&f, newMeter, b.m.now.New)
		b.pings(&f)
		if b.m.now.Reflection {
			b.reflection(&f)
		}
	}
}

func (b *builder) rule(chain *nftables.Chain, parts ...[]expr.Any) {
	r := &nftables.Rule{Table: b.m.k.table, Chain: chain}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	b.c.AddRule(r)
}

// guard accepts whoever is never metered.
func (b *builder) guard() {
	by := map[length][]nftables.SetElement{}
	used := map[length]bool{}
	for _, p := range b.m.guarded {
		l := lengthOf(p)
		used[l] = true
		by[l] = append(by[l], nftables.SetElement{Key: key(p)})
	}
	for _, l := range sorted(used) {
		set := l.describe(b.m.k.table, allow, b.m.k.id())
		_ = b.c.AddSet(set, nil)
		for i := 0; i < len(by[l]); i += chunk {
			_ = b.c.SetAddElements(set, by[l][i:min(i+chunk, len(by[l]))])
		}
		b.rule(b.meter, l.match(set), accept())
	}
}

// syns meters the SYNs of sources that are not known. Connections that stand send none.
func (b *builder) syns(f *family, what string, r enforce.Rate) {
	if r.Events == 0 {
		return
	}
	known := b.sets[knownSet+f.digit]
	syn := []expr.Any{
		&expr.Payload{DestRegister: register1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: register1, DestRegister: register1, Len: 1, Mask: []byte{0x17}, Xor: []byte{0}}, // FIN, SYN, RST, ACK
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: []byte{0x02}},
	}
	unknown := append(f.load(f.source, f.bits), &expr.Lookup{SourceRegister: register1, SetName: known.Name, SetID: known.ID, Invert: true})
	b.rule(b.meter, f.of(protoTCP), syn, forUs(), unknown, b.over(f, what, r), b.drop(what))
}

// pings meters echo requests.
func (b *builder) pings(f *family) {
	if b.m.now.Echo.Events == 0 {
		return
	}
	ping := []expr.Any{
		&expr.Payload{DestRegister: register1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: []byte{f.echo}},
	}
	b.rule(b.meter, f.of(f.icmp), ping, forUs(), b.over(f, echoMeter, b.m.now.Echo), b.drop(echoMeter))
}

// reflection notes whom this machine, or one behind it, asks over UDP, and drops answers
// of others. It needs no connection tracking, which a flood would fill.
func (b *builder) reflection(f *family) {
	asked := b.sets[askedSet+f.digit]
	for _, port := range enforce.ReflectionPorts() {
		p := binary.BigEndian.AppendUint16(nil, port)
		b.rule(b.asked, f.of(protoUDP), portIs(2, p), f.load(f.target, 0), portInto(f.second, 0),
			[]expr.Any{&expr.Dynset{SrcRegKey: register1, SetName: asked.Name, SetID: asked.ID, Operation: dynsetUpdate}})
		b.rule(b.meter, f.of(protoUDP), portIs(0, p), forUs(), f.load(f.source, 0), portInto(f.second, 2),
			[]expr.Any{&expr.Lookup{SourceRegister: register1, SetName: asked.Name, SetID: asked.ID, Invert: true}}, b.drop(reflected))
	}
}

// over matches what is above the rate of its source.
func (b *builder) over(f *family, what string, r enforce.Rate) []expr.Any {
	set := b.sets[what+f.digit]
	limit := &expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(r.Events), Unit: expr.LimitTime(r.Per / time.Second), Burst: uint32(max(r.Burst, 1)), Over: true}
	return append(f.load(f.source, f.bits), &expr.Dynset{SrcRegKey: register1, SetName: set.Name, SetID: set.ID, Operation: dynsetUpdate, Exprs: []expr.Any{limit}})
}

func (b *builder) drop(counter string) []expr.Any {
	return []expr.Any{&expr.Objref{Type: 1, Name: counter}, &expr.Verdict{Kind: expr.VerdictDrop}}
}

// of matches a protocol of the family.
func (f *family) of(proto byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: []byte{f.nfproto}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: []byte{proto}},
	}
}

// load puts an address of the header into the first register, cut to so many bits; 0: all.
func (f *family) load(offset uint32, bits int) []expr.Any {
	out := []expr.Any{&expr.Payload{DestRegister: register1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.size}}
	if bits > 0 && bits < int(8*f.size) {
		out = append(out, &expr.Bitwise{SourceRegister: register1, DestRegister: register1, Len: f.size, Mask: net.CIDRMask(bits, int(8*f.size)), Xor: make([]byte, f.size)})
	}
	return out
}

// portIs matches a port, at an offset of the transport's header.
func portIs(offset uint32, port []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: port},
	}
}

// portInto puts a port behind an address.
func portInto(register, offset uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}}
}

// forUs matches what is for an address of this machine.
func forUs() []expr.Any {
	local := make([]byte, 4)
	binary.NativeEndian.PutUint32(local, rtnLocal)
	return []expr.Any{
		&expr.Fib{Register: register1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register1, Data: local},
	}
}
