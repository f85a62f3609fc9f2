package logline

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// eveAlert is what is read of an event of type alert ("Event type: Alert" there). Such an
// event holds much of the conversation as well, none of which is looked at.
type eveAlert struct {
	Timestamp string     `json:"timestamp"`
	Type      string     `json:"event_type"`
	Source    netip.Addr `json:"src_ip"`
	Target    netip.Addr `json:"dest_ip"`
	Port      uint16     `json:"src_port"`
	To        uint16     `json:"dest_port"`
	Proto     string     `json:"proto"`
	App       string     `json:"app_proto"`
	Alert     eveSigned  `json:"alert"`
}

// eveSigned is what a signature says.
type eveSigned struct {
	Action    string `json:"action"`
	Generator uint32 `json:"gid"`
	Signature uint32 `json:"signature_id"`
	Name      string `json:"signature"`
	Category  string `json:"category"`
	Severity  int    `json:"severity"`
	// By and At are there where the signature says which end is the attacker's.
	By       eveEnd `json:"source"`
	At       eveEnd `json:"target"`
	Metadata struct {
		Technique json.RawMessage `json:"mitre_technique_id"`
	} `json:"metadata"`
}

// rule appends the signature's id: "suricata:1:2001219".
func (a *eveSigned) rule(b []byte) []byte {
	b = strconv.AppendUint(append(b, "suricata:"...), uint64(a.Generator), 10)
	return strconv.AppendUint(append(b, ':'), uint64(a.Signature), 10)
}

type eveEnd struct {
	Addr netip.Addr `json:"ip"`
	Port uint16     `json:"port"`
}

// eveAlert tells what Suricata found. Its word proves no address: one packet that anybody
// can send may be all that a signature looked at.
func (r *Reader) eveAlert(p *pattern, m *message) bool {
	var d eveAlert
	if json.Unmarshal(m.text, &d) != nil || d.Type != "alert" || d.Alert.Signature == 0 {
		return false
	}
	a := &d.Alert
	c := ends{d.Source, d.Target, d.Port, d.To, transportNamed(d.Proto)}
	if a.By.Addr.IsValid() && a.At.Addr.IsValid() {
		c.src, c.dst, c.sport, c.dport = a.By.Addr, a.At.Addr, a.By.Port, a.At.Port
	}
	if !r.about(p, haechi.KindAlert, &c) {
		return false
	}
	e := &r.event
	e.Assurance = haechi.Seen
	e.Rule = r.texts.clean(a.rule(make([]byte, 0, 32)))
	e.Text, e.Class = r.texts.clean([]byte(a.Name)), r.texts.clean([]byte(a.Category))
	e.Type, e.Severity = techniqueIn(a.Metadata.Technique), eveSeverity(a.Severity)
	if d.App != "failed" && d.App != "unknown" {
		e.Protocol = r.texts.clean([]byte(strings.ToLower(d.App)))
	}
	if a.Action == "blocked" {
		e.Outcome = haechi.Failure // of what was tried
	}
	r.send(e, eveTime(d.Timestamp))
	return true
}

// eveSeverity is ours for one of Suricata's, of which 1 is the worst and 3 what a
// signature has that names none. No other sensor's word is worth critical.
func eveSeverity(n int) haechi.Severity {
	switch n {
	case 1:
		return haechi.High
	case 2:
		return haechi.Medium
	case 0, 3:
		return haechi.Low
	}
	return haechi.Info
}

// techniqueIn is the first id of ATT&CK in a list, or in a text; "" if there is none.
func techniqueIn(raw json.RawMessage) string {
	var all []string
	if len(raw) == 0 {
		return ""
	}
	if json.Unmarshal(raw, &all) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			return ""
		}
		all = []string{one}
	}
	for _, id := range all {
		if isTechnique(id) {
			return id
		}
	}
	return ""
}

// isTechnique reports whether a text is "T1110" or "T1110.001", with any digits.
func isTechnique(id string) bool {
	number, sub, has := strings.Cut(id, ".")
	if len(number) != 5 || number[0] != 'T' || has && len(sub) != 3 {
		return false
	}
	return strings.Trim(number[1:]+sub, "0123456789") == ""
}

// eveTime reads a time as Suricata writes it.
func eveTime(s string) time.Time {
	at, _ := time.Parse("2006-01-02T15:04:05.999999999-0700", s) // without one the line before tells it
	return at
}
