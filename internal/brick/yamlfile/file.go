package yamlfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// File is a file with its text, to name lines, and what is wrong with it.
type File struct {
	Errs []error

	name string
	text []byte
	tree *ast.File // of text, read when the first line is asked for: most files are right
}

// Parse reads text into the shape, which is a pointer.
func Parse(name string, text []byte, into any) *File {
	f := &File{name: name}
	f.guarded(func() { f.read(text, into) })
	return f
}

// ParsePlain is Parse for files that have no use for anchors, aliases, tags, merge keys and
// directives, which could make a small file great: they are errors.
func ParsePlain(name string, text []byte, into any) *File {
	f := &File{name: name}
	f.guarded(func() {
		for _, t := range lexer.Tokenize(string(text)) {
			switch t.Type {
			case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType:
				f.Errs = append(f.Errs, fmt.Errorf("%s:%d: anchors, aliases, tags, merge keys and directives are not used here", name, t.Position.Line))
				return
			}
		}
		f.read(text, into)
	})
	return f
}

// Name is the file's.
func (f *File) Name() string { return f.name }

// guarded runs what the library does, which fails on some files that are not YAML.
func (f *File) guarded(do func()) {
	defer func() {
		if p := recover(); p != nil {
			f.text, f.tree, f.Errs = nil, nil, append(f.Errs, fmt.Errorf("%s:1: it cannot be read as YAML", f.name))
		}
	}()
	do()
}

func (f *File) read(text []byte, into any) {
	f.text = text
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		f.Errs = append(f.Errs, f.ours(err))
	}
}

// ours is the library's error in our form: file, line and one sentence.
func (f *File) ours(err error) error {
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", f.name, ye.GetToken().Position.Line, ye.GetMessage())
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

// Fail notes an error about a field, for example "lines[0].match"; the line is that of the
// field, or of the nearest parent that exists.
func (f *File) Fail(field, format string, args ...any) {
	f.Errs = append(f.Errs, fmt.Errorf("%s:%d: %s: %s", f.name, f.line(field), field, fmt.Sprintf(format, args...)))
}

func (f *File) line(field string) int {
	tree := f.lines()
	for path := field; path != ""; {
		if p, err := yaml.PathString("$." + path); err == nil && tree != nil {
			if n, err := p.FilterFile(tree); err == nil && n != nil {
				return n.GetToken().Position.Line
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

// lines is the tree of the text; nil of one that has none.
func (f *File) lines() *ast.File {
	if f.tree == nil && f.text != nil {
		tree, err := parser.ParseBytes(f.text, 0)
		f.text = nil
		if err == nil {
			f.tree = tree
		}
	}
	return f.tree
}
