package netflow

import (
	"net/netip"
	"time"
)

// sampleOf adds a packet that was sampled to those of its conversation, which are told of
// together after [Config.Wait].
func (r *Reader) sampleOf(from netip.Addr, e *exporter, rec *record, now time.Time) {
	r.shares.count(rec, now, r.cfg.Wait, &r.stats)
	key, high := endsOf(from, rec)
	if h := r.samples.find(key); h != nil {
		h.add(rec, high, now)
		return
	}
	for r.samples.full() {
		if h := r.samples.due(now.Add(1)); h != nil {
			r.stats.Early++
			r.sampled(h, now)
		}
	}
	r.samples.put(&held{record: *rec, key: key, from: e, high: high, came: now})
}

// add adds a packet of either direction. Its times are before the first one came, and so
// negative, until the conversation is told of.
func (h *held) add(rec *record, high bool, now time.Time) {
	to := &h.record
	if high != h.high {
		to = &h.back
	}
	rec.began = -now.Sub(h.came)
	rec.ended = rec.began
	if to.packets == 0 {
		*to = *rec
		return
	}
	to.ended, to.flags, to.sampled = rec.ended, to.flags|rec.flags, to.sampled || rec.sampled
	to.taken += rec.taken
	to.packets = min(to.packets+rec.packets, mostAmount)
	to.bytes = min(to.bytes+rec.bytes, mostAmount)
}

// sampled tells of a conversation of which packets were sampled. Of one direction alone
// more than that is said only where so much was sampled of what goes to its target that
// answers would be among it.
func (r *Reader) sampled(h *held, now time.Time) {
	h.wait(now)
	a, b := &h.record, &h.back
	if b.packets > 0 {
		a.sampled = a.sampled || b.sampled
		b.sampled = a.sampled
		h.from.twoWay = now
		r.together(a, b, now)
		return
	}
	if !a.sampled {
		r.oneWay(a, single(a, now.Sub(h.from.twoWay) < believed), now)
		return
	}
	if r.shares.unanswered(a) {
		a.sure, a.sampled = true, false
		r.oneWay(a, single(a, true), now)
		return
	}
	a.cautious()
	r.oneWay(a, single(a, false), now)
}

// cautious keeps a few pings from being a flood of them: at least those that were sampled
// were there.
func (a *record) cautious() {
	if a.proto == protoICMP || a.proto == protoICMPv6 {
		a.packets, a.bytes = a.taken, a.bytes/max(a.packets/max(a.taken, 1), 1)
	}
}

// share is what was sampled of what a host is sent, and of what speaks for an honest
// reason: its answers, or ACKs beside SYNs.
type share struct{ sent, honest uint32 }

// hostOf is a host in a protocol.
type hostOf struct {
	addr  netip.Addr
	proto uint8
}

// shares are those of the present period and of the one before.
type shares struct {
	now, before map[hostOf]share
	since       time.Time
}

// The bounds of shares, and how many samples without answers say that there are none: of
// those to a host that answers one packet in ten, 64 have no answer beside them once in a
// thousand times.
const (
	mostShares = 16_384
	enough     = 64
	answered   = 20 // one answer to so many packets is one
)

func newShares() shares { return shares{now: map[hostOf]share{}, before: map[hostOf]share{}} }

// count notes a packet.
func (s *shares) count(r *record, now time.Time, period time.Duration, stats *Stats) {
	if now.Sub(s.since) >= period {
		s.now, s.before, s.since = s.before, s.now, now
		clear(s.now)
	}
	to, from := hostOf{r.dst, r.proto}, hostOf{r.src, r.proto}
	switch opening := r.flags&(syn|ack) == syn; {
	case r.proto == protoTCP && !opening:
		s.add(to, share{honest: 1}, stats)
	case r.proto == protoUDP:
		s.add(from, share{honest: 1}, stats)
		fallthrough
	default:
		s.add(to, share{sent: 1}, stats)
	}
}

func (s *shares) add(k hostOf, more share, stats *Stats) {
	old, ok := s.now[k]
	if !ok && len(s.now) >= mostShares {
		stats.Refused++
		return
	}
	s.now[k] = share{old.sent + more.sent, old.honest + more.honest}
}

// unanswered reports whether what a host is sent surely has no answers. A SYN of a
// conversation that goes on is followed by many packets.
func (s *shares) unanswered(r *record) bool {
	k := hostOf{r.dst, r.proto}
	a, b := s.now[k], s.before[k]
	sent, honest := a.sent+b.sent, a.honest+b.honest
	if r.proto == protoTCP {
		return r.flags&(syn|ack) == syn && sent >= enough && honest < sent
	}
	return sent >= enough && honest < sent/answered
}
