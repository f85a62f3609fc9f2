package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/operate/simulate"
	"haechi/internal/show/catalogue"
)

var keyLike = regexp.MustCompile(`^(cli|usage|start|demo|explain|time|simulate)\.[a-z_]+$`)

// TestTextsExist finds every key of a text in the sources of this command and wants
// it in the catalogue.
func TestTextsExist(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts, seen := catalogue.New(), 0
	want := func(key string) {
		seen++
		if !texts.Has(key) {
			t.Errorf("the catalogue has no text %q", key)
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && keyLike.MatchString(s) && !strings.HasSuffix(s, "_") {
					want(s)
				}
			case *ast.CallExpr:
				headings(n, want)
			}
			return true
		})
	}
	for _, a := range []haechi.Action{haechi.Watch, haechi.Throttle, haechi.Challenge, haechi.Deny, haechi.Drop} {
		want("explain.does_" + a.String())
		want("explain.would_" + a.String())
	}
	for _, s := range simulate.Scenarios() {
		want("scenario." + s.Name)
	}
	if seen < 150 {
		t.Errorf("only %d texts found", seen)
	}
}

// headings finds the headings of a call of table.
func headings(call *ast.CallExpr, want func(string)) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "table" || len(call.Args) == 0 {
		return
	}
	list, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return
	}
	for _, e := range list.Elts {
		if lit, ok := e.(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				want("head." + s)
			}
		}
	}
}
