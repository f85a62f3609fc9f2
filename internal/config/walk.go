package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// walk visits the raw shape as it would be written: every key that is of use for
// its kind of service, defaults included, in the order of the shape.
//
// block opens a mapping, leaf is a value or a list.
type walk struct {
	block func(key, name string, depth int)
	leaf  func(key, name string, depth int, v reflect.Value)
}

func (w *walk) structure(v reflect.Value, key string, depth int, kind string) {
	if s, ok := v.Addr().Interface().(*rawService); ok {
		kind = s.Kind
	}
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		if !f.serves(kind) || (f.omitEmpty && value.IsZero()) {
			continue
		}
		w.value(value, join(key, f.name), f.name, depth, kind)
	}
}

func (w *walk) value(v reflect.Value, key, name string, depth int, kind string) {
	switch {
	case v.Kind() == reflect.Struct && !isText(v):
		w.block(key, name, depth)
		w.structure(v, key, depth+1, kind)
	case v.Kind() == reflect.Map:
		if v.Len() == 0 {
			return
		}
		w.block(key, name, depth)
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			elem := reflect.New(v.Type().Elem()).Elem() // addressable, unlike a map's
			elem.Set(v.MapIndex(k))
			w.value(elem, join(key, k.String()), k.String(), depth+1, kind)
		}
	case v.Kind() == reflect.Pointer:
		w.leaf(key, name, depth, v.Elem())
	default:
		w.leaf(key, name, depth, v)
	}
}

// flow writes a value on one line, texts in the quotes of JSON, which YAML shares.
func flow(v reflect.Value, bare bool) string {
	if !v.CanAddr() {
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		v = c
	}
	if m, ok := v.Addr().Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return ""
		}
		return str(string(text), bare)
	}
	switch v.Kind() {
	case reflect.String:
		return str(v.String(), bare)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = flow(v.Index(i), bare)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Struct:
		var items []string
		for _, f := range fieldsOf(v.Type()) {
			if f.omitEmpty && v.Field(f.index).IsZero() {
				continue
			}
			items = append(items, f.name+": "+flow(v.Field(f.index), bare))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

func str(text string, bare bool) string {
	if bare {
		return text
	}
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}
