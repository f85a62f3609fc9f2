package housetest

import (
	"go/ast"
	"strings"
	"testing"
)

// TestPackageDocs wants a doc.go in every package that holds more than tests, and
// exactly one package comment, of more than a line.
func TestPackageDocs(t *testing.T) {
	comments := map[string][]string{}
	code := map[string]bool{}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		code[s.pkg] = true
		if s.file.Doc != nil {
			comments[s.pkg] = append(comments[s.pkg], s.path)
			if strings.Count(strings.TrimSpace(s.file.Doc.Text()), "\n") < 2 && !strings.HasSuffix(s.path, "embed.go") {
				t.Errorf("%s: the package comment says too little: what it is, its stage, what it promises, what it never does", s.path)
			}
		}
	}
	for pkg := range code {
		switch got := comments[pkg]; {
		case len(got) == 0:
			t.Errorf("package %q has no package comment", pkg)
		case len(got) > 1:
			t.Errorf("package %q has %d package comments: %v", pkg, len(got), got)
		case !strings.HasSuffix(got[0], "doc.go") && !strings.HasSuffix(got[0], "embed.go") && !isHarness(pkg):
			t.Errorf("%s: the package comment belongs into doc.go", got[0])
		}
	}
}

// TestExportedDocs wants a doc comment on every exported name outside tests.
func TestExportedDocs(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s:%d: %s has no doc comment", s.path, s.line(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, s, d)
			}
		}
	}
}

func undocumented(t *testing.T, s *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
				t.Errorf("%s:%d: %s has no doc comment", s.path, s.line(spec.Pos()), spec.Name.Name)
			}
		case *ast.ValueSpec:
			if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				t.Errorf("%s:%d: %s has no doc comment", s.path, s.line(spec.Pos()), spec.Names[0].Name)
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	e := d.Recv.List[0].Type
	if st, ok := e.(*ast.StarExpr); ok {
		e = st.X
	}
	if ix, ok := e.(*ast.IndexExpr); ok {
		e = ix.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}
