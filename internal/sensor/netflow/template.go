package netflow

import "time"

// templateKey names a template of an exporter.
type templateKey struct {
	version uint16
	domain  uint32
	id      uint16
}

// template says how a record is laid out.
type template struct {
	fields []field
	least  int  // bytes of the shortest record, at least 1
	option bool // it tells about the exporter
	used   time.Time
}

// field is one of a record: what it is, and how long.
type field struct {
	id     uint16 // that of IANA; unread: it is skipped, back|id: of the other direction
	length uint16
}

const (
	varying = 65535   // the length stands in the record (RFC 7011, 7)
	unread  = 0       // reserved by IANA
	back    = 1 << 14 // IANA's numbers are below
	reverse = 29305   // the enterprise of RFC 5103
)

// templates reads a set of templates.
func (d *datagram) templates(b []byte) bool {
	for len(b) >= 4 {
		id, n := be16(b), int(be16(b[2:]))
		b = b[4:]
		if id < 256 { // padding
			return id == 0 && n == 0
		}
		rest, ok := d.template(id, n, b, noOption)
		if !ok {
			return false
		}
		b = rest
	}
	return true
}

// options9 reads a set of option templates of version 9, where lengths are in bytes.
func (d *datagram) options9(b []byte) bool {
	for len(b) >= 6 {
		id, scope, option := be16(b), int(be16(b[2:])), int(be16(b[4:]))
		b = b[6:]
		if id < 256 {
			return id == 0 && scope == 0
		}
		if scope%4 != 0 || option%4 != 0 || scope > len(b) {
			return false
		}
		rest, ok := d.template(id, (scope+option)/4, b, scope/4)
		if !ok {
			return false
		}
		b = rest
	}
	return true
}

// options10 reads a set of option templates of IPFIX, where fields are counted.
func (d *datagram) options10(b []byte) bool {
	for len(b) >= 4 {
		id, n := be16(b), int(be16(b[2:]))
		if id < 256 {
			return id == 0 && n == 0
		}
		if n == 0 { // withdrawn
			delete(d.exporter.templates, templateKey{d.version, d.domain, id})
			b = b[4:]
			continue
		}
		if len(b) < 6 {
			return false
		}
		rest, ok := d.template(id, n, b[6:], 0)
		if !ok {
			return false
		}
		b = rest
	}
	return true
}

// noOption is a template of flows.
const noOption = -1

// template reads n fields and keeps them; the rest is what follows. The first, scopes, are
// kinds of scope of version 9, which have numbers of their own.
func (d *datagram) template(id uint16, n int, b []byte, scopes int) (rest []byte, ok bool) {
	key := templateKey{d.version, d.domain, id}
	if n == 0 { // withdrawn (RFC 7011, 8.1)
		delete(d.exporter.templates, key)
		return b, true
	}
	if n > len(b)/4 {
		return nil, false
	}
	t := &template{option: scopes != noOption, used: d.now}
	for i := range n {
		var f field
		if f, b, ok = d.field(b); !ok {
			return nil, false
		}
		if i < scopes {
			f.id = unread
		}
		if len(t.fields) <= mostFields {
			t.fields = append(t.fields, f)
		}
		t.least += f.least()
	}
	if len(t.fields) > mostFields || t.least == 0 { // a record of no byte would have no end
		d.stats.Refused++
		delete(d.exporter.templates, key)
		return b, true
	}
	d.keep(key, t)
	return b, true
}

// field reads one of a template.
func (d *datagram) field(b []byte) (f field, rest []byte, ok bool) {
	if len(b) < 4 {
		return f, nil, false
	}
	f, rest = field{be16(b), be16(b[2:])}, b[4:]
	switch {
	case d.version == 10 && f.id&0x8000 != 0:
		if len(rest) < 4 {
			return f, nil, false
		}
		enterprise := be32(rest)
		rest = rest[4:]
		if f.id &^= 0x8000; enterprise == reverse && f.id < back {
			f.id |= back
		} else {
			f.id = unread
		}
	case f.id >= back:
		f.id = unread
	}
	if wrongLength(f, d.version) {
		f.id = unread
	}
	return f, rest, true
}

// wrongLength reports addresses of a length that they cannot have.
func wrongLength(f field, version uint16) bool {
	switch f.id {
	case ieSrc4, ieDst4:
		return f.length != 4
	case ieSrc6, ieDst6:
		return f.length != 16
	}
	return f.length == varying && version == 10 && f.id < 82 // a number never varies
}

func (f field) least() int {
	if f.length == varying {
		return 1
	}
	return int(f.length)
}

// keep keeps a template; where there is no room, the one goes that was unused for longest.
func (d *datagram) keep(key templateKey, t *template) {
	all := d.exporter.templates
	if _, ok := all[key]; !ok && len(all) >= mostTemplates {
		d.stats.Refused++
		var oldest templateKey
		var at time.Time
		for k, o := range all {
			if at.IsZero() || o.used.Before(at) {
				oldest, at = k, o.used
			}
		}
		delete(all, oldest)
	}
	all[key] = t
}
