package logline

import (
	"bytes"
	"slices"
	"strings"

	"haechi"
)

// plan is how the lines of one program are read: a tree of the texts that templates begin
// with, so that one pass over the beginning of a message leaves those that can fit. It
// belongs to one reader.
type plan struct {
	steps []step
	root  node
}

// step is a template, in the order in which they are tried; or a pattern of pairs.
type step struct {
	p    *pattern
	l    *line   // nil: pairs
	head []token // of the template, without the text that the tree compared
	skip int     // the length of that text
	says []place // the places that an event is filled from
	// event is what is told, but for these: made when it is met first.
	event *haechi.Event
}

// node is where a message may have come to by its beginning.
type node struct {
	text   []byte // what leads here from the node before
	eight  eight  // of it
	begins string // the first byte of the text of each of next
	next   []node
	own    []int   // the steps whose text ends here
	may    []*step // all that can still fit where the message goes on as none of next
}

// newPlan makes the plan of the patterns of a program.
func newPlan(all []*pattern) *plan {
	pl := &plan{}
	for _, p := range all {
		if p.Format == "pairs" {
			pl.steps = append(pl.steps, step{p: p})
			continue
		}
		for i := range p.lines {
			if l := &p.lines[i]; len(l.must) > 0 { // else it is none of text
				pl.steps = append(pl.steps, newStep(p, l))
			}
		}
	}
	for i := range pl.steps {
		if s := &pl.steps[i]; s.skip > 0 {
			pl.root.add(s.l.head[0].text, i)
		} else {
			pl.root.own = append(pl.root.own, i)
		}
	}
	pl.root.finish(pl.steps, nil)
	return pl
}

func newStep(p *pattern, l *line) step {
	s := step{p: p, l: l, head: l.head}
	if l.first != 0 {
		s.head, s.skip = l.head[1:], len(l.head[0].text)
	}
	for _, k := range l.tokens() {
		if k.place.told() {
			s.says = append(s.says, k.place)
		}
	}
	return s
}

// add puts a step below n, to which the text leads.
func (n *node) add(text []byte, step int) {
	if len(text) == 0 {
		n.own = append(n.own, step)
		return
	}
	i := strings.IndexByte(n.begins, text[0])
	if i < 0 {
		n.begins += string(text[:1])
		n.next = append(n.next, node{text: text, own: []int{step}})
		return
	}
	c := &n.next[i]
	k := 1
	for k < min(len(c.text), len(text)) && c.text[k] == text[k] {
		k++
	}
	if k < len(c.text) {
		behind := *c
		behind.text = c.text[k:]
		*c = node{text: c.text[:k], begins: string(c.text[k : k+1]), next: []node{behind}}
	}
	c.add(text[k:], step)
}

// finish lists at each node the steps of all above it, in their order.
func (n *node) finish(steps []step, above []int) {
	all := slices.Concat(above, n.own)
	slices.Sort(all)
	n.eight = eightOf(string(n.text))
	for _, i := range all {
		n.may = append(n.may, &steps[i])
	}
	for i := range n.next {
		n.next[i].finish(steps, all)
	}
}

// find returns the steps that can fit a message.
func (n *node) find(message []byte) []*step {
	for len(message) > 0 {
		i := 0
		for i < len(n.begins) && n.begins[i] != message[0] {
			i++
		}
		if i == len(n.begins) || !n.next[i].eight.begins(message, n.next[i].text) {
			break
		}
		n = &n.next[i]
		message = message[len(n.text):]
	}
	return n.may
}

// match reads a message that begins as the tree says. What it leaves in got beside the
// places of the template is of others.
func (s *step) match(message []byte, got *fields) verdict {
	if s.skip == 0 && !bytes.Contains(message, s.l.must) {
		return misses
	}
	return s.l.fit(s.head, message[s.skip:], got)
}

// follow tells of the first step that fits.
func (r *Reader) follow(pl *plan, m *message) bool {
	var asked *pattern
	excluded := false
	for _, s := range pl.root.find(m.text) {
		if s.p != asked {
			asked, excluded = s.p, s.p.excludes(m.text)
		}
		if excluded {
			continue
		}
		if s.l == nil {
			if r.pairsOf(s.p, m) {
				return true
			}
			continue
		}
		switch s.match(m.text, &r.got) {
		case twofold:
			r.stats.Ambiguous++
			return true
		case fits:
			r.say(s, m)
			return true
		}
	}
	return false
}

// say emits what a line means: the event of its template, with what stands in its places.
func (r *Reader) say(s *step, m *message) {
	if s.event == nil {
		s.event = new(haechi.Event)
		s.l.begin(s.p, s.event)
	}
	r.hit = s.l
	for _, p := range s.says {
		r.got.put(p, s.event, r.cfg.V6Bits, &r.texts)
	}
	opened(s.event)
	r.send(s.event, m.at)
}
