package config

import (
	"reflect"
	"slices"
)

// ProfileKeys are the names of all keys of a profile, each once.
func ProfileKeys() []string {
	var out []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for _, f := range fieldsOf(t) {
			if !slices.Contains(out, f.name) {
				out = append(out, f.name)
			}
			walk(t.Field(f.index).Type)
		}
	}
	walk(reflect.TypeFor[rawProfile]())
	return out
}
