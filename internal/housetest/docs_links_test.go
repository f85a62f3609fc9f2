package housetest

import (
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// page is one Markdown file, without its fenced code.
type page struct {
	path  string // slash-separated, from the module root
	lines []string
}

// pages reads every Markdown file of the project.
func pages(t *testing.T) []*page {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []*page
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (d.Name() == "testdata" || d.Name() == "vendor" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		all = append(all, &page{path: filepath.ToSlash(rel), lines: prose(read(t, rel))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("only %d pages found: the test looks in the wrong place", len(all))
	}
	return all
}

// read returns a file of the project, by its path from the module root.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// prose leaves fenced code out.
func prose(text string) (lines []string) {
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return lines
}

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	linkForm   = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`^#+ +(.*)$`)
	ruleRow    = regexp.MustCompile("^\\| `([a-z0-9-]+(?:/[a-z0-9-]+)+)` \\|")
	settingRow = regexp.MustCompile("^\\| `([a-z][A-Za-z0-9_.\\[\\]]*)` \\|")
	metricRow  = regexp.MustCompile("^\\| `((?:kakaobot|haechi)_[a-z_]+)` \\|")
	metricName = regexp.MustCompile(`^(kakaobot|haechi)_[a-z0-9_]+$`)
)

// links lists the targets of a page's links and images within the project.
func (p *page) links() (targets []string) {
	for _, line := range p.lines {
		for _, m := range linkForm.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
			if !strings.Contains(m[1], ":") {
				targets = append(targets, m[1])
			}
		}
	}
	return targets
}

// first lists what stands in the first column of the rows that the pattern finds.
func (p *page) first(row *regexp.Regexp) map[string]bool {
	found := map[string]bool{}
	for _, line := range p.lines {
		if m := row.FindStringSubmatch(line); m != nil {
			found[m[1]] = true
		}
	}
	return found
}

// anchors are the names that the page's headings get.
func (p *page) anchors() map[string]bool {
	out := map[string]bool{}
	for _, line := range p.lines {
		if m := heading.FindStringSubmatch(line); m != nil {
			out[anchor(m[1])] = true
		}
	}
	return out
}

// anchor spells a heading as a link to it does: small letters, dashes for spaces,
// everything else but letters, digits and dashes left out.
func anchor(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// TestLinks follows every relative link of every page, to files and to headings.
func TestLinks(t *testing.T) {
	byPath := map[string]*page{}
	all := pages(t)
	for _, p := range all {
		byPath[p.path] = p
	}
	for _, p := range all {
		for _, target := range p.links() {
			name, at, _ := strings.Cut(target, "#")
			to := p.path
			if name != "" {
				to = path.Join(path.Dir(p.path), name)
			}
			if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(to))); err != nil {
				t.Errorf("%s links to %s, which does not exist", p.path, target)
				continue
			}
			if other := byPath[to]; at != "" && other != nil && !other.anchors()[at] {
				t.Errorf("%s links to %s: no heading of that page has this name", p.path, target)
			}
		}
	}
}

// TestEveryPageIsListed wants each page of a folder in the folder's README.md.
func TestEveryPageIsListed(t *testing.T) {
	all := pages(t)
	for _, dir := range []string{"docs", "docs/decisions"} {
		at := slices.IndexFunc(all, func(p *page) bool { return p.path == dir+"/README.md" })
		if at < 0 {
			t.Errorf("%s has no README.md", dir)
			continue
		}
		listed := all[at].links()
		for _, p := range all {
			if path.Dir(p.path) == dir && p != all[at] && !slices.Contains(listed, path.Base(p.path)) {
				t.Errorf("%s is not listed in %s/README.md", p.path, dir)
			}
		}
	}
}

// same reports what only one of two sets has.
func same(t *testing.T, what string, code, docs map[string]bool) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(code)) {
		if !docs[name] {
			t.Errorf("%s %s is in the code and not on its page", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		if !code[name] {
			t.Errorf("%s %s is on its page and not in the code", what, name)
		}
	}
}

func find(t *testing.T, name string) *page {
	t.Helper()
	return &page{path: name, lines: prose(read(t, name))}
}

// TestRulesPage wants the shipped rules in docs/rules.md, and no others.
func TestRulesPage(t *testing.T) {
	shipped := map[string]bool{}
	root := filepath.Join("..", "..", "rules")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "logs" {
			return fs.SkipDir // patterns, which docs/logs.md lists
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		rel, err := filepath.Rel(root, name)
		shipped[strings.TrimSuffix(filepath.ToSlash(rel), ".yaml")] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "rule", shipped, find(t, "docs/rules.md").first(ruleRow))
}

// TestConfigurationPage wants every key of the configuration file in
// docs/configuration.md, and no others.
func TestConfigurationPage(t *testing.T) {
	structs := map[string]*ast.StructType{}
	for _, s := range tree(t) {
		if s.path != "internal/config/raw.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if st, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = st
				}
			}
			return true
		})
	}
	keys := map[string]bool{}
	settings(t, structs, "rawFile", "", keys)
	same(t, "setting", keys, find(t, "docs/configuration.md").first(settingRow))
}

// settings gathers the dotted keys of a raw struct, with NAME and ID for the keys
// that a person chooses.
func settings(t *testing.T, structs map[string]*ast.StructType, name, prefix string, keys map[string]bool) {
	t.Helper()
	if structs[name] == nil {
		t.Fatalf("internal/config/raw.go has no struct %s", name)
	}
	for _, f := range structs[name].Fields.List {
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(tag, `yaml:"`)
		key := prefix + rest[:strings.IndexAny(rest, `",`)]
		elem, suffix := elemOf(f.Type)
		if structs[elem] == nil {
			keys[key] = true
			continue
		}
		if suffix == ".KEY" {
			suffix = map[string]string{"rawService": ".NAME", "rawRule": ".ID"}[elem]
		}
		settings(t, structs, elem, key+suffix+".", keys)
	}
}

// elemOf names the type of a field, of its elements if it is a list or map.
func elemOf(e ast.Expr) (name, suffix string) {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name, ""
	case *ast.ArrayType:
		name, _ = elemOf(e.Elt)
		return name, "[]"
	case *ast.MapType:
		name, _ = elemOf(e.Value)
		return name, ".KEY"
	}
	return "", ""
}

// TestMetricsPage wants every metric of the program in docs/metrics.md, and no
// others.
func TestMetricsPage(t *testing.T) {
	names := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || s.pkg != "internal/show/telemetry" && s.pkg != "internal/app" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				if text, err := strconv.Unquote(lit.Value); err == nil && metricName.MatchString(text) {
					names[text] = true
				}
			}
			return true
		})
	}
	same(t, "metric", names, find(t, "docs/metrics.md").first(metricRow))
}
