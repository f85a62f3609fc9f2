package config

import (
	"encoding"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills the raw shape from the syntax tree. It goes on after a mistake, so
// that one run finds all, and remembers where every key stands.
type decoder struct {
	*report
	set    map[string]mark // keys that are written, at their value
	failed map[string]bool // keys whose value is a mistake already reported
}

// filler is a raw struct that depends on its own kind for its defaults.
type filler interface{ fill(kind string) }

func at(t *token.Token) mark {
	if t == nil || t.Position == nil {
		return mark{}
	}
	return mark{t.Position.Line, t.Position.Column}
}

// start is where a document begins: a mapping's own token is its first colon.
func start(n ast.Node) mark {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && m.Values[0].Key != nil {
		return at(m.Values[0].Key.GetToken())
	}
	return at(n.GetToken())
}

// fail reports a mistake about a key and keeps later checks from repeating it.
func (d *decoder) fail(place mark, key, hint, format string, args ...any) {
	d.failed[key] = true
	d.add(place, key, hint, format, args...)
}

// value decodes a node into v. f holds the bounds of the field that v is, or is
// an element of.
func (d *decoder) value(n ast.Node, v reflect.Value, key string, f *field) {
	if _, null := n.(*ast.NullNode); n == nil || null {
		d.null(n, v, key)
		return
	}
	if !d.plain(n, key) {
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, text, v, key, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, key)
	case reflect.Map:
		d.mapping(n, v, key, f)
	case reflect.Slice:
		d.list(n, v, key, f)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), key, f)
	default:
		d.scalar(n, v, key, f)
	}
}

// null is a key without a value. An empty block is fine: everything in it may be
// commented out.
func (d *decoder) null(n ast.Node, v reflect.Value, key string) {
	switch {
	case v.Kind() == reflect.Map, n == nil:
	case v.Kind() == reflect.Struct && !isText(v):
	default:
		d.fail(at(n.GetToken()), key, "give it a value, or leave the key out", "%s has no value", key)
	}
}

func isText(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// plain refuses what YAML knows beyond plain values.
func (d *decoder) plain(n ast.Node, key string) bool {
	what := ""
	switch n.(type) {
	case *ast.AnchorNode:
		what = "an anchor (&)"
	case *ast.AliasNode:
		what = "an alias (*)"
	case *ast.TagNode:
		what = "a tag (!)"
	case *ast.MergeKeyNode:
		what = "a merge key (<<)"
	case *ast.MappingKeyNode:
		what = "a complex key (?)"
	case *ast.DirectiveNode:
		what = "a directive (%)"
	}
	if what != "" {
		d.fail(at(n.GetToken()), key, "write the value out; every setting stands where it is read", "%s is not used in this file", what)
		return false
	}
	return true
}

// entries are the keys of a mapping with their values, each key once.
func (d *decoder) entries(n ast.Node, key string) (out []entry, ok bool) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(at(n.GetToken()), key, "write keys and values below it, each on a line of its own", "%s must hold keys and values", orFile(key))
		return nil, false
	}
	seen := map[string]mark{}
	for _, kv := range m.Values {
		k := kv.Key
		if k == nil || !d.plain(k, key) {
			continue
		}
		e := entry{name: k.GetToken().Value, place: at(k.GetToken()), value: kv.Value}
		if first, twice := seen[e.name]; twice {
			d.fail(e.place, join(key, e.name), "leave one of them out", "%s is written twice, first on line %d", join(key, e.name), first.line)
			continue
		}
		seen[e.name] = e.place
		out = append(out, e)
	}
	return out, true
}

type entry struct {
	name  string
	place mark
	value ast.Node
}

func (d *decoder) structure(n ast.Node, v reflect.Value, key string) {
	entries, ok := d.entries(n, key)
	if !ok {
		return
	}
	if s, ok := v.Addr().Interface().(filler); ok {
		s.fill(kindOf(entries))
	}
	fields := fieldsOf(v.Type())
	for _, e := range entries {
		path, known := join(key, e.name), false
		for i := range fields {
			if f := &fields[i]; f.name == e.name {
				known = true
				d.set[path] = placeOf(e)
				d.value(e.value, v.Field(f.index), path, f)
			}
		}
		if !known {
			d.unknown(e, path, names(fields))
		}
	}
}

func (d *decoder) unknown(e entry, path string, choices []string) {
	hint := "one of these keys stands here: " + strings.Join(choices, ", ")
	switch meant := closest(e.name, choices); {
	case e.name == "url" && len(choices) == 1:
		hint = "a URL of this kind is a secret: put it into a file and write url_file with the file's name"
	case meant != "":
		d.failed[join(strings.TrimSuffix(path, "."+e.name), meant)] = true // so that it is not reported as missing, too
		hint = "did you mean " + meant + "? " + strings.ToUpper(hint[:1]) + hint[1:]
	}
	d.fail(e.place, path, hint, "unknown key %s", quoted(e.name))
}

// kindOf looks ahead for the kind of a service, which its defaults depend on.
func kindOf(entries []entry) string {
	for _, e := range entries {
		if s, ok := e.value.(*ast.StringNode); ok && e.name == "kind" {
			return s.Value
		}
	}
	return ""
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, key string, f *field) {
	entries, ok := d.entries(n, key)
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, e := range entries {
		path := join(key, e.name)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.set[path] = e.place
		d.value(e.value, elem, path, &field{choices: f.choices})
		v.SetMapIndex(reflect.ValueOf(e.name), elem)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, key string, f *field) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(at(n.GetToken()), key, bracketed(n), "%s must be a list", key)
		return
	}
	if f.maxItems > 0 && len(seq.Values) > f.maxItems {
		d.fail(at(n.GetToken()), key, "", "%s has %d entries; at most %d are possible", key, len(seq.Values), f.maxItems)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		path := index(key, i)
		if item != nil {
			d.set[path] = at(item.GetToken())
		}
		d.value(item, out.Index(i), path, &field{choices: f.choices})
	}
	v.Set(out)
}

func bracketed(n ast.Node) string {
	if text, ok := written(n); ok && len(text) < 60 {
		return "write it in brackets: [" + str(text, false) + "]"
	}
	return "write its entries in brackets, or on a line each with a dash before"
}

// placeOf is where an entry's value stands, for mistakes that are found later.
// Blocks and empty values stand at their key.
func placeOf(e entry) mark {
	switch e.value.(type) {
	case nil, *ast.MappingNode, *ast.SequenceNode, *ast.NullNode, *ast.LiteralNode:
		return e.place
	}
	return at(e.value.GetToken())
}
