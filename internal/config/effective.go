package config

import (
	"fmt"
	"reflect"
	"strings"
)

// effective lists every value with its origin: "default", or file and line.
func effective(f *rawFile, set map[string]mark, path string) (out []Value) {
	w := walk{
		block: func(string, string, int) {},
		leaf: func(key, _ string, _ int, v reflect.Value) {
			origin := "default"
			if m, ok := set[key]; ok {
				origin = fmt.Sprintf("%s:%d", path, m.line)
			}
			out = append(out, Value{Path: key, Value: flow(v, true), Origin: origin})
		},
	}
	w.structure(reflect.ValueOf(f).Elem(), "", 0, "")
	return out
}

// YAML writes the configuration with every default in it. It loads again to the
// same configuration.
func (c *Config) YAML() []byte {
	var b strings.Builder
	w := walk{
		block: func(_, name string, depth int) {
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), str(name, plainKey(name)))
		},
		leaf: func(_, name string, depth int, v reflect.Value) {
			fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", depth), str(name, plainKey(name)), flow(v, v.Kind() == reflect.Int))
		},
	}
	w.structure(reflect.ValueOf(c.raw).Elem(), "", 0, "")
	return []byte(b.String())
}

// plainKey reports whether a key needs no quotes.
func plainKey(name string) bool {
	return ruleID.MatchString(name) || className.MatchString(name)
}
