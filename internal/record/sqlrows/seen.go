package sqlrows

import (
	"context"
	"database/sql"
	"net/netip"
	"strconv"
	"strings"

	"haechi"
)

// Letters before a subject in the table seen.
const (
	seenDevice  = "d"
	seenAddress = "a"
	seenRef     = "r"
)

// seenCap bounds the writer's memory of what the present minutes hold already.
const seenCap = 1 << 16

// sighting is one row of the table seen.
type sighting struct {
	kind   byte
	value  string
	minute int64
}

// seenSet remembers the sightings already written, and those to be written.
type seenSet struct {
	known map[sighting]struct{}
	fresh []sighting
}

func (s *seenSet) event(e *haechi.Event, addr string, d *Dialect) {
	m := minuteOf(e.Time.Unix())
	if e.Device != "" {
		s.add(sighting{seenDevice[0], d.fit(e.Device, maxName), m})
	}
	if addr != "" {
		s.add(sighting{seenAddress[0], addr, m})
	}
	if e.Ref != "" {
		s.add(sighting{seenRef[0], string(e.Ref), m})
	}
}

func (s *seenSet) add(v sighting) {
	if _, ok := s.known[v]; ok {
		return
	}
	if s.known == nil || len(s.known) >= seenCap {
		s.known = make(map[sighting]struct{}, 1024)
	}
	s.known[v] = struct{}{}
	s.fresh = append(s.fresh, v)
}

// forget is for a batch that was not written.
func (s *seenSet) forget() { s.known, s.fresh = nil, s.fresh[:0] }

func (s *seenSet) save(ctx context.Context, tx *sql.Tx, in inserts, args *[]any, pause func()) error {
	return strides(ctx, tx, in, s.fresh, args, pause, func(args []any, v sighting) []any {
		return append(args, string(v.kind)+v.value, v.minute)
	})
}

// saved is for a batch that was written.
func (s *seenSet) saved() {
	clear(s.fresh)
	s.fresh = s.fresh[:0]
}

// subjects is a range of subjects: one, or all that begin alike.
type subjects struct{ from, to string } // from <= subject <= to

func one(kind, value string) subjects { return subjects{kind + value, kind + value} }

// subjectOf picks the narrowest subject that the filter names; false if none.
func subjectOf(f *haechi.EventFilter) (subjects, bool) {
	switch {
	case f.Ref != "":
		return one(seenRef, string(f.Ref)), true
	case f.Device != "":
		return one(seenDevice, f.Device), true
	case f.Source.Kind == haechi.ScopeAddress, f.Source.Kind == haechi.ScopePrefix:
		return subjectsIn(f.Source.Prefix)
	}
	return subjects{}, false
}

// subjectsIn covers all addresses of a prefix by the text they begin with: a little
// more than the prefix, never less. False if that would be every address.
func subjectsIn(p netip.Prefix) (subjects, bool) {
	if p.IsSingleIP() {
		return one(seenAddress, p.Addr().String()), true
	}
	start := leading(p)
	if start == "" {
		return subjects{}, false
	}
	return subjects{seenAddress + start, seenAddress + start + "~"}, true
}

// leading is the text that every address of the prefix begins with: its whole
// octets or groups, up to the first group of zeros, which "::" may swallow.
func leading(p netip.Prefix) string {
	var b strings.Builder
	if p.Addr().Is4() {
		a := p.Addr().As4()
		for _, octet := range a[:p.Bits()/8] {
			b.WriteString(strconv.Itoa(int(octet)) + ".")
		}
		return b.String()
	}
	a := p.Addr().As16()
	for i := 0; i+2 <= p.Bits()/8; i += 2 {
		group := uint64(a[i])<<8 | uint64(a[i+1])
		if group == 0 {
			break
		}
		b.WriteString(strconv.FormatUint(group, 16) + ":")
	}
	return b.String()
}
