package ja4

import "slices"

// known is how many fingerprints a Printer remembers.
const known = 64

// Printer makes fingerprints one after the other, and remembers the newest: most hellos
// are those of a few programs, and what takes the time are the digests. The zero value is
// ready. It is not safe for concurrent use.
type Printer struct {
	hello  ordered
	begin  []byte
	prints [known]print
}

// print is a fingerprint, and of what.
type print struct {
	ordered
	begin string
	text  string
}

// Of is [Of].
func (p *Printer) Of(h *Hello) string {
	p.begin = p.hello.order(p.begin[:0], h)
	k := &p.prints[p.place()]
	if k.text != "" && k.begin == string(p.begin) && k.same(&p.hello) {
		return k.text
	}
	k.begin = string(p.begin)
	k.text = p.hello.text(p.begin)
	k.keep(&p.hello)
	return k.text
}

// place is where a hello is remembered.
func (p *Printer) place() uint32 {
	h := uint32(len(p.hello.signatures))
	for _, list := range [...][]uint16{p.hello.suites, p.hello.extensions} {
		for _, v := range list {
			h = h*31 + uint32(v)
		}
	}
	for _, c := range p.begin {
		h = h*31 + uint32(c)
	}
	return h * 0x9e3779b9 >> 26
}

func (o *ordered) same(q *ordered) bool {
	return slices.Equal(o.suites, q.suites) && slices.Equal(o.extensions, q.extensions) && slices.Equal(o.signatures, q.signatures)
}

// keep copies the lists into memory that is there.
func (o *ordered) keep(q *ordered) {
	o.suites, o.extensions, o.signatures = append(o.suites[:0], q.suites...), append(o.extensions[:0], q.extensions...), append(o.signatures[:0], q.signatures...)
}

// known is what the bits of a place can say.
var _ [known - 1<<6]struct{}
