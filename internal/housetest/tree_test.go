package housetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is one parsed Go file of the project.
type source struct {
	path string // slash-separated, from the module root
	pkg  string // import path without the module name; "" is the root package
	test bool
	file *ast.File
	fset *token.FileSet
}

func (s *source) line(p token.Pos) int { return s.fset.Position(p).Line }

// imports lists the import paths of the file.
func (s *source) imports() []string {
	var out []string
	for _, im := range s.file.Imports {
		p, err := strconv.Unquote(im.Path.Value)
		if err == nil {
			out = append(out, p)
		}
	}
	return out
}

// tree is every Go file below the module root.
func tree(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found: the test looks in the wrong place", len(all))
	}
	return all
}

// parsed parses them, once for all tests.
var parsed = sync.OnceValues(func() (all []*source, err error) {
	root := filepath.Join("..", "..")
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		pkg := strings.TrimSuffix(rel[:len(rel)-len(name)], "/")
		all = append(all, &source{path: rel, pkg: pkg, test: strings.HasSuffix(name, "_test.go"), file: f, fset: fset})
		return nil
	})
	return all, err
})

// requirements reads the direct requirements of go.mod.
func requirements(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var mods []string
	in := false
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "require (":
			in = true
		case line == ")":
			in = false
		case in && !strings.HasSuffix(line, "// indirect"):
			mods = append(mods, strings.Fields(line)[0])
		case strings.HasPrefix(line, "require ") && !strings.HasSuffix(line, "// indirect"):
			mods = append(mods, strings.Fields(line)[1])
		}
	}
	return mods
}
