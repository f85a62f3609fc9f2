package logline

import (
	"errors"
	"fmt"
	"io/fs"
	stdpath "path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

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
	Format   string            `yaml:"format"`   // text (also if empty), access, pairs or json
	Programs []string          `yaml:"programs"` // of syslog; "-", or none: lines without a program
	Unless   []string          `yaml:"unless"`   // lines with one of these are not meant
	Protocol string            `yaml:"protocol"`
	When     map[string]string `yaml:"when"`   // json: values that fields must have, "*" for any
	Fields   map[string]string `yaml:"fields"` // json, pairs: place: path of the field
	Lines    []rawLine         `yaml:"lines"`
	Examples []example         `yaml:"examples"`
}

type rawLine struct {
	Match   string `yaml:"match"`
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
	sensor string // "log:" and the id
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
	plain     []*pattern // text without a program
	access    *pattern
	pairs     []*pattern
	json      []*pattern
}

// Load reads all .yaml files below the root of a file system. Errors are of kind Invalid,
// all of them in one.
func Load(files fs.FS) (*Set, error) {
	s := &Set{byProgram: map[string][]*pattern{}}
	var wrong []error
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || stdpath.Ext(name) != ".yaml" {
			return err
		}
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		p, err := read(src)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			return nil
		}
		s.add(p)
		return nil
	})
	if err = errors.Join(append(wrong, err)...); err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load log patterns", Err: err, Hint: "docs/logs.md describes the form"}
	}
	return s, nil
}

func (s *Set) add(p *pattern) {
	s.all = append(s.all, p)
	for _, name := range p.Programs {
		s.byProgram[name] = append(s.byProgram[name], p)
	}
	switch p.Format {
	case "access":
		s.access = p
	case "pairs":
		s.pairs = append(s.pairs, p)
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

func read(src []byte) (*pattern, error) {
	p := &pattern{}
	if err := yaml.UnmarshalWithOptions(src, &p.raw, yaml.Strict()); err != nil {
		return nil, err
	}
	p.sensor = "log:" + p.ID
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if p.ID == "" || p.Title.EN == "" || p.Title.KO == "" {
		fail("id, title.en and title.ko are needed")
	}
	if !slices.Contains([]string{"", "text", "access", "pairs", "json"}, p.Format) {
		fail("format: %q is none of text, access, pairs, json", p.Format)
	}
	for name := range p.Fields {
		if _, ok := placeOf(name); !ok {
			fail("fields: %q is no place", name)
		}
	}
	if len(p.raw.Lines) == 0 {
		fail("lines: at least one is needed")
	}
	for i, r := range p.raw.Lines {
		l, err := r.compile(p.Format)
		if err != nil {
			fail("lines[%d]: %w", i, err)
		}
		p.lines = append(p.lines, l)
	}
	return p, errors.Join(wrong...)
}

func (r *rawLine) compile(format string) (l line, err error) {
	l.kindOf = r.Type
	if err = l.kind.UnmarshalText([]byte(r.Kind)); err != nil {
		return l, err
	}
	if r.Outcome != "" {
		if err = l.outcome.UnmarshalText([]byte(r.Outcome)); err != nil {
			return l, err
		}
	}
	if r.State != "" {
		if err = l.state.UnmarshalText([]byte(r.State)); err != nil {
			return l, err
		}
	}
	if format != "" && format != "text" {
		if r.Match != "" {
			return l, fmt.Errorf("match belongs to the format text")
		}
		return l, nil
	}
	l.template, err = parse(r.Match)
	if err == nil && !strings.Contains(r.Match, "{source}") && !strings.Contains(r.Match, "{endpoint}") {
		err = fmt.Errorf("match: neither {source} nor {endpoint}: nobody could be told")
	}
	return l, err
}
