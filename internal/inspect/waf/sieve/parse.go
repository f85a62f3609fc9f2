package sieve

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxIncludes bounds the files that one ruleset includes.
const maxIncludes = 100

// directive is one line of SecLang, continued lines joined.
type directive struct {
	name string // in lower case
	args string
	dir  string // the folder that its data files lie in
}

// reader collects the directives of a text and of the files that it includes.
type reader struct {
	files    fs.FS
	includes int
	all      []directive
}

func readDirectives(files fs.FS, text string) ([]directive, error) {
	r := reader{files: files}
	if err := r.text(text, "."); err != nil {
		return nil, err
	}
	return r.all, nil
}

func (r *reader) text(text, dir string) error {
	var whole strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		part, more := strings.CutSuffix(line, `\`)
		whole.WriteString(part)
		if more {
			continue
		}
		if err := r.directive(whole.String(), dir); err != nil {
			return err
		}
		whole.Reset()
	}
	return nil
}

func (r *reader) directive(line, dir string) error {
	name, args, _ := strings.Cut(line, " ")
	d := directive{name: strings.ToLower(name), args: strings.TrimSpace(args), dir: dir}
	if d.name != "include" {
		r.all = append(r.all, d)
		return nil
	}
	names, err := fs.Glob(r.files, strings.Trim(d.args, `"`))
	if err != nil {
		return fmt.Errorf("include %s: %w", d.args, err)
	}
	for _, name := range names {
		if r.includes++; r.includes > maxIncludes {
			return fmt.Errorf("more than %d included files", maxIncludes)
		}
		text, err := fs.ReadFile(r.files, name)
		if err != nil {
			return err
		}
		if err := r.text(string(text), path.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// action is one action of a rule, its key in lower case.
type action struct{ key, value string }

// parseActions splits "id:1,setvar:'tx.a=b,c',pass" at the commas outside of quotes.
func parseActions(text string) (all []action) {
	start, colon, quoted := 0, -1, false
	add := func(end int) {
		a := action{key: text[start:end]}
		if colon >= 0 {
			a = action{text[start:colon], text[colon+1 : end]}
		}
		a.key = strings.ToLower(strings.TrimSpace(a.key))
		a.value = unquote(strings.TrimSpace(a.value))
		if a.key != "" {
			all = append(all, a)
		}
		start, colon = end+1, -1
	}
	for i := range len(text) {
		switch c := text[i]; {
		case i > 0 && text[i-1] == '\\':
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == ':' && colon < 0:
			colon = i
		case c == ',':
			add(i)
		}
	}
	add(len(text))
	return all
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// splitRule cuts `VARIABLES "OPERATOR" "ACTIONS"`.
func splitRule(args string) (variables, operator, actions string, err error) {
	variables, rest, _ := strings.Cut(args, " ")
	rest = strings.TrimLeft(rest, " ")
	if rest == "" || rest[0] != '"' {
		return "", "", "", fmt.Errorf("the operator of %q is not in quotes", args)
	}
	end := closing(rest)
	if end < 0 {
		return "", "", "", fmt.Errorf("the operator of %q has no closing quote", args)
	}
	operator = strings.ReplaceAll(rest[1:end], `\"`, `"`)
	rest = strings.TrimLeft(rest[end+1:], " ")
	if rest == "" {
		return variables, operator, "", nil
	}
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return "", "", "", fmt.Errorf("the actions of %q are not in quotes", args)
	}
	return variables, operator, rest[1 : len(rest)-1], nil
}

// closing finds the quote that is not preceded by an odd number of backslashes.
func closing(s string) int {
	slashes := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			slashes++
			continue
		case s[i] == '"' && slashes%2 == 0:
			return i
		}
		slashes = 0
	}
	return -1
}

// splitVariables cuts "ARGS|!ARGS:/a|b/|&TX:c" at the bars outside of a regular
// expression.
func splitVariables(text string) (parts []string) {
	start, within := 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '/' && within && text[i-1] != '\\':
			within = false
		case c == '/' && !within && i > 0 && (text[i-1] == ':' || text[i-1] == '\'') && !isXPath(text[start:i]):
			within = true
		case c == '|' && !within:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func isXPath(name string) bool {
	return slices.Contains([]string{"XML:", "JSON:", "REQUEST_XML:", "RESPONSE_XML:"}, strings.ToUpper(strings.TrimLeft(name, "&!")))
}
