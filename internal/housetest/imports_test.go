package housetest

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// stages are the rooms between which nothing is imported directly.
func stages() []string {
	return []string{"ingress", "sensor", "identity", "inspect", "detect", "decide", "enforce", "record", "show"}
}

// rootRefuses lists standard packages that do I/O, which the root does not.
func rootRefuses() []string {
	return []string{"os", "net", "net/http", "database/sql", "os/exec", "syscall", "log", "io/fs", "path/filepath"}
}

// TestImportDirections keeps rules 1 to 5 of the house. Tests of a package may
// import what they please of the bricks and their own stage, not other stages.
func TestImportDirections(t *testing.T) {
	for _, s := range tree(t) {
		for _, im := range s.imports() {
			if why := forbidden(s, im); why != "" {
				t.Errorf("%s imports %s: %s", s.path, im, why)
			}
		}
	}
}

func forbidden(s *source, im string) string {
	own := im == "haechi" || strings.HasPrefix(im, "haechi/")
	to := strings.TrimPrefix(strings.TrimPrefix(im, "haechi"), "/")
	switch {
	case s.pkg == "":
		return rootRule(s, im, own)
	case !own:
		return ""
	case s.pkg == "internal/housetest":
		return "housetest reads the source and imports nothing of it"
	case to == "internal/app" && !strings.HasPrefix(s.pkg, "cmd/") && s.pkg != "internal/app" && !isHarness(s.pkg):
		return "only cmd imports app"
	case to == "internal/config" && s.pkg != "internal/config" && s.pkg != "internal/app" && !strings.HasPrefix(s.pkg, "cmd/") && !isHarness(s.pkg):
		return "only app and cmd import config"
	case strings.HasPrefix(s.pkg, "internal/brick/"):
		return brickRule(to)
	case isPublic(s.pkg):
		return publicRule(s, to)
	case s.pkg == "internal/pipeline" || strings.HasPrefix(s.pkg, "internal/operate"):
		return neutralRule(s.pkg, to)
	case stageOf(s.pkg) != "":
		return stageRule(s.pkg, to)
	}
	return ""
}

// isHarness reports whether the package is a scenario, a benchmark or the like:
// they start the whole program and stand outside the house.
func isHarness(pkg string) bool {
	return strings.HasPrefix(pkg, "test/") || strings.HasPrefix(pkg, "bench")
}

// isPublic reports whether the package is for programs of others.
func isPublic(pkg string) bool {
	return pkg == "pin" || pkg == "client" || strings.HasPrefix(pkg, "client/")
}

func publicRule(s *source, to string) string {
	if to == "" || strings.HasPrefix(to, "internal/brick/") || to == s.pkg || s.test && isPublic(to) {
		return ""
	}
	return "a public package imports the root and bricks only"
}

func rootRule(s *source, im string, own bool) string {
	if s.test {
		return "" // its tests are an external package
	}
	if own || strings.Contains(strings.Split(im, "/")[0], ".") {
		return "the root imports the standard library only"
	}
	if slices.Contains(rootRefuses(), im) {
		return "the root does no I/O"
	}
	return ""
}

func brickRule(to string) string {
	if strings.HasPrefix(to, "internal/brick/") {
		return ""
	}
	return "a brick imports neither the root nor any stage"
}

func neutralRule(pkg, to string) string {
	if to == "" || strings.HasPrefix(to, "internal/brick/") || to == pkg || strings.HasPrefix(pkg, to+"/") {
		return ""
	}
	return "pipeline and operate import only the root, bricks and what they declare themselves"
}

func stageOf(pkg string) string {
	rest, ok := strings.CutPrefix(pkg, "internal/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	if slices.Contains(stages(), name) {
		return name
	}
	return ""
}

func stageRule(pkg, to string) string {
	switch {
	case to == "" || strings.HasPrefix(to, "internal/brick/") || to == pkg:
		return ""
	case stageOf(to) == "":
		return "a stage imports the root and bricks only"
	case stageOf(to) != stageOf(pkg):
		return "a stage never imports a sibling stage"
	case strings.HasPrefix(pkg, to+"/"):
		return "" // a child may import its parent
	case strings.HasPrefix(to, pkg+"/"):
		return "a parent never imports its children"
	case isSuite(to) || to == "internal/show/catalogue" || to == "internal/record/sqlrows":
		return "" // conformance suites, the one catalogue and the rows of SQL serve the children of their stage
	}
	return "children of one stage do not import each other"
}

// isSuite reports whether the package is a conformance suite such as storetest.
func isSuite(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }
