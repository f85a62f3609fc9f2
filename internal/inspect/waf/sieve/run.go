package sieve

import (
	"bytes"
	"strconv"
	"strings"

	"haechi/internal/inspect/waf"
)

// reason is why a request goes to the oracle.
type reason struct {
	rule int    // that may match, 0 if none
	why  string // a constant text
}

// run is the judgement of one request. It is used again.
type run struct {
	s       *Sieve
	scratch *scratch
	hit     []bool // by predicate
	hits    []int32
	holds   []uint8 // by condition: predicates that hold
	held    []int32
	counts  []int // by count
	ids     []int
	reason  reason
	stop    bool // the oracle is to be asked

	processor   string
	forced      bool
	buf, key    []byte
	name, value []byte
	args        int
	argBytes    int
	multipart   parts
	json        walker
	decoded     []byte
}

// reset makes the run ready for the next request.
func (r *run) reset() {
	for _, i := range r.hits {
		r.hit[i] = false
	}
	for _, i := range r.held {
		r.holds[i] = 0
	}
	r.hits, r.held, r.ids = r.hits[:0], r.held[:0], r.ids[:0]
	clear(r.counts)
	r.reason, r.stop, r.processor, r.forced = reason{}, false, "", false
	r.args, r.argBytes, r.scratch.asked = 0, 0, 0
}

// ask sends the request to the oracle.
func (r *run) ask(rule int, why string) {
	if !r.stop {
		r.stop, r.reason = true, reason{rule, why}
	}
}

// see judges one value of the request. key names it within its collection.
func (r *run) see(from source, key, value []byte) {
	if r.stop {
		return
	}
	t := r.s.tables
	if t.withKey[from] || len(r.s.counting[from]) > 0 {
		key = r.lower(key)
		r.count(from, key)
	}
	c := t.of(from, key)
	known, h := r.s.memo.look(c, value)
	if known != nil {
		for _, i := range known.matched {
			r.mark(from, key, i)
		}
		return
	}
	r.scratch.judge(c, value)
	if r.scratch.unsure {
		r.ask(0, r.scratch.why())
		return
	}
	r.s.memo.keep(h, c, value, r.scratch.matched)
	for _, i := range r.scratch.matched {
		r.mark(from, key, i)
	}
}

// why says why the value must go to the oracle.
func (s *scratch) why() string {
	if s.asked > maxAsked {
		return "many rules may match"
	}
	return "a value becomes too many others"
}

// count counts a member of a collection for the rules that ask how many there are.
func (r *run) count(from source, key []byte) {
	if len(r.s.counting[from]) == 0 {
		return
	}
	name := string(key)
	for _, n := range r.s.counting[from] {
		if r.s.countTargets[n].target.covers(name) {
			r.counts[n]++
		}
	}
}

// lower spells a key as the oracle compares it.
func (r *run) lower(key []byte) []byte {
	for i, b := range key {
		if b >= 0x80 {
			return bytes.ToLower(key)
		}
		if 'A' <= b && b <= 'Z' {
			r.key = append(r.key[:0], key...)
			for ; i < len(r.key); i++ {
				if b := r.key[i]; 'A' <= b && b <= 'Z' {
					r.key[i] = b + 'a' - 'A'
				} else if b >= 0x80 {
					return bytes.ToLower(key)
				}
			}
			return r.key
		}
	}
	return key
}

// mark notes that a predicate holds, if the value is one that it asks about.
func (r *run) mark(from source, key []byte, i int32) {
	if r.hit[i] || r.stop {
		return
	}
	covered := false
	for _, t := range r.s.tables.predicates[i].sources[from] {
		covered = covered || t.name == "XML" || !t.conditional() || t.covers(string(key))
	}
	if covered {
		r.hold(i)
	}
}

// hold notes that a predicate holds, and asks the oracle once all of a rule do.
func (r *run) hold(i int32) {
	r.hit[i] = true
	r.hits = append(r.hits, i)
	for _, n := range r.s.conditionsOf[i] {
		c := r.s.program.conditions[n]
		if r.holds[n] == 0 {
			r.held = append(r.held, n)
		}
		r.holds[n]++
		if int(r.holds[n]) == len(c.predicates) && !c.neutral {
			r.ask(c.rule, "a rule may match")
			return
		}
	}
}

// request judges everything but the body's parameters, and then those.
func (r *run) request(v *waf.View) {
	r.line(v)
	r.headers(v)
	if r.stop {
		return
	}
	r.control()
	r.body(v)
	if r.stop {
		return
	}
	r.see(fromProcessor, nil, []byte(r.processor))
	r.sizes()
	r.tally()
	if !r.stop {
		r.names()
	}
}

