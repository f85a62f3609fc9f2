package baseline

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"

	"haechi"
	"haechi/internal/brick/lru"
)

// ErrState means that bytes are not what [Detector.MarshalBinary] wrote.
var ErrState = errors.New("not a baseline")

const (
	magic   = "haechi-baseline-1"
	maxText = 1024
)

// MarshalBinary implements encoding.BinaryMarshaler: all that was learned, without the
// present hour and without the attacks that are open.
func (d *Detector) MarshalBinary() ([]byte, error) {
	forest, err := d.forest.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint64([]byte(magic), uint64(d.now))
	b = d.others.append(d.own.append(b))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(forest)))
	b = append(b, forest...)
	b = binary.LittleEndian.AppendUint32(b, uint32(d.people.Len()))
	for k, s := range d.people.All() {
		b = appendText(appendText(b, k.device()), k.service())
		client, err := k.client().MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = appendText(b, string(client))
		b = binary.LittleEndian.AppendUint64(b, uint64(s.since))
		b = s.habit.append(b)
	}
	return b, nil
}

func appendText(b []byte, text string) []byte {
	text = text[:min(len(text), maxText)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
}

// append writes how many hours were learned and the slots that were used, each with its
// number. No habit is written as one that learned nothing.
func (h *habit) append(b []byte) []byte {
	if h == nil {
		h = new(habit)
	}
	b = binary.LittleEndian.AppendUint32(b, h.hours)
	at := len(b)
	b = append(b, 0)
	for i := range h.slots {
		s := &h.slots[i]
		if s.n == 0 {
			continue
		}
		b[at]++
		b = append(b, byte(i), s.n)
		for k := range four {
			b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, s.centre[k]), s.wide[k])
		}
	}
	return b
}

func (b *budget) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, uint64(b.day))
	to = binary.LittleEndian.AppendUint32(to, uint32(b.days))
	to = binary.LittleEndian.AppendUint32(to, math.Float32bits(b.line))
	for i := range b.top {
		to = append(to, b.count[i])
		for _, v := range b.top[i][:b.count[i]] {
			to = binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
		}
	}
	return to
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: the detector goes on with what
// another one had learned, as far as it has room. Its error is [ErrState]; then the
// detector is as before.
func (d *Detector) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if string(r.take(len(magic))) != magic {
		return ErrState
	}
	now := int64(r.u64())
	own, others := r.budget(), r.budget()
	forest := d.newForest()
	err := forest.UnmarshalBinary(r.take(r.u32()))
	people := lru.New[who, subject](d.cfg.Subjects, idle, who.hash)
	for n := r.u32(); n > 0 && !r.bad; n-- {
		k, s := r.subject()
		if v, _ := people.Use(k, now); v != nil {
			*v = s
		}
	}
	if r.bad || err != nil || len(r.b) > 0 || forest.Features() != features {
		return ErrState
	}
	d.now, d.own, d.others, d.forest, d.people, d.busy = now, own, others, forest, people, false
	return nil
}

// reader takes numbers off bytes; after the first that is not there it is bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || len(r.b) < n {
		r.bad = true
		return make([]byte, min(max(n, 0), 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() int     { return int(r.take(1)[0]) }
func (r *reader) u16() int    { return int(binary.LittleEndian.Uint16(r.take(2))) }
func (r *reader) u32() int    { return int(binary.LittleEndian.Uint32(r.take(4))) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) float() float32 {
	v := math.Float32frombits(uint32(r.u32()))
	if v != v {
		r.bad = true
	}
	return v
}

func (r *reader) text() string {
	n := r.u16()
	if r.bad = r.bad || n > maxText; r.bad {
		return ""
	}
	return string(r.take(n))
}

func (r *reader) budget() (b budget) {
	b.day, b.days, b.line = int64(r.u64()), r.u32(), r.float()
	for i := range b.top {
		n := r.u8()
		if r.bad = r.bad || n > most || b.days < 0; r.bad {
			return b
		}
		b.count[i] = uint8(n)
		for k := range n {
			b.top[i][k] = r.float()
		}
	}
	return b
}

func (r *reader) subject() (k who, s subject) {
	device, service := r.text(), r.text()
	client := netip.Prefix{}
	if err := client.UnmarshalBinary([]byte(r.text())); err != nil {
		r.bad = true
	}
	switch {
	case device != "":
		k = who{kind: haechi.ScopeDevice, name: device}
	case service != "":
		k = who{kind: haechi.ScopeService, name: service}
	default:
		r.bad = r.bad || !client.IsValid() || client.Addr().Is4In6()
		k = host(client)
	}
	s.since, s.habit = int32(r.u64()), &habit{hours: uint32(r.u32())}
	for n := r.u8(); n > 0 && !r.bad; n-- {
		i, times := r.u8(), r.u8()
		if i >= slots {
			r.bad = true
			return k, s
		}
		slot := &s.habit.slots[i]
		slot.n = uint8(times)
		for v := range four {
			slot.centre[v], slot.wide[v] = uint16(r.u16()), uint16(r.u16())
		}
	}
	return k, s
}
