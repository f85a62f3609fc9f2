package signature

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
	"unique"

	"haechi"
)

// silent is a device that proved something once and nothing since, with one key at most
// and one frame at most in the replay memory: all that is known of it, without a pointer
// to anything of its own. There may be as many as devices.
type silent struct {
	name    uint64
	last    time.Duration
	frame   entry // on the connection of the last accepted frame, as is the only one
	print   uint64
	lastUse int64
	id      unique.Handle[string] // of the key
	span    int32                 // of the frame's generation
	floor   int32                 // if there is one
	skew    int32                 // of the newest timestamp, from lastUse, in milliseconds
	hash    haechi.Hash
	form    haechi.KeyForm
	signs   uint8
}

// What is true of a silent device.
const (
	signFrame  uint8 = 1 << iota // there is a frame
	signFloor                    // a span was forgotten
	signUsable                   // its key is one in its form
	signGone                     // it is silent no more
)

// gone reports whether the device spoke since, so that this is a hole.
func (q *silent) gone() bool { return q.signs&signGone != 0 }

// hush makes the device a silent one, if it is no more than that.
func (d *device) hush(name uint64, since int64) (q silent, ok bool) {
	m, g := d.macs, d.gens
	if m != &d.own || m.next != nil || m.state != nil || m.lastUse >= since || d.skewAt != 0 {
		return q, false
	}
	if g != nil && (g != &d.one || g.next != nil || len(g.list) != 1 || g.size != 1 || d.held != 1 || g.list[0].session != d.session) ||
		g == nil && d.held != 0 {
		return q, false
	}
	skew, floor, span := d.newest-m.lastUse, max(d.floor, math.MinInt32), int64(0)
	if g != nil {
		span = g.span
	}
	if !small(skew) || !small(floor) || !small(span) {
		return q, false
	}
	q = silent{name: name, span: int32(span), floor: int32(floor), print: m.print, lastUse: m.lastUse, id: unique.Make(m.id), skew: int32(skew), hash: m.hash, form: m.form}
	if m.usable {
		q.signs |= signUsable
	}
	if d.floor != math.MinInt64 {
		q.signs |= signFloor
	}
	if g != nil {
		q.last, q.frame = g.last, g.list[0]
		q.signs |= signFrame
	} else {
		q.frame.session = d.session
	}
	return q, true
}

// small reports whether a silent device has room for the number.
func small(n int64) bool { return n == int64(int32(n)) }

// speak is the device again as it was.
func (q *silent) speak() *device {
	d := &device{floor: math.MinInt64, session: q.frame.session, newest: q.lastUse + int64(q.skew)}
	if q.signs&signFloor != 0 {
		d.floor = int64(q.floor)
	}
	d.own = mac{id: q.id.Value(), print: q.print, lastUse: q.lastUse, hash: q.hash, form: q.form, usable: q.signs&signUsable != 0}
	d.macs = &d.own
	if q.signs&signFrame != 0 {
		d.one = generation{span: int64(q.span), last: q.last, size: 1}
		d.one.list = append(d.entry[:0], q.frame)
		d.gens, d.held = &d.one, 1
	}
	return d
}

// sweep is [device.sweep] for a silent one.
func (q *silent) sweep(span int64, life, now time.Duration) (freed int) {
	if q.signs&signFrame == 0 || int64(q.span) >= span || now-q.last <= life {
		return 0
	}
	if q.signs&signFloor == 0 || q.floor < q.span {
		q.floor = q.span
	}
	q.signs = q.signs&^signFrame | signFloor
	return 1
}

// quiet finds a silent device of the shard; nil if there is none of the name.
func (s *shard) quiet(name uint64) *silent {
	i, ok := slices.BinarySearchFunc(s.silent, name, func(q silent, name uint64) int { return cmp.Compare(q.name, name) })
	if !ok || s.silent[i].gone() {
		return nil
	}
	return &s.silent[i]
}

// hush moves those who have fallen silent since the time, in Unix milliseconds, to the
// silent ones. These are sorted by name and take no room for more: they are many, they
// come many at once, and whoever speaks leaves a hole until the next time.
func (s *shard) hush(since int64) {
	left, fresh := 0, 0
	for i := range s.silent {
		if s.silent[i].gone() {
			left++
		}
	}
	for name, d := range s.devices {
		if _, ok := d.hush(name, since); ok {
			fresh++
		}
	}
	if fresh == 0 && left <= len(s.silent)/4 {
		return
	}
	all := make([]silent, 0, len(s.silent)-left+fresh)
	for i := range s.silent {
		if !s.silent[i].gone() {
			all = append(all, s.silent[i])
		}
	}
	s.silent = s.fallen(all, since)
	slices.SortFunc(s.silent, func(a, b silent) int { return cmp.Compare(a.name, b.name) })
	if fresh > len(s.devices) { // a map never shrinks
		left := make(map[uint64]*device, len(s.devices))
		maps.Copy(left, s.devices)
		s.devices = left
	}
}

// fallen takes those who have fallen silent out of the others, into all.
func (s *shard) fallen(all []silent, since int64) []silent {
	for name, d := range s.devices {
		if q, ok := d.hush(name, since); ok {
			all = append(all, q)
			delete(s.devices, name)
		}
	}
	return all
}

// wake makes a silent device one of the others.
func (s *shard) wake(name uint64) *device {
	q := s.quiet(name)
	if q == nil {
		return &device{floor: math.MinInt64}
	}
	d := q.speak()
	*q = silent{name: q.name, signs: signGone}
	return d
}
