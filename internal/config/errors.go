package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxProblems bounds a report: beyond it a file is not what was meant at all.
const maxProblems = 100

// Problem is one mistake in a file.
type Problem struct {
	Line, Column int    // from 1; 0 when it is about the file as a whole
	Key          string // the dotted path of the key, if one is known
	Msg          string // what is wrong, one sentence without a full stop
	Hint         string // what to write instead; may be empty
	Excerpt      string // the line of the file; secrets in it are hidden
}

// Errors are all mistakes of one file, in the order of its lines. It is an error.
type Errors struct {
	Path     string
	Problems []Problem
	// Omitted counts the mistakes beyond the first hundred.
	Omitted int
	// State is the state folder as far as the file can be read: a running gateway is
	// still to be reached while somebody edits its file.
	State string
}

// Error writes every mistake with its line, excerpt and hint.
func (e *Errors) Error() string {
	var b strings.Builder
	for i := range e.Problems {
		e.Problems[i].write(&b, e.Path)
	}
	if e.Omitted > 0 {
		fmt.Fprintf(&b, "and %d more\n", e.Omitted)
	}
	n := len(e.Problems) + e.Omitted
	if n == 1 {
		fmt.Fprintf(&b, "1 mistake in %s", e.Path)
	} else {
		fmt.Fprintf(&b, "%d mistakes in %s", n, e.Path)
	}
	return b.String()
}

func (p *Problem) write(b *strings.Builder, path string) {
	if p.Line == 0 {
		fmt.Fprintf(b, "%s: %s\n", path, p.Msg)
	} else {
		fmt.Fprintf(b, "%s:%d:%d: %s\n", path, p.Line, p.Column, p.Msg)
		fmt.Fprintf(b, "  %4d | %s\n", p.Line, p.Excerpt)
		fmt.Fprintf(b, "       | %s^\n", strings.Repeat(" ", max(p.Column-1, 0)))
	}
	if p.Hint != "" {
		fmt.Fprintf(b, "       = %s\n", p.Hint)
	}
}

// mark is a place in the file.
type mark struct{ line, column int }

// report collects problems. Its lines are those of the file.
type report struct {
	path     string
	lines    []string
	problems []Problem
	omitted  int
}

// add notes a mistake at a place; the zero mark is the file as a whole.
func (r *report) add(at mark, key, hint, format string, args ...any) {
	if len(r.problems) >= maxProblems {
		r.omitted++
		return
	}
	p := Problem{Line: at.line, Column: at.column, Key: key, Msg: fmt.Sprintf(format, args...), Hint: hint}
	if at.line >= 1 && at.line <= len(r.lines) {
		p.Excerpt = excerpt(r.lines[at.line-1])
	}
	if p.Column > len([]rune(p.Excerpt))+1 {
		p.Column = len([]rune(p.Excerpt)) + 1
	}
	r.problems = append(r.problems, p)
}

// errors gives the report its final order; nil when there is nothing to report.
func (r *report) errors() *Errors {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Errors{Path: r.path, Problems: r.problems, Omitted: r.omitted}
}

const excerptWidth = 160

// excerpt is a line as it may be shown: without secrets and control characters,
// and bounded.
func excerpt(line string) string {
	line = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, line)
	runes := []rune(hideSecrets(line))
	if len(runes) > excerptWidth {
		runes = append(runes[:excerptWidth], '…')
	}
	return string(runes)
}

var (
	anyKey   = regexp.MustCompile(`([\pL\pN_.-]+)["']?\s*:(?:\s|$|["'])`)
	userInfo = regexp.MustCompile(`://[^/\s]*@`)
	secret   = regexp.MustCompile(`(?i)secret|passw|token|credential|url|uri|webhook|slack|salt|hmac|dsn`)
)

// hideSecrets cuts a line behind the first key that sounds like a secret, and
// takes user names and passwords out of URLs. It errs on the side of hiding; keys
// that end in _file only name a file.
func hideSecrets(line string) string {
	for _, m := range anyKey.FindAllStringSubmatchIndex(line, -1) {
		name, rest := line[m[2]:m[3]], strings.TrimSpace(line[m[3]:])
		if secret.MatchString(name) && !strings.HasSuffix(name, "_file") && !opensBlock(rest) {
			return line[:m[3]] + ": …"
		}
	}
	return userInfo.ReplaceAllString(line, "://…@")
}

// opensBlock reports whether keys follow, which are looked at themselves.
func opensBlock(rest string) bool {
	rest = strings.TrimSpace(strings.TrimLeft(rest, `"'`))
	rest = strings.TrimSpace(strings.TrimPrefix(rest, ":"))
	return rest == "" || rest[0] == '{'
}
