package config

import (
	"errors"
	"reflect"
	_ "time/tzdata" // so that a named time zone works on a machine without a database

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads a configuration. path is only for messages. It returns the
// configuration or everything that is wrong with it, never both.
func Load(path string, src []byte) (*Config, *Errors) {
	r := &report{path: path}
	raw, d := r.read(src)
	if d == nil {
		return nil, r.errors().in(stateLine(src))
	}
	v := &validator{decoder: d, raw: raw}
	v.file()
	if errs := r.errors(); errs != nil {
		return nil, errs.in(raw.State)
	}
	c := compile(raw)
	c.raw = raw
	c.effective = effective(raw, d.set, path)
	return c, nil
}

// Defaults is a configuration that guards nothing: every key as it is without a file. It
// is for commands that need rules and no gateway.
func Defaults() *Config {
	raw := defaults()
	return compile(&raw)
}

// read parses and decodes; d is nil when there is nothing that further checks
// could look at.
func (r *report) read(src []byte) (raw *rawFile, d *decoder) {
	text, ok := r.guard(src)
	if !ok {
		return nil, nil
	}
	body, ok := r.parse(text)
	if !ok {
		return nil, nil
	}
	d = &decoder{report: r, set: map[string]mark{}, failed: map[string]bool{}}
	defaults := defaults()
	raw = &defaults
	d.value(body, reflect.ValueOf(raw).Elem(), "", &field{})
	return raw, d
}

// tree is the parser behind a fence: a defect in it must not end a gateway that
// only reloads its file.
func tree(text string) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, errors.New("the parser failed on it")
		}
	}()
	// Duplicate keys are left to the decoder, which names both places.
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

// parse returns the one document's tree, nil for an empty file.
func (r *report) parse(text string) (body ast.Node, ok bool) {
	f, err := tree(text)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	var docs []*ast.DocumentNode
	for _, doc := range f.Docs {
		if d, ok := doc.Body.(*ast.DirectiveNode); ok {
			r.add(at(d.GetToken()), "", "leave the line out", "a directive (%%) is not used in this file")
			return nil, false
		}
		if doc.Body != nil {
			docs = append(docs, doc)
		}
	}
	switch len(docs) {
	case 0:
		return nil, true
	case 1:
		return docs[0].Body, true
	}
	r.add(start(docs[1].Body), "", "keep one; directives and lines of three dashes are not needed", "the file holds more than one document")
	return nil, false
}

func (r *report) syntax(err error) {
	var ye yaml.Error
	if errors.As(err, &ye) {
		place := at(ye.GetToken())
		r.add(mark{max(place.line, 1), max(place.column, 1)}, "", "look at the indentation, colons, quotes and brackets here and on the line before",
			"this is no YAML: %s", excerpt(ye.GetMessage()))
		return
	}
	r.add(mark{}, "", "", "this is no YAML: %s", excerpt(err.Error()))
}
