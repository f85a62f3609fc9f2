package flood

import (
	"net/netip"

	"haechi"
	"haechi/internal/brick/lru"
)

// sight is an event as a flood sees it: who sends to whom.
type sight struct {
	from  netip.Prefix
	addr  netip.Addr
	to    netip.Addr
	port  uint16 // what is attacked, or what answers
	begin int64
	at    int64
	id    uint64 // of the flow
	first bool   // its first packet
	over  bool
	last  bool // nothing follows
	// settled says that it is answered, and that what follows is known by the state that was
	// told before, so that nothing of it need be kept.
	settled bool
	proved  bool
	total   delta // since its begin
}

// delta are amounts.
type delta struct {
	packets, bytes uint64
	fragments, odd uint32
}

// see reads a flow from its initiator's side.
func see(e *haechi.Event) sight {
	s := sight{from: e.Client, addr: e.Addr, to: e.Target, port: e.LocalPort, at: e.Time.UnixNano(), begin: e.Start.UnixNano(),
		first: e.Phase == haechi.FlowBegin, over: e.Phase == haechi.FlowEnd || e.Phase == haechi.FlowNone, last: e.Phase == haechi.FlowEnd, proved: e.Assurance >= haechi.Handshaken,
		total: delta{e.PacketsIn, uint64(max(e.BytesIn, 0)), e.Fragments, e.Malformed}}
	if e.Start.IsZero() {
		s.begin = s.at
	}
	s.id = uint64(lru.Hash(s.begin).Addr(e.Addr).Addr(e.Target).Number(uint64(e.Port)<<32 | uint64(e.LocalPort)<<16 | uint64(e.Transport)))
	return s
}

// known is what was told of a flow before.
type known struct {
	at    int64
	total delta
	done  bool
}

// news keeps flows that are told of more than once.
type news struct{ table *lru.Table[uint64, known] }

func newNews(max int, idle int64) news { return news{lru.New[uint64, known](max, idle, lru.Number)} }

// since returns what was added since the flow was told of last, and when that was; done
// marks it as one of which nothing more counts. counts is false of such a one, and where
// there is no room. Of a flow not met before, the first packet is known, as every one is
// told of at its begin.
func (n *news) since(s *sight, done bool) (d delta, from int64, counts bool) {
	k, fresh := n.table.Use(s.id, s.at)
	if k == nil {
		return delta{}, s.at, false
	}
	if fresh {
		k.at, k.total = s.begin, firstOf(s.total)
	}
	d = delta{more(s.total.packets, k.total.packets), more(s.total.bytes, k.total.bytes),
		uint32(more(uint64(s.total.fragments), uint64(k.total.fragments))), uint32(more(uint64(s.total.odd), uint64(k.total.odd)))}
	from, counts = k.at, !k.done
	k.at, k.total, k.done = s.at, s.total, k.done || done
	if s.settled || s.last && !fresh {
		n.table.Drop(s.id)
	}
	return d, from, counts
}

// firstOf is the share of one packet.
func firstOf(total delta) delta {
	if total.packets <= 1 {
		return total
	}
	return delta{packets: 1, bytes: total.bytes / total.packets}
}

func more(now, before uint64) uint64 { return max(now, before) - before }
