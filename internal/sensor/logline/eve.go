package logline

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// eveEvent is what is read of an event of Suricata's EVE (its user guide, "EVE JSON
// Format").
type eveEvent struct {
	Timestamp string     `json:"timestamp"`
	Type      string     `json:"event_type"`
	Source    netip.Addr `json:"src_ip"`
	Target    netip.Addr `json:"dest_ip"`
	Port      uint16     `json:"src_port"`
	To        uint16     `json:"dest_port"`
	Proto     string     `json:"proto"`
	App       string     `json:"app_proto"`
	ICMP      uint8      `json:"icmp_type"`
	Flow      struct {
		PacketsIn  uint64 `json:"pkts_toserver"`
		PacketsOut uint64 `json:"pkts_toclient"`
		BytesIn    uint64 `json:"bytes_toserver"`
		BytesOut   uint64 `json:"bytes_toclient"`
		Start      string `json:"start"`
	} `json:"flow"`
	TCP struct {
		In  string `json:"tcp_flags_ts"`
		Out string `json:"tcp_flags_tc"`
	} `json:"tcp"`
	DNS struct {
		Type    string    `json:"type"`
		Name    string    `json:"rrname"`
		Kind    string    `json:"rrtype"`
		Code    string    `json:"rcode"`
		Answers []eveName `json:"answers"`
		Queries []eveName `json:"queries"`
	} `json:"dns"`
	TLS struct {
		Name string `json:"sni"`
		JA4  string `json:"ja4"`
	} `json:"tls"`
}

type eveName struct {
	Name string `json:"rrname"`
	Kind string `json:"rrtype"`
	Data string `json:"rdata"`
}

// etherHeader is what Suricata counts of each packet beside what we count.
const etherHeader = 14

// eve reads a flow, an answer of DNS, a TLS hello or an alert of Suricata; false: it is none.
func (r *Reader) eve(p *pattern, m *message) bool {
	_, rest, ok := bytes.Cut(m.text, []byte(`"event_type":`))
	if !ok {
		return false
	}
	if rest = bytes.TrimLeft(rest, " "); bytes.HasPrefix(rest, []byte(`"alert"`)) {
		return r.eveAlert(p, m)
	}
	if !slices.ContainsFunc([]string{`"flow"`, `"dns"`, `"tls"`}, func(s string) bool { return bytes.HasPrefix(rest, []byte(s)) }) {
		return false
	}
	var d eveEvent
	if json.Unmarshal(m.text, &d) != nil {
		return false
	}
	at := eveTime(d.Timestamp)
	c := ends{d.Source, d.Target, d.Port, d.To, transportNamed(d.Proto)}
	switch d.Type {
	case "flow":
		return r.eveFlow(p, &c, &d, at)
	case "dns":
		return r.eveDNS(p, &c, &d, at)
	case "tls":
		if !r.about(p, haechi.KindHello, &c) {
			return false
		}
		r.hello(d.TLS.Name, d.TLS.JA4, at)
		return true
	}
	return false
}

func (r *Reader) eveFlow(p *pattern, c *ends, d *eveEvent, at time.Time) bool {
	f := &d.Flow
	if f.PacketsIn+f.PacketsOut == 0 || !r.about(p, haechi.KindFlow, c) {
		return false
	}
	if d.App != "failed" && d.App != "unknown" {
		r.event.Protocol = r.texts.clean([]byte(strings.ToLower(d.App)))
	}
	a := amounts{bytesIn: payload(f.BytesIn, f.PacketsIn), bytesOut: payload(f.BytesOut, f.PacketsOut), packetsIn: f.PacketsIn, packetsOut: f.PacketsOut,
		flagsIn: hex8(d.TCP.In), flagsOut: hex8(d.TCP.Out), kind: d.ICMP}
	r.over(&a, eveTime(f.Start), at)
	return true
}

// payload is what packets have without the header of Ethernet.
func payload(n, packets uint64) uint64 {
	return n - min(n, min(packets, mostAmount)*etherHeader)
}

func hex8(s string) uint8 {
	n, err := strconv.ParseUint(s, 16, 8)
	if err != nil {
		return 0
	}
	return uint8(n)
}

// eveDNS takes answers, which name their question; versions 2 and 3.
func (r *Reader) eveDNS(p *pattern, c *ends, d *eveEvent, at time.Time) bool {
	q := &d.DNS
	if q.Type != "answer" && q.Type != "response" {
		return false
	}
	if q.Name == "" && len(q.Queries) > 0 {
		q.Name, q.Kind = q.Queries[0].Name, q.Queries[0].Kind
	}
	if c.sport == 53 && c.dport != 53 { // told from the packet's side
		*c = ends{c.dst, c.src, c.dport, c.sport, c.transport}
	}
	if q.Name == "" || !r.about(p, haechi.KindLookup, c) {
		return false
	}
	var all []string
	for _, a := range q.Answers {
		if a.Kind == "A" || a.Kind == "AAAA" {
			all = append(all, a.Data)
		}
	}
	r.lookup(q.Name, q.Kind, q.Code == "NOERROR", all, at)
	return true
}
