package logline

import (
	"errors"
	"fmt"
	"io/fs"
	stdpath "path"
	"slices"
	"strings"

	"haechi"
)

// The bounds of a folder of patterns.
const (
	maxPatterns = 512
	maxFile     = 256 << 10 // bytes
)

// Load reads all .yaml files below the root of a file system: the patterns that ship.
// Errors are of kind Invalid, all of them in one, each with its line.
func Load(files fs.FS) (*Set, error) {
	s := &Set{byProgram: map[string][]*pattern{}}
	read, err := s.load(files, "")
	if err := wrongIn(read, err); err != nil {
		return nil, err
	}
	return s, nil
}

// With returns the patterns of an operator's folder, and behind them those of s. dir names
// the folder in errors, which are of kind Invalid, all of them in one, each with its line.
// Each template must be met by one of its file's examples, and one example be about nobody;
// examples are judged by all patterns together, as lines are.
func (s *Set) With(files fs.FS, dir string) (*Set, error) {
	out := &Set{byProgram: map[string][]*pattern{}}
	own, err := out.load(files, dir)
	for _, p := range s.all {
		out.add(p)
	}
	for _, p := range own {
		if len(p.from.Errs) > 0 {
			continue
		}
		if slices.Contains(s.Names(), p.ID) {
			p.from.Fail("id", "%s is the id of a pattern that ships; choose another", p.ID)
		}
		out.try(p)
	}
	if err := wrongIn(own, err); err != nil {
		return nil, err
	}
	return out, nil
}

// wrongIn joins what is wrong with the files, and with the folder.
func wrongIn(read []*pattern, folder error) error {
	wrong := []error{folder}
	for _, p := range read {
		wrong = append(wrong, p.from.Errs...)
	}
	if err := errors.Join(wrong...); err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "load log patterns", Err: err, Hint: "docs/logs.md describes the form"}
	}
	for _, p := range read {
		p.from = nil // its tree is large
	}
	return nil
}

// load reads all files, and adds the patterns of those without a mistake.
func (s *Set) load(files fs.FS, dir string) (all []*pattern, err error) {
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || stdpath.Ext(name) != ".yaml" || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if len(all) >= maxPatterns {
			return fmt.Errorf("there are more than %d files", maxPatterns)
		}
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if len(src) > maxFile {
			return fmt.Errorf("%s has more than %d KiB", stdpath.Join(dir, name), maxFile>>10)
		}
		p := read(stdpath.Join(dir, name), src)
		if len(p.from.Errs) == 0 && slices.Contains(s.Names(), p.ID) {
			p.from.Fail("id", "%s is there twice", p.ID)
		}
		if len(p.from.Errs) == 0 {
			s.add(p)
		}
		all = append(all, p)
		return nil
	})
	return all, err
}

// read compiles a file; what is wrong with it stands in from.Errs.
func read(name string, src []byte) *pattern {
	p := &pattern{from: parseFile(name, src)}
	if len(p.from.Errs) > 0 {
		return p
	}
	p.raw = p.from.raw
	p.sensor = "log:" + p.ID
	p.head()
	for i := range p.raw.Lines {
		p.compile(i)
	}
	return p
}

// head checks all but the lines and examples.
func (p *pattern) head() {
	if !idOf(p.ID) {
		p.from.Fail("id", "write small letters, digits and dashes, for example my-app")
	}
	if p.Title.EN == "" && p.Title.KO == "" {
		p.from.Fail("title", "write en: or ko:, whose logins these are")
	}
	if !slices.Contains([]string{"", "text", "access", "pairs", "json", "eve", "zeek"}, p.Format) {
		p.from.Fail("format", "%q is none of text, access, pairs, json, eve, zeek", p.Format)
	}
	for name := range p.Fields {
		if _, ok := placeOf(name); !ok {
			p.from.Fail("fields."+name, "%q is no place", name)
		}
	}
	if p.Format == "json" || p.Format == "pairs" {
		if p.Fields["source"] == "" && p.Fields["endpoint"] == "" {
			p.from.Fail("fields", "neither source nor endpoint: nobody could be told")
		}
	}
	if len(p.raw.Lines) == 0 {
		p.from.Fail("lines", "at least one is needed")
	}
}

func idOf(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (p *pattern) compile(i int) {
	at := fmt.Sprintf("lines[%d]", i)
	r := &p.raw.Lines[i]
	l := line{kindOf: r.Type}
	for _, f := range []struct {
		name, text string
		to         interface{ UnmarshalText([]byte) error }
	}{{"kind", r.Kind, &l.kind}, {"outcome", r.Outcome, &l.outcome}, {"state", r.State, &l.state}} {
		if f.text == "" && f.name != "kind" {
			continue
		}
		if err := f.to.UnmarshalText([]byte(f.text)); err != nil {
			p.from.Fail(at+"."+f.name, "%v", err)
		}
	}
	p.lines = append(p.lines, l)
	if p.Format != "" && p.Format != "text" {
		if r.Match != "" {
			p.from.Fail(at+".match", "it belongs to the format text")
		}
		return
	}
	t, err := parse(r.Match)
	if err == nil {
		err = t.forgeable(r.Ours)
	}
	if err != nil {
		p.from.Fail(at+".match", "%v", err)
	}
	p.lines[i].template = t
}
