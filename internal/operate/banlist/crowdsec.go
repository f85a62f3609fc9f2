package banlist

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ban is a decision of CrowdSec, as its JSON and the columns of its CSV name it.
type ban struct {
	Scope     string `json:"scope"`
	Value     string `json:"value"`
	Type      string `json:"type"`
	Duration  string `json:"duration"`
	Simulated bool   `json:"simulated"`
}

// json reads `cscli decisions list -o json`, which lists alerts with their decisions, and
// the plain list of decisions that the local API answers.
func (r *reader) json(text []byte) error {
	var all []struct {
		ban
		Decisions []ban `json:"decisions"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return wrong("the JSON", err.Error())
	}
	for i := range all {
		a := &all[i]
		if a.Decisions == nil && a.Value != "" && a.Type != "" {
			a.Decisions = []ban{a.ban}
		}
		for j := range a.Decisions {
			if err := r.ban(fmt.Sprintf("decision %d of entry %d", j+1, i+1), &a.Decisions[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns are the places of what is read from a CSV; -1: it has none.
type columns struct{ scope, value, kind, left, simulated int }

// columnsOf reads the header of `cscli decisions list -o raw`, or of the file that
// `cscli decisions import` takes; nil: it is neither.
func columnsOf(header []byte) *columns {
	names, err := csv.NewReader(bytes.NewReader(header)).Read()
	if err != nil {
		return nil
	}
	find := func(of ...string) int {
		return slices.IndexFunc(names, func(n string) bool { return slices.Contains(of, strings.ToLower(strings.TrimSpace(n))) })
	}
	c := columns{scope: find("scope"), value: find("value", "ip"), kind: find("action", "type"), left: find("expiration", "duration"), simulated: find("simulated")}
	if c.value < 0 || c.kind < 0 && c.left < 0 {
		return nil
	}
	return &c
}

func (r *reader) csv(text []byte) error {
	header, _, _ := bytes.Cut(text, []byte("\n"))
	c := columnsOf(header)
	in := csv.NewReader(bytes.NewReader(text))
	for first := true; ; first = false {
		row, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return wrong("the CSV", err.Error())
		case first:
		default:
			line, _ := in.FieldPos(0)
			if err := r.ban(fmt.Sprintf("line %d", line), c.of(row)); err != nil {
				return err
			}
		}
	}
}

// of is the row as a decision. cscli writes scope and value as one: Ip:192.0.2.1.
func (c *columns) of(row []string) *ban {
	cell := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	b := ban{Scope: cell(c.scope), Value: cell(c.value), Type: cell(c.kind), Duration: cell(c.left), Simulated: strings.EqualFold(cell(c.simulated), "true")}
	if scope, value, ok := strings.Cut(b.Value, ":"); ok && c.scope < 0 && isWord(scope) {
		b.Scope, b.Value = scope, value
	}
	return &b
}

// isWord tells the scope Ip or Country from the start of an IPv6 address, which has no
// letter beyond f.
func isWord(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z' })
}

// ban takes a decision, if it is a ban of addresses in force.
func (r *reader) ban(at string, b *ban) error {
	address := b.Scope == "" || strings.EqualFold(b.Scope, "ip") || strings.EqualFold(b.Scope, "range")
	if !address || b.Simulated || b.Type != "" && !strings.EqualFold(b.Type, "ban") {
		r.list.Left++
		return nil
	}
	var left time.Duration
	if b.Duration != "" {
		d, err := time.ParseDuration(b.Duration)
		if err != nil {
			if d, err = length(b.Duration); err != nil {
				return wrong(at, err.Error())
			}
		}
		left = before(min(d, longest))
	}
	return r.add(at, b.Value, left, "")
}
