package config

import (
	"encoding"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// written is the text of a scalar as it stands in the file. ok is false for lists
// and blocks of keys.
func written(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// text decodes a value that has a grammar of its own.
func (d *decoder) text(n ast.Node, into encoding.TextUnmarshaler, v reflect.Value, key string, f *field) {
	text, ok := written(n)
	if !ok {
		d.fail(at(n.GetToken()), key, "write one value", "%s must be a single value", key)
		return
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		m := asMistake(err)
		d.fail(at(n.GetToken()), key, m.hint, "%s: %s", key, m.msg)
		return
	}
	d.bounded(n, v, key, f)
}

// bounded holds a duration or size to the least and most of its field.
func (d *decoder) bounded(n ast.Node, v reflect.Value, key string, f *field) {
	if f.least == "" && f.most == "" {
		return
	}
	least, most := reflect.New(v.Type()), reflect.New(v.Type())
	most.Elem().SetInt(math.MaxInt64)
	for text, into := range map[string]reflect.Value{f.least: least, f.most: most} {
		if u, ok := into.Interface().(encoding.TextUnmarshaler); ok && text != "" {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				d.fail(at(n.GetToken()), key, "", "%s has no bounds", key) // a defect in raw.go; a test looks
			}
		}
	}
	if x := v.Int(); x < least.Elem().Int() || x > most.Elem().Int() {
		d.fail(at(n.GetToken()), key, "write "+span(f.least, f.most), "%s is out of range", key)
	}
}

func span(least, most string) string {
	switch {
	case least == "":
		return "at most " + most
	case most == "":
		return "at least " + least
	}
	return least + " to " + most
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, key string, f *field) {
	switch v.Kind() {
	case reflect.String:
		d.str(n, v, key, f)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		d.fail(at(n.GetToken()), key, "write true or false", "%s must be true or false", key)
	case reflect.Int:
		text, ok := written(n)
		i, err := strconv.Atoi(text)
		if !ok || err != nil {
			d.fail(at(n.GetToken()), key, "write digits only, for example 100", "%s must be a whole number", key)
			return
		}
		v.SetInt(int64(i))
		d.ranged(n, float64(i), key, f)
	case reflect.Float64:
		text, ok := written(n)
		x, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			d.fail(at(n.GetToken()), key, "write a number, for example 100 or 0.5", "%s must be a number", key)
			return
		}
		v.SetFloat(x)
		d.ranged(n, x, key, f)
	}
}

func (d *decoder) ranged(n ast.Node, x float64, key string, f *field) {
	format := func(p *float64) string {
		if p == nil {
			return ""
		}
		return strconv.FormatFloat(*p, 'f', -1, 64)
	}
	if (f.minimum != nil && x < *f.minimum) || (f.maximum != nil && x > *f.maximum) {
		d.fail(at(n.GetToken()), key, "write "+span(format(f.minimum), format(f.maximum)), "%s is out of range", key)
	}
}

func (d *decoder) str(n ast.Node, v reflect.Value, key string, f *field) {
	text, ok := written(n)
	if _, isString := n.(*ast.StringNode); !ok || !isString {
		d.fail(at(n.GetToken()), key, "put the text in quotes, on one line", "%s must be a text", key)
		return
	}
	if strings.IndexFunc(text, isControl) >= 0 {
		d.fail(at(n.GetToken()), key, "", "%s holds a control character", key)
		return
	}
	if len(f.choices) > 0 && !slices.Contains(f.choices, text) {
		hint := "write one of: " + strings.Join(f.choices, ", ")
		if meant := closest(text, f.choices); meant != "" {
			hint = "did you mean " + meant + "? Write one of: " + strings.Join(f.choices, ", ")
		}
		d.fail(at(n.GetToken()), key, hint, "%s cannot be %s", key, quoted(text))
		return
	}
	v.SetString(text)
}

// join and index make the dotted path of a key; "" is the file.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func index(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

func orFile(key string) string {
	if key == "" {
		return "the file"
	}
	return key
}
