package logline

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/sensor"
)

// mostAmount bounds an amount: no link moves 2^50 bytes in a flow.
const mostAmount = 1 << 50

// mostBehind is by how much the end of a flow may be before that of one written earlier.
const mostBehind = 10 * time.Minute

// TCP flags.
const (
	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

// ends are those of a conversation that another sensor tells of.
type ends struct {
	src, dst     netip.Addr
	sport, dport uint16
	transport    haechi.Transport
}

// about begins an event about a conversation; false: it is between no two hosts.
func (r *Reader) about(p *pattern, kind haechi.Kind, c *ends) bool {
	c.src, c.dst = clientkey.Addr(c.src), clientkey.Addr(c.dst)
	if !c.src.IsValid() || !c.dst.IsValid() || c.src.Is4() != c.dst.Is4() {
		return false
	}
	r.hit = &p.lines[0]
	e := &r.event
	*e = haechi.Event{Kind: kind, Port: c.sport, LocalPort: c.dport}
	e.Addr, e.Client = c.src, clientkey.Of(c.src, r.cfg.V6Bits)
	e.Sensor, e.Target, e.Transport = p.sensor, c.dst, c.transport
	if c.transport == haechi.TCP && kind != haechi.KindFlow {
		e.Assurance = haechi.Handshaken // both ends spoke
	}
	return true
}

// amounts are those of a flow.
type amounts struct {
	bytesIn, bytesOut, packetsIn, packetsOut uint64
	flagsIn, flagsOut                        uint8
	kind                                     uint8 // of ICMP
}

// over tells of a flow that is over.
func (r *Reader) over(a *amounts, start, end time.Time) {
	e := &r.event
	if start.IsZero() || start.After(end) {
		start = end
	}
	e.Phase, e.Start, e.Duration = haechi.FlowEnd, start.UTC(), end.Sub(start)
	e.BytesIn, e.BytesOut = int64(min(a.bytesIn, mostAmount)), int64(min(a.bytesOut, mostAmount))
	e.PacketsIn, e.PacketsOut = min(a.packetsIn, mostAmount), min(a.packetsOut, mostAmount)
	switch e.Transport {
	case haechi.TCP:
		e.FlagsIn, e.FlagsOut = a.flagsIn&63, a.flagsOut&63
		if e.State = stateTCP(e.FlagsIn, e.FlagsOut); e.FlagsIn&syn != 0 {
			e.First = syn
		}
		if e.FlagsIn&psh != 0 && e.FlagsOut&psh != 0 {
			e.Assurance = haechi.Handshaken // neither end can be made to by a forged other one
		}
	case haechi.ICMP, haechi.ICMPv6:
		e.First, e.Port, e.LocalPort = a.kind, 0, 0
		e.State = stateICMP(a)
	default:
		e.State = stateOther(a, e.Port, e.LocalPort)
	}
	if last := r.clock.last; last.After(end) && last.Sub(end) < mostBehind {
		end = last // what was written before it is not to come after it
	}
	r.send(e, end)
}

// stateTCP says what became of a conversation by the flags of both directions.
func stateTCP(in, out uint8) haechi.FlowState {
	switch {
	case in|out == 0:
		return haechi.FlowUnknown
	case out&^ack == rst && (in&syn != 0 || in&(ack|rst) == 0):
		return haechi.FlowRejected
	case out == 0 && (in&(syn|ack) == syn || in&(syn|ack|rst) == 0):
		return haechi.FlowAttempt
	case out == 0 && (in == syn|ack || in&^ack == rst):
		return haechi.FlowAnswerOnly
	case in&syn == 0 || out&syn == 0:
		return haechi.FlowMidstream
	case in&ack == 0:
		return haechi.FlowHalfOpen
	case (in|out)&rst != 0:
		return haechi.FlowReset
	case in&out&fin != 0:
		return haechi.FlowClosed
	}
	return haechi.FlowEstablished
}

func stateICMP(a *amounts) haechi.FlowState {
	switch a.kind {
	case 8, 13, 15, 17, 128: // questions
		if a.packetsOut > 0 {
			return haechi.FlowEstablished
		}
		return haechi.FlowAttempt
	}
	return haechi.FlowAnswerOnly
}

func stateOther(a *amounts, from, to uint16) haechi.FlowState {
	switch {
	case a.packetsOut > 0:
		return haechi.FlowEstablished
	case sensor.Answers(from) && !sensor.Answers(to) && to > 1023:
		return haechi.FlowAnswerOnly
	}
	return haechi.FlowAttempt
}

// transportNamed is one by its name, in any case.
func transportNamed(s string) haechi.Transport {
	switch strings.ToLower(s) {
	case "tcp":
		return haechi.TCP
	case "udp":
		return haechi.UDP
	case "icmp":
		return haechi.ICMP
	case "ipv6-icmp", "icmp6":
		return haechi.ICMPv6
	case "sctp":
		return haechi.SCTP
	}
	return haechi.OtherTransport
}

// lookup tells of a question with its answer.
func (r *Reader) lookup(name, kind string, ok bool, answers []string, at time.Time) {
	e := &r.event
	e.Protocol, e.Assurance, e.Outcome = "dns", haechi.Seen, haechi.Failure
	e.Name, e.Type = r.texts.clean([]byte(strings.TrimSuffix(name, "."))), r.texts.clean([]byte(kind))
	if ok {
		e.Outcome = haechi.Success
	}
	n := 0
	for _, text := range answers {
		if a, err := netip.ParseAddr(text); err == nil && n < len(e.Answers) {
			e.Answers[n] = clientkey.Addr(a)
			n++
		}
	}
	r.send(e, at)
}

// hello tells of a TLS client hello.
func (r *Reader) hello(name, ja4 string, at time.Time) {
	e := &r.event
	e.Protocol, e.TLS = "tls", true
	e.Name, e.Fingerprint = r.texts.clean([]byte(name)), r.texts.clean([]byte(ja4))
	r.send(e, at)
}

func port16(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
