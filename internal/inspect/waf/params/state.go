package params

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
)

// ErrState means that bytes are not what [Learner.MarshalBinary] wrote.
var ErrState = errors.New("not what was learned of parameters")

const magic = "haechi-params-1"

// Changed reports whether anything was learned since it was asked last.
func (l *Learner) Changed() bool { return l.changed.Swap(false) }

// each gives every entry, its bucket locked.
func (l *Learner) each(do func(*entry)) {
	for i := range l.table.entries {
		mu := &l.table.locks[(uint64(i)/ways)%shards]
		mu.Lock()
		if e := &l.table.entries[i]; e.key != 0 {
			do(e)
		}
		mu.Unlock()
	}
}

// MarshalBinary implements encoding.BinaryMarshaler: counts and kinds, and since when which
// clients are known, as hashes.
func (l *Learner) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64([]byte(magic), l.secret[0])
	b = binary.LittleEndian.AppendUint64(b, l.secret[1])
	known, err := l.tenure.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("save the tenure of clients: %w", err)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(known)))
	b = append(b, known...)
	l.each(func(e *entry) { b = e.append(b) })
	return b, nil
}

func (e *entry) append(b []byte) []byte {
	b = text(text(text(b, e.service), e.route), e.name)
	for _, v := range []uint32{e.total, e.first, e.last, e.halved} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint16{e.shortest, e.longest, uint16(e.known)} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range e.networks {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	var used mask
	for k := range e.kinds {
		if e.kinds[k].n > 0 {
			used |= 1 << k
		}
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(used))
	for k := range e.kinds {
		if t := &e.kinds[k]; t.n > 0 {
			b = binary.LittleEndian.AppendUint32(b, t.n)
			b = binary.LittleEndian.AppendUint32(b, t.first)
			b = binary.LittleEndian.AppendUint32(b, t.last)
			b = binary.LittleEndian.AppendUint64(b, t.networks)
		}
	}
	return b
}

func text(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint8)]
	return append(append(b, byte(len(s))), s...)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. On an error nothing has changed.
// It must not be called beside others.
func (l *Learner) UnmarshalBinary(b []byte) error {
	next := New(l.cfg)
	r := reader{b: b}
	if string(r.bytes(len(magic))) != magic {
		return ErrState
	}
	next.secret = [2]uint64{r.u64(), r.u64()}
	known := r.bytes(int(r.u32()))
	if r.bad {
		return ErrState
	}
	if err := next.tenure.UnmarshalBinary(known); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	for len(r.b) > 0 && !r.bad {
		var e entry
		e.read(&r)
		if !r.bad {
			next.put(&e)
		}
	}
	if r.bad {
		return ErrState
	}
	l.secret, l.seed, l.table, l.tenure = next.secret, next.seed, next.table, next.tenure
	return nil
}

// put takes a saved entry in. Its key is made anew, since seeds do not outlive a process.
func (l *Learner) put(e *entry) {
	e.key = l.key(maphash.String(l.seed, e.service)^distinct.Mix(maphash.String(l.seed, e.route)), []byte(e.name))
	bucket, _ := l.table.at(e.key)
	if find(bucket, e.key) != nil {
		return
	}
	if at := room(bucket, e.last); at != nil {
		*at = *e
	} else {
		l.refused.Add(1)
	}
}

func (e *entry) read(r *reader) {
	e.service, e.route, e.name = r.text(), r.text(), r.text()
	for _, v := range []*uint32{&e.total, &e.first, &e.last, &e.halved} {
		*v = r.u32()
	}
	e.shortest, e.longest, e.known = r.u16(), r.u16(), mask(r.u16())
	for i := range e.networks {
		e.networks[i] = r.u64()
	}
	used := mask(r.u16())
	r.bad = r.bad || used>>kinds != 0 || e.known&^used != 0 || used.has(None) || e.last < e.first
	for k := range e.kinds {
		if used.has(Kind(k)) {
			t := &e.kinds[k]
			t.n, t.first, t.last, t.networks = r.u32(), r.u32(), r.u32(), r.u64()
			r.bad = r.bad || t.last < t.first
		}
	}
}

// reader takes bytes off the front; bad once there were too few.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) text() string {
	if b := r.bytes(1); b != nil {
		return string(r.bytes(int(b[0])))
	}
	return ""
}

// Held lists what is known of the parameters of a service, the most used first; of all
// without one.
func (l *Learner) Held(service string) (out []haechi.Held) {
	l.each(func(e *entry) {
		if service == "" || e.service == service {
			out = append(out, e.held(&l.cfg))
		}
	})
	slices.SortFunc(out, func(a, b haechi.Held) int {
		if a.Requests != b.Requests {
			return int(int64(b.Requests) - int64(a.Requests))
		}
		return strings.Compare(a.Service+a.Route+" "+a.Name, b.Service+b.Route+" "+b.Name)
	})
	return out
}

func (e *entry) held(cfg *Config) haechi.Held {
	var fresh mask
	for k := range e.kinds {
		if e.kinds[k].n > 0 {
			fresh |= 1 << k
		}
	}
	at := func(m uint32) time.Time { return time.Unix(int64(m)*60, 0).UTC() }
	return haechi.Held{Service: e.service, Route: e.route, Name: e.name, Kinds: e.known.String(), New: (fresh &^ e.known).String(), Tells: e.tells(cfg),
		Requests: e.total, Networks: e.count(), Shortest: int(e.shortest), Longest: int(e.longest), First: at(e.first), Last: at(e.last)}
}