// line judges the request line and the query.
func (r *run) line(v *waf.View) {
	r.see(fromMethod, nil, r.text(v.Method))
	r.see(fromProtocol, nil, r.text(v.Protocol))
	r.see(fromURIRaw, nil, r.text(v.Target))
	r.buf = append(append(append(append(append(r.buf[:0], v.Method...), ' '), v.Target...), ' '), v.Protocol...)
	r.see(fromLine, nil, r.buf)
	r.buf = v.Client.AppendTo(r.buf[:0])
	if !v.Client.IsValid() {
		r.ask(0, "no client address")
		return
	}
	r.see(fromClient, nil, r.buf)
	r.see(fromServerName, nil, r.text(v.Host))
	r.target(v.Target)
}

// text copies a text to where its bytes can be looked at.
func (r *run) text(s string) []byte {
	r.buf = append(r.buf[:0], s...)
	return r.buf
}

// headers judges header fields and cookies, and finds how the body is to be read.
func (r *run) headers(v *waf.View) {
	typed := false
	for i := range v.Headers {
		h := &v.Headers[i]
		if h.Name == "" {
			continue
		}
		r.name, r.value = append(r.name[:0], h.Name...), append(r.value[:0], h.Value...)
		r.see(fromHeader, r.name, r.value)
		r.see(fromHeaderName, r.name, r.name)
		switch {
		case len(h.Name) == 12 && strings.EqualFold(h.Name, "content-type"):
			if !typed {
				r.contentType(h.Value)
			}
			typed = true
		case len(h.Name) == 6 && strings.EqualFold(h.Name, "cookie"):
			r.cookies(r.value)
		}
	}
}

func (r *run) contentType(value string) {
	value = strings.TrimSpace(strings.ToLower(value))
	switch {
	case strings.HasPrefix(value, "application/x-www-form-urlencoded"):
		r.processor = "URLENCODED"
	case strings.HasPrefix(value, "multipart/form-data"):
		r.processor = "MULTIPART"
	}
}

// cookies splits a Cookie field as the oracle does.
func (r *run) cookies(value []byte) {
	for rest := value; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{';'})
		name, val, _ := bytes.Cut(trimControls(pair), []byte{'='})
		name, val = trimControls(name), trimControls(val)
		if len(name) == 0 && len(val) == 0 {
			continue
		}
		r.see(fromCookie, name, val)
		r.see(fromCookieName, name, name)
	}
}

// trimControls cuts spaces and control characters off both ends.
func trimControls(b []byte) []byte {
	for len(b) > 0 && (b[0] <= ' ' || b[0] == 0x7f) {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] <= ' ' || b[len(b)-1] == 0x7f) {
		b = b[:len(b)-1]
	}
	return b
}

// control runs the rules that say how the body is read, in their order.
func (r *run) control() {
	for _, n := range r.s.controlling {
		c := r.s.program.conditions[n]
		fires := int(r.holds[n]) == len(c.predicates)
		for _, i := range c.processor {
			p := r.s.tables.predicates[i]
			r.scratch.judgeOne(p, []byte(r.processor))
			fires = fires && r.scratch.one
		}
		if !fires {
			continue
		}
		r.ids = append(r.ids, c.rule)
		for _, k := range c.controls {
			switch k.name {
			case "requestbodyprocessor":
				r.processor = strings.ToUpper(k.value)
			case "forcerequestbodyvariable":
				r.forced = strings.EqualFold(k.value, "on")
			}
		}
	}
}

// sizes judges what is known of the request only at its end.
func (r *run) sizes() {
	r.number(fromArgsSize, r.argBytes)
}

func (r *run) number(from source, n int) {
	r.buf = strconv.AppendInt(r.buf[:0], int64(n), 10)
	r.see(from, nil, r.buf)
}

// tally asks about the numbers of members of collections.
func (r *run) tally() {
	for n := range r.s.countTargets {
		t := &r.s.countTargets[n]
		if r.hit[t.predicate] {
			continue
		}
		p := r.s.tables.predicates[t.predicate]
		r.buf = strconv.AppendInt(r.buf[:0], int64(r.counts[n]), 10)
		r.scratch.judgeOne(p, r.buf)
		if r.scratch.one {
			r.hold(t.predicate)
		}
	}
}

// names lists the rules that match and change nothing.
func (r *run) names() {
	for _, n := range r.held {
		c := r.s.program.conditions[n]
		if c.neutral && len(c.processor) == 0 && !c.reads() && int(r.holds[n]) == len(c.predicates) {
			r.ids = append(r.ids, c.rule)
		}
	}
}
