package logline

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// patternFile is a pattern's file with its tree, to name lines.
type patternFile struct {
	name string
	file *ast.File
	raw  raw
	errs []error
}

// parseFile reads a file strictly: unknown and doubled keys are errors, and so is what a
// pattern has no use for and could make a small file great.
func parseFile(name string, text []byte) (s *patternFile) {
	s = &patternFile{name: name}
	defer func() { // the library fails on some files that are not YAML
		if p := recover(); p != nil {
			s.file, s.errs = nil, append(s.errs, fmt.Errorf("%s:1: it cannot be read as YAML", name))
		}
	}()
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case yamltoken.AnchorType, yamltoken.AliasType, yamltoken.TagType, yamltoken.MergeKeyType, yamltoken.DirectiveType:
			s.errs = append(s.errs, fmt.Errorf("%s:%d: anchors, aliases, tags, merge keys and directives are not used here", name, t.Position.Line))
			return s
		}
	}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		s.errs = append(s.errs, s.yamlError(err))
		return s
	}
	s.file = f
	if err := yaml.UnmarshalWithOptions(text, &s.raw, yaml.Strict()); err != nil {
		s.errs = append(s.errs, s.yamlError(err))
	}
	return s
}

// yamlError is the library's error in our form: file, line and one sentence.
func (s *patternFile) yamlError(err error) error {
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", s.name, ye.GetToken().Position.Line, ye.GetMessage())
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// fail notes an error about a field, for example "lines[0].match"; the line is that of the
// field, or of the nearest parent that exists.
func (s *patternFile) fail(field, format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf("%s:%d: %s: %s", s.name, s.line(field), field, fmt.Sprintf(format, args...)))
}

func (s *patternFile) line(field string) int {
	for path := field; path != ""; {
		if p, err := yaml.PathString("$." + path); err == nil && s.file != nil {
			if n, err := p.FilterFile(s.file); err == nil && n != nil {
				return n.GetToken().Position.Line
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}
