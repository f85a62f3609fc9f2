package housetest

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNever keeps rule 7 and the rule on sleeping tests.
func TestNever(t *testing.T) {
	for _, s := range tree(t) {
		if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "misc"}, path.Base(s.pkg)) {
			t.Errorf("%s: a package is named after what it holds, not %q", s.path, path.Base(s.pkg))
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s:%d: init functions are not used", s.path, s.line(d.Pos()))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR && !s.test {
					packageVars(t, s, d)
				}
			}
		}
		bodies(t, s)
	}
}

// packageVars lets sentinels, embedded files, compiled patterns, interface guards and
// what fills a library's own registry once through; anything else is mutable state.
func packageVars(t *testing.T, s *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		name := v.Names[0].Name
		embed := strings.Contains(d.Doc.Text()+v.Doc.Text(), "go:embed") || hasEmbed(d) || hasEmbed2(v)
		if name == "_" || embed || strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err") || versionVar(s, name) {
			continue
		}
		if len(v.Values) == 1 && (isCall(v.Values[0], "regexp", "MustCompile") || isCall(v.Values[0], "sync", "OnceFunc")) {
			continue
		}
		t.Errorf("%s:%d: package variable %s: make it a constant, a function or a field", s.path, s.line(v.Pos()), name)
	}
}

// versionVar is the one variable the linker sets.
func versionVar(s *source, name string) bool { return s.pkg == "cmd/haechi" && name == "version" }

func hasEmbed(d *ast.GenDecl) bool    { return d.Doc != nil && commentEmbeds(d.Doc) }
func hasEmbed2(v *ast.ValueSpec) bool { return v.Doc != nil && commentEmbeds(v.Doc) }

func commentEmbeds(g *ast.CommentGroup) bool {
	return slices.ContainsFunc(g.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed") })
}

func isCall(e ast.Expr, pkg, fn string) bool {
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg && sel.Sel.Name == fn
}

func bodies(t *testing.T, s *source) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s.test && isCall(n, "time", "Sleep") && !s.bubbled() {
				t.Errorf("%s:%d: tests do not sleep: pass the time in, or use testing/synctest", s.path, s.line(n.Pos()))
			}
			if fatal(n) && s.file.Name.Name != "main" {
				t.Errorf("%s:%d: only main ends the process", s.path, s.line(n.Pos()))
			}
		case *ast.StructType:
			contexts(t, s, n)
		}
		return true
	})
	marks(t, s)
}

// bubbled reports whether the file's sleeps happen in a synctest bubble, where
// they cost no time.
func (s *source) bubbled() bool { return slices.Contains(s.imports(), "testing/synctest") }

func fatal(c *ast.CallExpr) bool {
	return isCall(c, "log", "Fatal") || isCall(c, "log", "Fatalf") || isCall(c, "log", "Fatalln") || isCall(c, "os", "Exit")
}

func contexts(t *testing.T, s *source, st *ast.StructType) {
	for _, f := range st.Fields.List {
		sel, ok := f.Type.(*ast.SelectorExpr)
		if !ok || s.test {
			continue
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == "context" && sel.Sel.Name == "Context" {
			t.Errorf("%s:%d: a context is passed, never kept in a struct", s.path, s.line(f.Pos()))
		}
	}
}

// unfinished matches the marks of work that was left for later.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func marks(t *testing.T, s *source) {
	for _, g := range s.file.Comments {
		if unfinished.MatchString(g.Text()) {
			t.Errorf("%s:%d: unfinished work is left out and said in the notes, not marked", s.path, s.line(g.Pos()))
		}
	}
}
