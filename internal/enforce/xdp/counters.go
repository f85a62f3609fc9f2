package xdp

import (
	"haechi"
)

// Traffic is how much came, since the tables were made.
type Traffic struct{ Packets, Bytes uint64 }

func (t *Traffic) add(c count) { t.Packets, t.Bytes = t.Packets+c.Packets, t.Bytes+c.Bytes }

// Received is what came in by one interface, before anything was dropped. Each packet is
// counted in one place. Bytes include the link's header.
type Received struct {
	Interface string // empty: those that were not counted apart
	// Denied is of sources that a decision or the deny list drops; of a jumbo frame in
	// several pieces, the first one's bytes.
	Denied Traffic
	// TCP is without Opening: the first packets of connections.
	TCP, Opening Traffic
	// UDP is without what Answers has.
	UDP       Traffic
	ICMP      Traffic // of both versions
	Fragments Traffic // whatever they are of
	Other     Traffic // of IP
	Alien     Traffic // no IP, or cut off, or behind more than two tags
	// Answers is UDP from ports that answer strangers, in the order of [AnswerPorts].
	Answers [answerPorts]Traffic
}

// All is the sum.
func (r *Received) All() (sum Traffic) {
	for _, t := range r.classes() {
		sum.add(count(*t))
	}
	return sum
}

// AnswerPort is a UDP port whose services answer strangers, often with more than was
// asked: a flood of answers to questions that were asked in somebody else's name comes
// from it.
type AnswerPort struct {
	Port uint16
	Name string
}

// AnswerPorts are those that are counted apart, as bpf/came.h has them.
func AnswerPorts() [answerPorts]AnswerPort {
	return [answerPorts]AnswerPort{{17, "qotd"}, {19, "chargen"}, {53, "dns"}, {111, "portmap"}, {123, "ntp"}, {137, "netbios"}, {161, "snmp"}, {389, "cldap"},
		{520, "rip"}, {1900, "ssdp"}, {3283, "ard"}, {3702, "wsd"}, {5353, "mdns"}, {5683, "coap"}, {11211, "memcached"}, {27960, "quake"}, {37810, "dvr"}}
}

// Counters is what the program counted. It only grows while the tables live.
type Counters struct {
	// Received is by interface, in the order of the configuration; the fifteenth and
	// all behind it, and such as are no longer named, are in the last.
	Received []Received
	// Dropped is by reason: "decision", "list", "malformed", "tiny_fragment", "oversized",
	// "smurf", "source_rate", "unasked", by a stage "syn", "new" and "echo", and in a crowd
	// "pings" and "fragments".
	Dropped [reasons]Dropped
	// Watched is what mode Watch would have dropped.
	Watched [watched - reasons]Dropped
	// Answered are first packets of connections that were answered by a cookie.
	Answered Traffic
}

// Dropped is what was dropped for one reason.
type Dropped struct {
	Why string
	Traffic
}

func whys() [counted]string {
	return [counted]string{"decision", "list", "malformed", "tiny_fragment", "oversized", "smurf", "source_rate", "unasked", "syn", "new", "echo", "pings", "fragments",
		"source_rate", "unasked", "pings", "fragments", "opening"}
}

// Counters reads them: one call to the kernel for all that was dropped, and one for each
// interface.
func (e *Enforcer) Counters() (Counters, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counters()
}

func (e *Enforcer) counters() (out Counters, err error) {
	for i, why := range whys() {
		d := Dropped{Why: why}
		var each []count
		if err := e.t.Dropped.Lookup(uint32(i), &each); err != nil {
			return out, failed("read the counters of XDP", err)
		}
		for _, c := range each {
			d.add(c)
		}
		switch {
		case i < reasons:
			out.Dropped[i] = d
		case i < watched:
			out.Watched[i-reasons] = d
		default:
			out.Answered = d.Traffic
		}
	}
	apart := min(len(e.cfg.Interfaces), mostInterfaces-1)
	for _, name := range e.cfg.Interfaces[:apart] {
		r, err := e.received(len(out.Received), name)
		if err != nil {
			return out, err
		}
		out.Received = append(out.Received, r)
	}
	rest, err := e.received(mostInterfaces-1, "")
	if err == nil && rest.All().Packets > 0 {
		out.Received = append(out.Received, rest)
	}
	return out, err
}

func (e *Enforcer) received(place int, name string) (Received, error) {
	var each []came
	if err := e.t.Came.Lookup(uint32(place), &each); err != nil {
		return Received{}, failed("read the counters of XDP", err)
	}
	r := Received{Interface: name}
	for i, t := range r.classes() {
		for j := range each {
			t.add(each[j][i])
		}
	}
	return r, nil
}

const (
	namedClasses = 8
	answerPorts  = 17
)

// classes are the counts in the order of bpf/tables.h.
func (r *Received) classes() [namedClasses + answerPorts]*Traffic {
	out := [namedClasses + answerPorts]*Traffic{&r.Denied, &r.TCP, &r.Opening, &r.UDP, &r.ICMP, &r.Fragments, &r.Other, &r.Alien}
	for i := range r.Answers {
		out[namedClasses+i] = &r.Answers[i]
	}
	return out
}

// stats are the counters as metrics, all interfaces together.
func (c *Counters) stats() (out []haechi.Counter) {
	add := func(what, name string, t Traffic) {
		out = append(out, haechi.Counter{Name: "xdp_" + what + "_packets_" + name, Value: t.Packets},
			haechi.Counter{Name: "xdp_" + what + "_bytes_" + name, Value: t.Bytes})
	}
	for _, d := range c.Dropped {
		add("dropped", d.Why, d.Traffic)
	}
	for _, d := range c.Watched {
		add("watched", d.Why, d.Traffic)
	}
	add("answered", "opening", c.Answered)
	var sum Received
	for i := range c.Received {
		for j, t := range c.Received[i].classes() {
			sum.classes()[j].add(count(*t))
		}
	}
	names := [namedClasses]string{"denied", "tcp", "opening", "udp", "icmp", "fragment", "other", "alien"}
	for i, t := range sum.classes() {
		if i < namedClasses {
			add("received", names[i], *t)
		} else {
			add("received", "from_"+AnswerPorts()[i-namedClasses].Name, *t)
		}
	}
	return out
}
