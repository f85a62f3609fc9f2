package logline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"haechi"
)

// raw is a pattern's file.
type raw struct {
	ID    string `yaml:"id"`
	Title struct {
		EN string `yaml:"en"`
		KO string `yaml:"ko"`
	} `yaml:"title"`
	About    string            `yaml:"about"`
	Format   string            `yaml:"format"`   // text (also if empty), access, pairs, json, eve or zeek
	Programs []string          `yaml:"programs"` // of syslog; "-", or none: lines without a program
	Unless   []string          `yaml:"unless"`   // lines with one of these are not meant
	Protocol string            `yaml:"protocol"`
	When     map[string]string `yaml:"when"`   // json: values that fields must have, "*" for any
	Fields   map[string]string `yaml:"fields"` // json, pairs: place: path of the field
	Lines    []rawLine         `yaml:"lines"`
	Examples []example         `yaml:"examples"`
}

type rawLine struct {
	Match string `yaml:"match"`
	// Ours says that what stands in {word}, {method} and {transport} is the server's, and
	// nothing that a client chose.
	Ours    bool   `yaml:"server_words"`
	Kind    string `yaml:"kind"`
	Outcome string `yaml:"outcome"`
	State   string `yaml:"state"`
	Type    string `yaml:"type"`
}

// example is a line and what must be said about it.
type example struct {
	Line    string `yaml:"line"`
	Kind    string `yaml:"kind"` // "" for: nothing
	Outcome string `yaml:"outcome"`
	Source  string `yaml:"source"`
	User    string `yaml:"user"`
	Path    string `yaml:"path"`
	Status  int    `yaml:"status"`
}

// pattern is a file that was read.
type pattern struct {
	raw
	from   *patternFile // names lines of the file; nil once it is known to be good
	sensor string       // "log:" and the id
	lines  []line
}

// line is one template with what it means.
type line struct {
	template
	kind    haechi.Kind
	outcome haechi.Outcome
	state   haechi.FlowState
	kindOf  string // Type of the event
}

// Set is the patterns that are in force.
type Set struct {
	all       []*pattern
	byProgram map[string][]*pattern
	plain     []*pattern // text and pairs without a program
	access    *pattern
	json      []*pattern
	eve, zeek *pattern
}

func (s *Set) add(p *pattern) {
	s.all = append(s.all, p)
	for _, name := range p.Programs {
		s.byProgram[name] = append(s.byProgram[name], p)
	}
	switch p.Format {
	case "access":
		if s.access == nil {
			s.access = p
		}
	case "eve":
		s.eve = cmp.Or(s.eve, p)
	case "zeek":
		s.zeek = cmp.Or(s.zeek, p)
	case "json":
		s.json = append(s.json, p)
	default:
		if len(p.Programs) == 0 || slices.Contains(p.Programs, "-") {
			s.plain = append(s.plain, p)
		}
	}
}

// Only returns the patterns with these ids; without any it is all of them. Errors are of
// kind Invalid.
func (s *Set) Only(ids []string) (*Set, error) {
	if len(ids) == 0 {
		return s, nil
	}
	for _, id := range ids {
		if !slices.Contains(s.Names(), id) {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "choose log patterns", Msg: fmt.Sprintf("%q is no log pattern", id),
				Hint: "there are " + strings.Join(s.Names(), ", ")}
		}
	}
	out := &Set{byProgram: map[string][]*pattern{}}
	for _, p := range s.all {
		if slices.Contains(ids, p.ID) {
			out.add(p)
		}
	}
	return out, nil
}

// Names lists the patterns by id.
func (s *Set) Names() (out []string) {
	for _, p := range s.all {
		out = append(out, p.ID)
	}
	slices.Sort(out)
	return out
}
